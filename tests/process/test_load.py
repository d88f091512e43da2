"""What a tight loop, many threads, many forks and a server under load do not lose."""

from __future__ import annotations

import http.client
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections import Counter
from contextlib import closing

import pytest

from autotrace.testing.collecting import collecting
from machine import AUTOTRACE, RUN
from services.ports import free_port
from waiting import LIMIT_S, until

FLASK = (
    "import os\nfrom flask import Flask\napp = Flask(__name__)\n@app.get('/')\ndef index():\n    return str(os.getpid())\n"
    "if __name__ == '__main__':\n    import sys\n    app.run('127.0.0.1', int(sys.argv[1]), threaded=True)\n"
)
STARLETTE = (
    "import os\nfrom starlette.applications import Starlette\nfrom starlette.responses import PlainTextResponse\n"
    "from starlette.routing import Route\n"
    "async def index(request):\n    return PlainTextResponse(str(os.getpid()))\n"
    "app = Starlette(routes=[Route('/', index)])\n"
)
AIOHTTP = (
    "import os, sys\nfrom aiohttp import web\n"
    "async def index(request):\n    return web.Response(text=str(os.getpid()))\n"
    "app = web.Application()\napp.router.add_get('/', index)\n"
    "web.run_app(app, host='127.0.0.1', port=int(sys.argv[1]), print=None)\n"
)
GUNICORN = ("-m", "gunicorn", "-w2", "--graceful-timeout=20", "-b127.0.0.1:{port}")
# Each answers with the number of its process; how many processes answer.
SERVERS = {
    "werkzeug": (FLASK, ("{dir}/app.py", "{port}"), 1),
    "waitress": (FLASK, ("-m", "waitress", "--listen=127.0.0.1:{port}", "app:app"), 1),
    "gunicorn sync": (FLASK, (*GUNICORN, "app:app"), 2),
    "gunicorn gthread preload": (FLASK, (*GUNICORN, "--threads=4", "--preload", "app:app"), 2),
    "uvicorn": (STARLETTE, ("-m", "uvicorn", "--port={port}", "app:app"), 1),
    "uvicorn workers": (STARLETTE, ("-m", "uvicorn", "--workers=2", "--port={port}", "app:app"), 2),
    "hypercorn": (STARLETTE, ("-m", "hypercorn", "-b127.0.0.1:{port}", "app:app"), 1),
    "aiohttp": (AIOHTTP, ("{dir}/app.py", "{port}"), 1),
}
CLIENTS = 4
SIZES = [20_000, pytest.param(200_000, marks=pytest.mark.endurance)]
# A quarter are roots, the others one trace, whose root ends after most of its children have been delivered.
LOOP = """\
import sys
import autotrace

total, short = map(int, sys.argv[1:])
for number in range(short):
    with autotrace.span("short", number=number):
        pass
with autotrace.span("long"):
    for number in range(total - short - 1):
        with autotrace.span("step"):
            pass
"""


def names(total):
    """Return how many spans of each name the loop makes."""
    return {"short": total // 4, "step": total - total // 4 - 1, "long": 1}


class Load:
    """Clients that ask again and again, each time in a trace of its own."""

    def __init__(self, port):
        self.answered = []
        self.workers = set()
        self._port = port
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._ask, args=(number,)) for number in range(CLIENTS)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _ask(self, number):
        for count in range(1, 1_000_000):
            trace = f"{number + 1:04x}{count:028x}"
            headers = {"traceparent": f"00-{trace}-00000000000000{number + 1:02x}-01"}
            connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=20)
            try:
                connection.request("GET", "/", headers=headers)
                response = connection.getresponse()
                if response.status == 200 and (worker := response.read()).isdigit():
                    self.answered.append(trace)
                    self.workers.add(worker)
            except (OSError, http.client.HTTPException):
                if self._over.wait(0.05):  # s, until it is asked again
                    return
            finally:
                connection.close()


