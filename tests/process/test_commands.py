"""The commands that people really start their services with, under autotrace-run."""

from __future__ import annotations

import importlib.metadata
import signal
import subprocess
import sys
import urllib.request

import pytest

from machine import RUN, SCRIPTS
from services.ports import free_port
from waiting import answered, until

FLASK = """\
import os, sqlite3
from flask import Flask

app = Flask("shop")

@app.get("/pizzas/<name>")
def pizza(name):
    return str(sqlite3.connect(":memory:").execute("SELECT ?", (os.getpid(),)).fetchone()[0])
"""

FASTAPI = """\
import os
from fastapi import FastAPI

app = FastAPI()

@app.get("/pizzas/{name}")
async def pizza(name: str):
    return os.getpid()
"""

WSGIREF = """\
import os, sys
from wsgiref.simple_server import WSGIRequestHandler, make_server

class Quiet(WSGIRequestHandler):
    def log_message(self, *_):
        pass

def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"%d" % os.getpid()]

make_server("127.0.0.1", int(sys.argv[1]), app, handler_class=Quiet).serve_forever()
"""

# Before 2.2 an application is not named on the command line of Flask's, which finds it by the file's name.
OLD = tuple(map(int, importlib.metadata.version("flask").split(".")[:2])) < (2, 2)
NAME, NAMED = ("app.py", []) if OLD else ("shop.py", ["--app", "shop"])
COMMANDS = {
    "flask": (NAME, FLASK, ["{bin}/flask", *NAMED, "run", "--port", "{port}"], "GET /pizzas/<name>"),
    "python -m flask": (
        NAME,
        FLASK,
        [sys.executable, "-m", "flask", *NAMED, "run", "-p", "{port}"],
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


WORKERS = {"gunicorn": 2, "uvicorn workers": 2}


def fetch(port):
    """Ask a server; returns which process answered."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/pizzas/margherita", timeout=10) as answer:
        assert answer.status == 200
        return answer.read()


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


def serve(machine, prefix, command, workers, spans):
    """Start a server, ask until each worker has answered, wait for the spans, stop it as Ctrl-C does.

    A worker that still starts would be told to end before it knows what to do then, bare as well as traced.

    Returns:
        the exit code, and how many requests were answered.
    """
    port = free_port()
    filled = [part.format(bin=SCRIPTS, port=port) for part in command]
    log = machine.directory / "log"
    answers = []
    with (
        log.open("wb") as output,
        subprocess.Popen(
            [*prefix, *filled], cwd=machine.directory, env=machine.environ, stdout=output, stderr=output
        ) as process,
    ):
        try:
            answers.append(answered(lambda: fetch(port), process, log.read_text))
            while len(answers) < 3 or len(set(answers)) < workers:
                answers.append(fetch(port))
            until(lambda: machine.delivered() >= spans * len(answers), "the spans")
        finally:
            code = interrupt(process)
    return code, len(answers)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_service_is_traced_and_ends_as_without_us(machine, name):
    """A server span per request, with the route where a framework knows it; the same exit code after Ctrl-C."""
    file, source, command, span = COMMANDS[name]
    machine.write(file, source)
    workers = WORKERS.get(name, 1)
    bare, _ = serve(machine, [], command, workers, 0)
    traced, asked = serve(machine, [RUN], command, workers, 1)
    assert traced == bare
    assert machine.names().count(span.replace("{{", "{").replace("}}", "}")) == asked
