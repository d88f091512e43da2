"""Servers that recycle, reload, time out and replace their workers: what was finished arrives."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections import Counter
from contextlib import contextmanager
from pathlib import Path

import pytest

from machine import RUN
from services.ports import free_port
from waiting import LIMIT_S, answered, until

APP = (
    "import os, threading\nfrom flask import Flask\napp = Flask(__name__)\n"
    "@app.get('/')\ndef index():\n    return str(os.getpid())\n"
    "@app.get('/hang')\ndef hang():\n    threading.Event().wait()\n"
)
ASGI = (
    "from starlette.applications import Starlette\nfrom starlette.responses import PlainTextResponse\n"
    "from starlette.routing import Route\n"
    "async def index(request):\n    return PlainTextResponse('hello')\n"
    "app = Starlette(routes=[Route('/', index)])\n"
)
# Said by each worker of gunicorn that hears signals: one that gets one earlier may miss it, with and without us.
STARTED = (
    "def post_worker_init(worker):\n    with open('started', 'a') as file:\n        print(worker.pid, file=file)\n"
)


@contextmanager
def serving(machine, source, *command):
    """Run a server of ``app.py``; gives its process and its address once it answers."""
    port = free_port()
    machine.write("app.py", source)
    process = subprocess.Popen(
        [RUN, *(part.format(port=port) for part in command)],
        cwd=machine.directory,
        env={**machine.environ, "PYTHONPATH": str(machine.directory)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        answered(lambda: socket.create_connection(("127.0.0.1", port), timeout=1).close(), process)
        yield process, f"http://127.0.0.1:{port}"
    finally:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        process.wait()


def ask(url):
    """Return the body of one answer."""
    with urllib.request.urlopen(url, timeout=20) as response:
        return response.read()


def stop(process, number=signal.SIGTERM):
    """End a server and wait for its end."""
    process.send_signal(number)
    return process.wait(LIMIT_S)


def requests(machine, path="/"):
    """Return the server spans of a path: whether each was open at the end of its process."""
    found = []
    for span in machine.spans():
        attributes = {item.key: item.value for item in span.attributes}
        if attributes["url.path"].string_value == path:
            found.append("autotrace.unfinished" in attributes)
    return found


@pytest.mark.parametrize("options", [["--threads=1"], ["--threads=4"], ["--lazy-apps"]], ids=["one", "four", "lazy"])
def test_workers_that_uwsgi_forks_have_traces_of_their_own(machine, options):
    """It forks in C and tells nobody: each worker has ids, a queue and a thread of its own, and delivers while it runs."""
    uwsgi = ["uwsgi", "--module=app:app", "--master", "--die-on-term", "--processes=2", *options]
    uwsgi[0] = str(Path(sys.executable).with_name("uwsgi"))
    with serving(machine, APP, *uwsgi, "--http=127.0.0.1:{port}") as (process, url):
        asked = [ask(url) for _ in range(20)]
        until(lambda: asked.append(ask(url)) or len(set(asked)) == 2, "an answer of the other worker")
        until(lambda: len(requests(machine)) >= len(asked), lambda: f"{len(asked)} spans: {requests(machine)}")
        assert requests(machine) == [False] * len(asked)
        assert stop(process) == 0
    assert requests(machine) == [False] * len(asked)
    assert len({span.trace_id for span in machine.spans()}) == len(asked)


@pytest.mark.parametrize("kind", ["wsgi", "asgi"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_worker_of_granian_delivers_when_it_is_stopped(machine, kind, number):
    """It serves from a process that is spawned, on threads of Rust."""
    start = f"import granian; granian.Granian('app:app', port={{port}}, interface='{kind}').serve()"
    command = (sys.executable, "-c", f"if __name__ == '__main__': {start}")
    with serving(machine, APP if kind == "wsgi" else ASGI, *command) as (process, url):
        for _ in range(5):
            ask(url)
        assert stop(process, number) == 0
    assert requests(machine) == [False] * 5
    assert {span.name for span in machine.spans()} == {"GET /"}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_daphne_delivers_when_it_is_stopped(machine, number):
    """Its loop is Twisted's, which handles the signals."""
    command = (sys.executable, "-m", "daphne", "--bind=127.0.0.1", "--port={port}", "app:app")
    with serving(machine, ASGI, *command) as (process, url):
        for _ in range(5):
            ask(url)
        assert stop(process, number) == 0
    assert requests(machine) == [False] * 5


def test_a_gunicorn_worker_that_times_out_delivers(machine):
    """Its master aborts it in the middle of a request: that one arrives, and what was before it."""
    command = (sys.executable, "-m", "gunicorn", "-w1", "--timeout=2", "-b127.0.0.1:{port}", "app:app")
    with serving(machine, APP, *command) as (process, url):
        (worker,) = {ask(url) for _ in range(5)}
        with pytest.raises((urllib.error.URLError, OSError)) as caught:
            ask(f"{url}/hang")
        if isinstance(caught.value, urllib.error.HTTPError):  # newer ones answer before they go
            caught.value.close()
        assert ask(url) != worker
        assert stop(process) == 0
    assert requests(machine) == [False] * 6
    assert len(requests(machine, "/hang")) == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT])