@pytest.mark.parametrize("server", SERVERS)
def test_a_server_stopped_by_sigterm_under_load_delivers_every_finished_span(machine, server):
    """What was answered is at the sink; more than that only what was on its way.

    Each worker has answered before: one that still starts may miss the signal, with and without us.
    """
    source, arguments, workers = SERVERS[server]
    machine.write("app.py", source)
    port = free_port()
    command = [part.format(port=port, dir=machine.directory) for part in arguments]
    log = machine.directory / "log"
    with (
        log.open("wb") as output,
        subprocess.Popen(
            [RUN, sys.executable, *command],
            cwd=machine.directory,
            env={**machine.environ, "PYTHONPATH": str(machine.directory)},
            stdout=output,
            stderr=output,
            start_new_session=True,
        ) as process,
    ):
        try:
            with Load(port) as load:
                until(lambda: len(load.answered) >= 200 and len(load.workers) == workers, log.read_text)
                process.send_signal(signal.SIGTERM)
                code = process.wait(LIMIT_S)
        finally:
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
    assert code in (0, -signal.SIGTERM), log.read_text()
    arrived = [span.trace_id.hex() for span in machine.spans()]
    assert len(arrived) == len(set(arrived))
    assert set(load.answered) - set(arrived) == set()
    assert len(set(arrived) - set(load.answered)) <= 2 * CLIENTS


@pytest.mark.parametrize("forks", [40, pytest.param(200, marks=pytest.mark.endurance)])
def test_many_forks_while_threads_make_spans(machine, forks):
    """No deadlock, every child's span arrives, ids are unique."""
    code = (
        "import autotrace, os, threading\n"
        "over = threading.Event()\n"
        "made = []\n"
        "def work():\n"
        "    while not over.wait(0.0005):\n"
        "        with autotrace.span('thread'):\n            pass\n"
        "        made.append(1)\n"
        "threads = [threading.Thread(target=work) for _ in range(4)]\n"
        "for thread in threads:\n    thread.start()\n"
        f"for _ in range({forks}):\n"
        "    pid = os.fork()\n"
        "    if pid == 0:\n"
        "        with autotrace.span('child'):\n            pass\n"
        "        os._exit(0)\n"
        "    assert os.waitpid(pid, 0)[1] == 0\n"
        "over.set()\n"
        "for thread in threads:\n    thread.join()\n"
        "print(len(made))\n"
    )
    done = machine.python("-W", "ignore", "-c", code, timeout=120)
    assert (done.returncode, done.stderr) == (0, b"")
    spans = machine.spans()
    assert sum(span.name == "child" for span in spans) == forks
    assert sum(span.name == "thread" for span in spans) == int(done.stdout)
    assert len({span.span_id for span in spans}) == len(spans)
    assert len({span.trace_id for span in spans}) == len(spans)


@pytest.mark.parametrize("total", SIZES)
def test_a_tight_loop_is_whole_in_the_local_store(machine, total):
    """Each span, made faster than the worker empties them, lies in the index once `autotrace traces` has run."""
    done = machine.python("-c", LOOP, str(total), str(total // 4), timeout=120)
    assert (done.returncode, done.stderr) == (0, b"")
    listed = machine.run(AUTOTRACE, "traces", "--json", "--limit", "1", timeout=120)
    assert (listed.returncode, listed.stderr) == (0, b"")
    with closing(sqlite3.connect(machine.data / "traces.sqlite")) as index:
        counted = dict(index.execute("SELECT name, count(*) FROM spans GROUP BY name"))
        summed, longest = index.execute("SELECT sum(span_count), max(span_count) FROM traces").fetchone()
    assert counted == names(total)
    assert (summed, longest) == (total, total - total // 4)


@pytest.mark.parametrize("total", SIZES)
def test_a_tight_loop_is_whole_at_a_collector(machine, total):
    """Each span is in a request that an OTLP receiver was sent, and in one only."""
    with collecting() as collector:
        environ = {"AUTOTRACE_ENDPOINT": collector.url}
        done = machine.python("-c", LOOP, str(total), str(total // 4), environ=environ, timeout=120)
    assert (done.returncode, done.stderr) == (0, b"")
    spans = collector.spans()
    assert Counter(span.name for span in spans) == names(total)
    assert len({(span.trace_id, span.span_id) for span in spans}) == total
