"""Servers that recycle, reload, time out and replace their workers: what was finished arrives."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import pytest

from machine import RUN
from services.ports import free_port

APP = (
    "import time\nfrom flask import Flask\napp = Flask(__name__)\n"
    "@app.get('/')\ndef index():\n    return 'hello'\n"
    "@app.get('/hang')\ndef hang():\n    time.sleep(60)\n    return 'late'\n"
)
ASGI = (
    "from starlette.applications import Starlette\nfrom starlette.responses import PlainTextResponse\n"
    "from starlette.routing import Route\n"
    "async def index(request):\n    return PlainTextResponse('hello')\n"
    "app = Starlette(routes=[Route('/', index)])\n"
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
        deadline = time.monotonic() + 30
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                assert time.monotonic() < deadline
                assert process.poll() is None
                time.sleep(0.1)
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
    return process.wait(30)


def requests(machine, path="/"):
    """Return the server spans of a path: whether each was open at the end of its process."""
    found = []
    for span in machine.spans():
        attributes = {item.key: item.value for item in span.attributes}
        if attributes["url.path"].string_value == path:
            found.append("autotrace.unfinished" in attributes)
    return found


@pytest.mark.parametrize("threads", [1, 4])
def test_workers_that_uwsgi_forks_have_traces_of_their_own(machine, threads):
    """It forks in C and tells nobody: each worker has ids, a queue and a thread of its own, and delivers while it runs."""
    uwsgi = [
        str(Path(sys.executable).with_name("uwsgi")),
        "--module=app:app",
        "--master",
        "--die-on-term",
        "--processes=2",
    ]
    with serving(machine, APP, *uwsgi, f"--threads={threads}", "--http=127.0.0.1:{port}") as (process, url):
        assert {ask(url) for _ in range(40)} == {b"hello"}
        deadline = time.monotonic() + 20
        while len(requests(machine)) < 40 and time.monotonic() < deadline:
            time.sleep(0.2)
        assert requests(machine) == [False] * 40
        assert stop(process) == 0
    assert requests(machine) == [False] * 40
    assert len({span.trace_id for span in machine.spans()}) == 40


def test_a_gunicorn_worker_that_times_out_delivers(machine):
    """Its master aborts it in the middle of a request: that one arrives, and what was before it."""
    command = (sys.executable, "-m", "gunicorn", "-w1", "--timeout=2", "-b127.0.0.1:{port}", "app:app")
    with serving(machine, APP, *command) as (process, url):
        assert [ask(url) for _ in range(5)] == [b"hello"] * 5
        with pytest.raises((urllib.error.URLError, OSError)):
            ask(f"{url}/hang")
        assert ask(url) == b"hello"  # from the next worker
        assert stop(process) == 0
    assert requests(machine) == [False] * 6
    assert len(requests(machine, "/hang")) == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT])
def test_a_gunicorn_that_stops_gracefully_or_at_once_delivers(machine, number):
    """With workers that are replaced after every third request."""
    options = ("--max-requests=3", "-w2", "-b127.0.0.1:{port}")
    with serving(machine, APP, sys.executable, "-m", "gunicorn", *options, "app:app") as (process, url):
        assert [ask(url) for _ in range(12)] == [b"hello"] * 12
        assert stop(process, number) == 0
    assert requests(machine) == [False] * 12


def test_a_uvicorn_that_reloads_delivers(machine):
    """The worker that is replaced, and the one that comes after it."""
    command = (sys.executable, "-m", "uvicorn", "--reload", "--port={port}", "app:app")
    with serving(machine, ASGI, *command) as (process, url):
        assert [ask(url) for _ in range(3)] == [b"hello"] * 3
        Path(machine.directory, "app.py").write_text(ASGI.replace("'hello'", "'changed'"), encoding="utf-8")
        deadline = time.monotonic() + 30
        answer = b"hello"
        asked = 3
        while answer != b"changed":
            assert time.monotonic() < deadline
            time.sleep(0.2)
            try:
                answer = ask(url)
                asked += 1
            except OSError:  # between the two
                continue
        assert stop(process) in (0, -signal.SIGTERM)
    assert requests(machine) == [False] * asked


def test_recycled_workers_of_a_pool_deliver(machine):
    """Each task in a process of its own, which ends by os._exit."""
    script = machine.write(
        "pool.py",
        "import multiprocessing, autotrace\n"
        "def work(number):\n    with autotrace.span('work'):\n        return number\n"
        "if __name__ == '__main__':\n"
        "    with multiprocessing.Pool(2, maxtasksperchild=1) as pool:\n"
        "        print(sum(pool.imap(work, range(10), 1)))\n"
        "        pool.close()\n        pool.join()\n",
    )
    done = machine.python(script)
    assert (done.returncode, done.stdout) == (0, b"45\n")
    assert machine.names() == ["work"] * 10
