"""The commands that people really start their services with, under autotrace-run."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request

import pytest

from machine import RUN, SCRIPTS
from services.ports import free_port

FLASK = """\
import sqlite3
from flask import Flask

app = Flask("shop")

@app.get("/pizzas/<name>")
def pizza(name):
    return str(sqlite3.connect(":memory:").execute("SELECT 1").fetchall())
"""

FASTAPI = """\
from fastapi import FastAPI

app = FastAPI()

@app.get("/pizzas/{name}")
async def pizza(name: str):
    return name
"""

WSGIREF = """\
import sys
from wsgiref.simple_server import WSGIRequestHandler, make_server

class Quiet(WSGIRequestHandler):
    def log_message(self, *_):
        pass

def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"hello"]

make_server("127.0.0.1", int(sys.argv[1]), app, handler_class=Quiet).serve_forever()
"""

COMMANDS = {
    "flask": ("shop.py", FLASK, ["{bin}/flask", "--app", "shop", "run", "--port", "{port}"], "GET /pizzas/<name>"),
    "python -m flask": (
        "shop.py",
        FLASK,
        [sys.executable, "-m", "flask", "--app", "shop", "run", "-p", "{port}"],
        "GET /pizzas/<name>",
    ),
    "gunicorn": (
        "shop.py",
        FLASK,
        ["{bin}/gunicorn", "-w", "2", "-b", "127.0.0.1:{port}", "shop:app"],
        "GET /pizzas/<name>",
    ),
    "gunicorn threads": (
        "shop.py",
        FLASK,
        ["{bin}/gunicorn", "--preload", "-k", "gthread", "--threads", "2", "-b", "127.0.0.1:{port}", "shop:app"],
        "GET /pizzas/<name>",
    ),
    "waitress": (
        "shop.py",
        FLASK,
        ["{bin}/waitress-serve", "--listen", "127.0.0.1:{port}", "shop:app"],
        "GET /pizzas/<name>",
    ),
    "uvicorn": ("main.py", FASTAPI, ["{bin}/uvicorn", "--port", "{port}", "main:app"], "GET /pizzas/{{name}}"),
    "uvicorn workers": (
        "main.py",
        FASTAPI,
        ["{bin}/uvicorn", "--workers", "2", "--port", "{port}", "main:app"],
        "GET /pizzas/{{name}}",
    ),
    "hypercorn": (
        "main.py",
        FASTAPI,
        ["{bin}/hypercorn", "-b", "127.0.0.1:{port}", "main:app"],
        "GET /pizzas/{{name}}",
    ),
    "wsgiref": ("plain.py", WSGIREF, [sys.executable, "plain.py", "{port}"], "GET"),
}


def fetch(port, process):
    """Ask once the server answers; returns the status."""
    deadline = time.monotonic() + 40
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/pizzas/margherita", timeout=10) as answer:
                answer.read()
                return answer.status
        except (urllib.error.URLError, ConnectionError):
            assert process.poll() is None, "the server has ended"
            assert time.monotonic() < deadline, "the server does not answer"
            time.sleep(0.05)


def interrupt(process):
    """Press Ctrl-C, again where the first one came while a handler swallows everything; returns the exit code."""
    for _ in range(5):
        process.send_signal(signal.SIGINT)
        try:
            return process.wait(5)
        except subprocess.TimeoutExpired:
            continue
    process.kill()
    pytest.fail("the server does not end")


def serve(machine, prefix, command, requests, seen=lambda: True):
    """Start a server, ask it, wait until ``seen``, stop it as Ctrl-C does; returns its exit code."""
    port = free_port()
    filled = [part.format(bin=SCRIPTS, port=port) for part in command]
    log = machine.directory / "log"
    with (
        log.open("wb") as output,
        subprocess.Popen(
            [*prefix, *filled], cwd=machine.directory, env=machine.environ, stdout=output, stderr=output
        ) as process,
    ):
        try:
            for _ in range(requests):
                assert fetch(port, process) == 200
            deadline = time.monotonic() + 20
            while not seen() and time.monotonic() < deadline:
                time.sleep(0.1)
        finally:
            code = interrupt(process)
    return code


@pytest.mark.parametrize("name", COMMANDS)
def test_a_service_is_traced_and_ends_as_without_us(machine, name):
    """A server span per request, with the route where a framework knows it; the same exit code after Ctrl-C."""
    file, source, command, span = COMMANDS[name]
    machine.write(file, source)
    name = span.replace("{{", "{").replace("}}", "}")
    bare = serve(machine, [], command, 1)
    assert serve(machine, [RUN], command, 3, lambda: machine.delivered() >= 3) == bare
    assert machine.names().count(name) == 3