def test_a_gunicorn_that_stops_gracefully_or_at_once_delivers(machine, number):
    """With workers that are replaced after every third request."""
    options = ("--max-requests=3", "-w2", "--graceful-timeout=20", f"--config={machine.write('started.py', STARTED)}")
    command = (sys.executable, "-m", "gunicorn", *options, "-b127.0.0.1:{port}", "app:app")
    started = machine.directory / "started"
    with serving(machine, APP, *command) as (process, url):
        replaced = list(Counter(ask(url) for _ in range(6)).values()).count(3)
        until(lambda: len(started.read_text().splitlines()) == 2 + replaced, "all workers")
        assert stop(process, number) == 0
    assert requests(machine) == [False] * 6


def test_a_uvicorn_that_reloads_delivers(machine):
    """The worker that is replaced, and the one that comes after it."""
    # It has to have looked at the file once, to notice that it changed: long before its worker answers.
    command = (sys.executable, "-m", "uvicorn", "--reload", "--reload-delay=0.01", "--port={port}", "app:app")
    with serving(machine, ASGI, *command) as (process, url):
        assert [ask(url) for _ in range(3)] == [b"hello"] * 3
        Path(machine.directory, "app.py").write_text(ASGI.replace("'hello'", "'changed'"), encoding="utf-8")
        asked = [b"hello"] * 3
        # Between the two nobody answers.
        until(lambda: asked.append(answered(lambda: ask(url))) or asked[-1] == b"changed", "the changed program")
        assert stop(process) in (0, -signal.SIGTERM)
    assert requests(machine) == [False] * len(asked)


def test_a_program_that_its_reloader_kills_has_delivered(machine):
    """By SIGKILL, when it gets SIGTERM itself: what was finished has not waited for more."""
    machine.environ.update(AUTOTRACE_SCHEDULE_DELAY_MS="3600000", FLASK_DEBUG="1")  # older ones know no `run --debug`
    command = (sys.executable, "-m", "flask", "run", "--port={port}")
    with serving(machine, APP, *command) as (process, url):
        answered(lambda: ask(url))
        for _ in range(3):
            ask(url)
        until(lambda: len(requests(machine)) == 4, "the spans of a process that goes on")
        assert stop(process) == 0
    assert requests(machine) == [False] * 4


@pytest.mark.parametrize("variable", ["WERKZEUG_RUN_MAIN", "RUN_MAIN"])
def test_a_program_beneath_a_reloader_leaves_nothing_waiting(machine, variable):
    """werkzeug and Django say by a variable that they are the ones who started it."""
    code = (
        "import autotrace, os, signal, sys\n"
        "with autotrace.span('work'):\n    pass\n"
        "sys.stdin.read()\nos.kill(os.getpid(), signal.SIGKILL)\n"
    )
    environ = {**machine.environ, variable: "true", "AUTOTRACE_SCHEDULE_DELAY_MS": "3600000"}
    with subprocess.Popen(
        [RUN, sys.executable, "-c", code], cwd=machine.directory, env=environ, stdin=subprocess.PIPE
    ) as process:
        try:
            until(lambda: machine.delivered() == 1, "the span")
            process.communicate(timeout=LIMIT_S)
        finally:
            process.kill()
    assert process.returncode == -signal.SIGKILL


def test_recycled_workers_of_a_pool_deliver(machine):
    """Each task in a process of its own, which ends by os._exit."""
    script = machine.write(
        "pool.py",
        "import multiprocessing, autotrace\n"
        "def work(number):\n    with autotrace.span('work'):\n        return number\n"
        "if __name__ == '__main__':\n"
        "    with multiprocessing.Pool(2, maxtasksperchild=1) as pool:\n"
        "        total = sum(pool.imap(work, range(10), 1))\n"
        "        pool.close()\n        pool.join()\n"
        "    print(total)\n",  # not before the last worker is forked: it would print what waits, too
    )
    done = machine.python(script)
    assert (done.returncode, done.stdout) == (0, b"45\n")
    assert machine.names() == ["work"] * 10


SANIC = (
    "from sanic import Sanic, text\napp = Sanic('shop')\n"
    "@app.get('/orders/<number:int>')\nasync def order(request, number):\n    return text(str(number))\n"
)


@pytest.mark.parametrize(
    "options", [("--single-process",), pytest.param(("--workers", "1"), marks=pytest.mark.endurance)]
)
def test_sanic(machine, options):
    """A request is a span, also where Sanic's manager has spawned the worker that serves it."""
    command = sys.executable, "-m", "sanic", "app:app", "--host", "127.0.0.1", "--port", "{port}", *options
    with serving(machine, SANIC, *command) as (_, url):
        assert ask(f"{url}/orders/7") == b"7"
        until(lambda: machine.delivered() >= 1, "the span")
    (span,) = (span for span in machine.spans() if span.name.startswith("GET"))
    assert span.name == "GET /orders/<number:int>"
    assert {item.key: item.value.string_value for item in span.attributes}["code.function.name"] == "app.order"
