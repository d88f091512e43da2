"""The same program with and without autotrace-run: the same output, byte for byte, and the same exit code."""

from __future__ import annotations

import sys

import pytest

SHOP = """\
import logging, sys, threading
import requests
from flask import Flask, jsonify, request
from sqlalchemy import create_engine, text
from werkzeug.serving import make_server

logging.basicConfig(stream=sys.stdout, format="%(levelname)s %(name)s %(message)s", level=logging.INFO)
logging.getLogger("werkzeug").setLevel(logging.ERROR)
engine = create_engine("sqlite:///shop.db")
app = Flask("shop")

@app.post("/orders/<pizza>")
def order(pizza):
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO orders VALUES (:pizza)"), {"pizza": pizza})
        count = connection.execute(text("SELECT count(*) FROM orders")).scalar()
    app.logger.warning("order %s", pizza)
    return jsonify(count=count, headers=sorted(name for name in request.headers.keys() if name.lower() != "traceparent"))

@app.get("/broken")
def broken():
    raise RuntimeError("broken oven")

with engine.begin() as connection:
    connection.execute(text("DROP TABLE IF EXISTS orders"))
    connection.execute(text("CREATE TABLE orders (pizza TEXT)"))
server = make_server("127.0.0.1", 0, app)
thread = threading.Thread(target=server.serve_forever)
thread.start()
base = f"http://127.0.0.1:{server.port}"
with requests.Session() as session:
    for pizza in ("margherita", "diavola"):
        answer = session.post(f"{base}/orders/{pizza}", headers={"x-own": "1"})
        print(answer.status_code, answer.json(), sorted(answer.request.headers.items()))
    print(session.get(f"{base}/broken").status_code, session.get(f"{base}/missing").status_code)
print(engine, type(app), threading.active_count(), [type(handler).__name__ for handler in logging.getLogger().handlers])
server.shutdown()
thread.join()
server.server_close()
engine.dispose()
"""

OFFLINE = """\
import requests

def order():
    requests.post("http://127.0.0.1:9/orders", json={"pizza": "margherita"}, timeout=2)

def main():
    order()

main()
"""


def both(machine, *arguments):
    """Run a program bare and traced."""
    return machine.run(sys.executable, *arguments), machine.python(*arguments)


def test_a_program_of_flask_requests_and_sqlalchemy_prints_the_same(machine):
    """Answers, headers, log lines with tracebacks: nothing differs; and it was traced."""
    bare, traced = both(machine, machine.write("shop.py", SHOP))
    assert bare.returncode == 0, bare.stderr
    assert (traced.returncode, as_if_bare(traced.stdout)) == (bare.returncode, bare.stdout)
    assert as_if_bare(traced.stderr) == bare.stderr
    names = machine.names()
    assert names.count("POST /orders/<pizza>") == 2
    assert {"POST", "GET /broken", "INSERT orders", "SELECT orders"} <= set(names)


def test_an_uncaught_exception_prints_the_same(machine):
    """An exception that passes through patched functions, with three more behind it: the same text, the same code."""
    bare, traced = both(machine, machine.write("offline.py", OFFLINE))
    assert (traced.returncode, traced.stdout, bare.returncode) == (1, b"", 1)
    assert bare.stderr.count(b"Traceback (most recent call last)") >= 3
    assert as_if_bare(addresses_gone(traced.stderr)) == addresses_gone(bare.stderr)


def addresses_gone(text):
    """Blank out the addresses of objects, which differ from run to run."""
    import re

    return re.sub(rb"0x[0-9a-f]+", b"0x", text)


def as_if_bare(text):
    """Return a text as it is from Python 3.11 on; before, without the entries of our files in its tracebacks.

    There a bare ``raise`` brings the frame back, and no Python code can prevent it.
    """
    if sys.version_info >= (3, 11):
        return text
    lines = text.split(b"\n")
    kept = []
    skipping = False
    for line in lines:
        if line.startswith(b"  File "):
            skipping = b"site-packages/autotrace/" in line.replace(b"\\", b"/")
        elif not line.startswith(b"    "):
            skipping = False
        if not skipping:
            kept.append(line)
    return b"\n".join(kept)


@pytest.mark.parametrize(
    "code",
    [
        "import sys, signal, threading; print(sys.excepthook is sys.__excepthook__, signal.getsignal(15), threading.excepthook)",
        "import logging; print(logging.getLogger().handlers, logging.getLogger().level, logging.root.manager.loggerDict)",
        "import warnings, sys; print(warnings.filters == [], len(sys.warnoptions))",
        "import threading; print([thread.name for thread in threading.enumerate()], threading.active_count())",
        "import random; random.seed(1); print(random.random())",
        "import os; print(sorted(os.listdir('.')))",
        "import requests, inspect; print(inspect.signature(requests.Session.send), inspect.signature(requests.get))",
        "import sqlite3; c = sqlite3.connect(':memory:'); print(type(c).__name__, c.execute('select 1').fetchall(), c.total_changes)",
        "import flask, pickle, copy; print(flask.Flask.__call__.__doc__, flask.Flask.__call__.__qualname__)",
        "import gc; import http.client; print(isinstance(http.client.HTTPConnection('x'), http.client.HTTPConnection))",
    ],
)
def test_what_a_program_can_look_at_is_unchanged(machine, code):
    """Hooks, handlers, threads, random numbers, signatures, types."""
    bare, traced = both(machine, "-c", code)
    assert bare.returncode == 0, bare.stderr
    assert (traced.returncode, addresses_gone(traced.stdout), traced.stderr) == (
        0,
        addresses_gone(bare.stdout),
        bare.stderr,
    )


def test_secrets_of_a_failed_request_are_in_no_byte_that_is_kept(machine):
    """Neither in the URL nor in the messages and stacks of the exceptions that quote it."""
    code = (
        "import requests\n"
        "try:\n"
        "    requests.get('http://me:verysecret@127.0.0.1:9/orders?token=alsosecret&n=1', timeout=2)\n"
        "except requests.ConnectionError:\n"
        "    pass\n"
    )
    script = machine.write(
        "secrets.py", code.replace("verysecret", "' + 'very' + 'secret").replace("alsosecret", "' + 'also' + 'secret")
    )
    assert machine.python(script).returncode == 0
    kept = b"".join(file.read_bytes() for file in (machine.data / "inbox").iterdir())
    assert b"ConnectionError" in kept
    assert b"n=1" in kept
    assert b"verysecret" not in kept
    assert b"alsosecret" not in kept
