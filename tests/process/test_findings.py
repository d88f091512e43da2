"""Findings in what real programs left: the right one is there, and nobody is blamed who did nothing wrong."""

from __future__ import annotations

import os
import time
from contextlib import closing
from unittest.mock import patch

from autotrace.insights.judge import findings
from autotrace.store.queries import Filter, count_traces, load_traces
from autotrace.store.reader import open_store

WELL = """
import socket, sqlite3, sys, threading, time
import redis
from wsgiref.simple_server import make_server

cache = redis.Redis(sys.argv[1], int(sys.argv[2]))
with sqlite3.connect("shop.db") as database:
    database.execute("CREATE TABLE pizzas (id INTEGER, price INTEGER, stock INTEGER)")
    database.executemany("INSERT INTO pizzas VALUES (?, 9, 1)", [(n,) for n in range(2000)])

def app(environ, start_response):
    path = environ["PATH_INFO"]
    cache.get("page")
    database = sqlite3.connect("shop.db")
    if path == "/report":
        time.sleep(0.3)
        for _ in range(6):
            database.execute("SELECT 1").fetchall()
    if path == "/menu":
        for n in range(20):
            database.execute("SELECT price FROM pizzas WHERE id = ?", (n,)).fetchall()
            database.execute("SELECT stock FROM pizzas WHERE id = ?", (n,)).fetchall()
            database.execute("SELECT id FROM pizzas WHERE id = ?", (n,)).fetchall()
    database.close()
    start_response("200 OK", [("Content-Length", "2")])
    return [b"ok"]

server = make_server("127.0.0.1", 0, app)
threading.Thread(target=server.serve_forever, daemon=True).start()

def ask(path, parent=""):
    with socket.create_connection(server.server_address) as line:  # a caller that nobody traces
        line.sendall(f"GET {path} HTTP/1.0\\r\\nHost: shop\\r\\n{parent}\\r\\n".encode())
        while line.recv(4096):
            pass

for _ in range(4):
    cache.blpop("jobs", 1)
for n in range(10):
    ask(f"/items/{n}")
for n in range(3):
    ask("/report")
    ask("/items/9", f"traceparent: 00-{n + 1:032x}-{n + 1:016x}-01\\r\\n")
    ask("/menu")
"""

POLLER = """
import sqlite3, sys
import autotrace

database = sqlite3.connect(":memory:")
with autotrace.span("request"):
    if len(sys.argv) > 1:
        sys.exit(sum(sys.argv[1:]))
for _ in range(2100):
    database.execute("SELECT 1")
"""


def found(machine, most=2000):
    """Return the findings in what was left, an hour later."""
    with patch.dict(os.environ, machine.environ, clear=True):
        database = open_store().database
    with closing(database):
        return findings(load_traces(database, Filter(limit=most), 100_000), time.time_ns() + 3600 * 10**9)


def test_nobody_is_blamed_for_what_others_do(machine, redis_server):
    """Pages without routes are no one page, a lone blocking command is not slow, quick repeats are none, a loop is one."""
    program = machine.write("shop.py", WELL)
    done = machine.python(program, redis_server.host, str(redis_server.port))
    assert (done.returncode, done.stdout) == (0, b""), done.stderr
    told = found(machine)
    (loop,) = [one for one in told if one.kind == "repeated statement"]
    assert (loop.route, len(loop.facts["also"]), loop.facts["per_request"]) == ("GET /menu in shop", 2, 20)
    (edge,) = [one for one in told if one is not loop]
    assert (edge.title, edge.count, edge.total) == ("GET /items/{n} in shop: its parent never arrived", 3, 3)
    assert not any("killed" in sentence for sentence in edge.evidence)


def test_a_poller_pushes_no_request_out(machine):
    """The failed request before two thousand idle looks is still found."""
    program = machine.write("poller.py", POLLER)
    assert machine.python(program, "now").returncode == 1
    done = machine.python(program)
    assert (done.returncode, done.stderr) == (0, b"")
    with patch.dict(os.environ, machine.environ, clear=True):
        database = open_store().database
    with closing(database):
        assert count_traces(database) > 2100
    assert [one.title.partition(":")[0] for one in found(machine)] == ["TypeError"]
