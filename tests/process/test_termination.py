"""Signals that end a process: what was finished arrives, what was open has a mark, and the end is the bare program's."""

from __future__ import annotations

import contextlib
import signal
import socket
import subprocess
import sys

import pytest

from machine import RUN
from waiting import LIMIT_S, asleep, until

ENDING = [signal.SIGTERM, signal.SIGHUP]
READY = "print('ready', flush=True)\n"
SPAN = "import autotrace\nwith autotrace.span('work'):\n    pass\n"


def kill(machine, code, *numbers, prefix=(RUN,), between=lambda: None):
    """Run Python code until it says that it is ready, send it signals, return its exit status and output."""
    command = [*prefix, sys.executable, "-c", code]
    with subprocess.Popen(
        command, bufsize=0, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=machine.environ, cwd=machine.directory
    ) as process:
        try:
            assert process.stdout.readline() == b"ready\n", process.communicate()
            # A signal that comes between the interpreter's look and the call of the system is seen only afterwards.
            if numbers:
                until(lambda: asleep(process.pid), "the program to sleep")
            for place, number in enumerate(numbers):
                if place:
                    between()
                process.send_signal(number)
            out, err = process.communicate(timeout=LIMIT_S)
        finally:
            process.kill()
        return process.returncode, out, err


@pytest.mark.parametrize("number", ENDING)
def test_finished_spans_arrive_although_the_signal_kills(machine, number):
    """At the default; the parent sees the signal, and nothing is printed."""
    code, out, err = kill(machine, f"{SPAN}{READY}import time; time.sleep(60)", number)
    assert (code, out, err) == (-number, b"", b"")
    assert machine.names() == ["work"]


@pytest.mark.parametrize("sink", ["inbox", "otlp"])
def test_sigint_at_its_default_ends_as_the_bare_program_does(machine, sink):
    """KeyboardInterrupt, its traceback, and the spans; also where the delivery imports what clears Python's flag."""
    if sink == "otlp":
        machine.environ.update(AUTOTRACE_EXPORTERS="otlp,inbox", AUTOTRACE_ENDPOINT="http://127.0.0.1:9")
    code = f"{SPAN}{READY}import time; time.sleep(60)"
    bare, *_ = kill(machine, f"{READY}import time; time.sleep(60)", signal.SIGINT, prefix=())
    ended, _, err = kill(machine, code, signal.SIGINT)
    assert ended == bare == -signal.SIGINT
    assert err.endswith(b"KeyboardInterrupt\n")
    assert machine.names() == ["work"]


def test_no_signal_is_taken_by_a_thread_of_ours(machine):
    """Else the main thread would sleep on: Ctrl-C was not heard, where it came while the first spans were delivered."""
    code = (
        f"{SPAN}import os, signal\n"
        "wanted = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGALRM, signal.SIGCHLD, signal.SIGUSR1}\n"
        "def blocked(thread):\n"
        "    with open(f'/proc/self/task/{thread}/status') as status:\n"
        "        (mask,) = [int(line[7:], 16) for line in status if line.startswith('SigBlk:')]\n"
        "    return {number for number in wanted if mask >> number - 1 & 1}\n"
        "def others():\n    return [blocked(one) for one in os.listdir('/proc/self/task') if int(one) != os.getpid()]\n"
        "while others() != [wanted] * 2: pass\n"  # one that starts has not come so far
        "assert blocked(os.getpid()) == set()\n"
        "print('ready', flush=True)\n"
    )
    assert kill(machine, code) == (0, b"", b"")


def test_the_programs_own_handler_is_the_one_that_runs(machine):
    """And where it leaves by sys.exit, the spans arrive."""
    code = (
        f"{SPAN}import signal, sys, time\nsignal.signal(signal.SIGTERM, lambda *_: sys.exit(7))\n{READY}time.sleep(60)"
    )
    assert kill(machine, code, signal.SIGTERM)[0] == 7
    assert machine.names() == ["work"]


def test_a_handler_that_is_taken_back_leaves_the_default(machine):
    """As servers do that handle the signal once and then raise it again."""
    code = (
        f"{SPAN}import signal, time\n"
        "before = signal.signal(signal.SIGTERM, lambda *_: None)\n"
        "assert before is signal.SIG_DFL, before\n"
        "signal.signal(signal.SIGTERM, before)\n"
        "assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL\n"
        f"{READY}signal.raise_signal(signal.SIGTERM)\nprint('not reached')"
    )
    assert kill(machine, code) == (-signal.SIGTERM, b"", b"")
    assert machine.names() == ["work"]


def test_an_ignored_signal_stays_ignored(machine):
    """Ours never stands where the program, or who started it, ignores."""
    code = (
        f"import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n{SPAN}"
        f"{READY}signal.raise_signal(signal.SIGTERM)\nprint('reached')"
    )
    assert kill(machine, code)[:2] == (0, b"reached\n")


@pytest.mark.parametrize("called", ["sleep", "pause"])
def test_a_process_that_is_blocked_in_c_code_dies_at_once(machine, called):
    """The main thread runs no handler there, and what it calls does not come back: the process dies of that signal."""
    code = (
        f"{SPAN}import collections, ctypes, itertools\n{READY}"
        # It begins again after a signal, without coming back to Python.
        f"collections.deque(map(ctypes.CDLL(None).{called}, itertools.repeat(60)), maxlen=0)"
    )
    ended, _, err = kill(machine, code, signal.SIGTERM)
    assert (ended, err) == (-signal.SIGTERM, b"")
    assert machine.names() == ["work"]


def test_a_second_signal_ends_it_at_once(machine):
    """While a sink hangs, for which the end may wait an hour."""
    with socket.socket() as hanging:
        hanging.bind(("127.0.0.1", 0))
        hanging.listen()
        hanging.settimeout(LIMIT_S)
        machine.environ["AUTOTRACE_ENDPOINT"] = f"http://127.0.0.1:{hanging.getsockname()[1]}"
        for name in ("EXIT_TIMEOUT", "TIMEOUT", "SCHEDULE_DELAY"):
            machine.environ[f"AUTOTRACE_{name}_MS"] = "3600000"
        code = f"{SPAN}{READY}import time; time.sleep(60)"
        with contextlib.ExitStack() as connected:
            twice = (signal.SIGTERM, signal.SIGTERM)
            ended, *_ = kill(machine, code, *twice, between=lambda: connected.enter_context(hanging.accept()[0]))
        assert ended == -signal.SIGTERM


def test_open_spans_are_delivered_with_a_mark(machine):
    """Of the main thread, of others, of coroutines; finished ones have none."""
    code = (
        "import asyncio, autotrace, threading, time\n"
        "began = threading.Event()\n"
        "def blocked():\n"
        "    with autotrace.span('thread'):\n        began.set()\n        time.sleep(60)\n"
        "threading.Thread(target=blocked, daemon=True).start()\n"
        "began.wait()\n"
        "async def waiting(begun):\n"
        "    with autotrace.span('task'):\n        begun.set()\n        await asyncio.sleep(60)\n"
        "async def main():\n"
        "    with autotrace.span('main'):\n"
        "        with autotrace.span('done'):\n            pass\n"
        "        begun = asyncio.Event()\n"
        "        task = asyncio.ensure_future(waiting(begun))\n"
        "        await begun.wait()\n"
        "        print('ready', flush=True)\n"
        "        await task\n"
        "asyncio.run(main())\n"
    )
    assert kill(machine, code, signal.SIGTERM)[0] == -signal.SIGTERM
    spans = [span for trace in machine.traces() for span in trace["spans"]]
    marked = {span["name"]: span["attributes"].get("autotrace.unfinished") for span in spans}
    assert marked == {"thread": True, "task": True, "main": True, "done": None}
    assert len(spans) == 4


BETWEEN = """
import autotrace, signal, threading, time
from autotrace.trace.tracer import tracer
handed = tracer.submit
def between(span):
    tracer.submit = handed
    {between}
    handed(span)
tracer.submit = between
"""


def test_a_span_that_its_own_thread_has_ended_and_not_yet_handed_over_arrives_once(machine):
    """The handler runs between the two; nobody comes back to where it stands."""
    code = BETWEEN.format(between="signal.raise_signal(signal.SIGTERM)") + f"{READY}{SPAN}"
    assert kill(machine, code)[0] == -signal.SIGTERM
    (trace,) = machine.traces()
    assert [(span["name"], span["attributes"].get("autotrace.unfinished")) for span in trace["spans"]] == [
        ("work", None)
    ]


def test_a_span_that_another_thread_has_ended_and_not_yet_handed_over_arrives_once(machine):
    """It is about to do so, and does."""
    code = BETWEEN.format(between="reached.set(); ending.wait(); time.sleep(0.01)") + (
        "reached, ending = threading.Event(), threading.Event()\n"
        "def handle():\n    with autotrace.span('work'):\n        pass\n"
        "threading.Thread(target=handle, daemon=True).start()\n"
        "reached.wait()\n"
        "tracer.clock = (lambda clock: lambda: (ending.set(), clock())[1])(tracer.clock)\n"
        f"{READY}"
        "signal.raise_signal(signal.SIGTERM)\n"
    )
    assert kill(machine, code)[0] == -signal.SIGTERM
    assert machine.names() == ["work"]


def test_open_spans_are_delivered_with_a_mark_at_an_ordinary_end(machine):
    """A daemon's, and one around os._exit."""
    code = (
        "import autotrace, os, threading, time\n"
        "began = threading.Event()\n"
        "def blocked():\n"
        "    with autotrace.span('daemon'):\n        began.set()\n        time.sleep(60)\n"
        "threading.Thread(target=blocked, daemon=True).start()\n"
        "began.wait()\n"
    )
    assert machine.python("-c", code).returncode == 0
    leaving = "import os, autotrace\nwith autotrace.span('around'):\n    os._exit(0)"
    assert machine.python("-c", leaving).returncode == 0
    spans = [span for trace in machine.traces() for span in trace["spans"]]
    assert {span["name"]: span["attributes"].get("autotrace.unfinished") for span in spans} == {
        "daemon": True,
        "around": True,
    }


def test_an_open_request_has_the_name_that_its_route_gives(machine):
    """As the finished ones have, so that they are counted as one operation."""
    code = (
        "import threading, time, urllib.request\n"
        "from flask import Flask\n"
        "from werkzeug.serving import make_server\n"
        "app, baking = Flask('shop'), threading.Event()\n"
        "@app.get('/pizzas/<name>')\n"
        "def pizza(name):\n    baking.set()\n    time.sleep(60)\n"
        "server = make_server('127.0.0.1', 0, app)\n"
        "threading.Thread(target=server.serve_forever, daemon=True).start()\n"
        "order = lambda: urllib.request.urlopen(f'http://127.0.0.1:{server.port}/pizzas/funghi')\n"
        "threading.Thread(target=order, daemon=True).start()\n"
        "baking.wait()\n"
    )
    done = machine.python("-c", code)
    assert done.returncode == 0, done.stderr
    (served,) = [span for trace in machine.traces() for span in trace["spans"] if span["kind"] == "SERVER"]
    assert served["name"] == "GET /pizzas/<name>"
    assert served["attributes"]["http.route"] == "/pizzas/<name>"
    assert served["attributes"]["autotrace.unfinished"] is True


def test_a_killed_child_leaves_its_parent_alone(machine):
    """A fork shares nothing by which the signal of one could end the other."""
    code = (
        f"{SPAN}import os, signal\n"
        "children = []\n"
        "reading, writing = os.pipe()\n"
        "for _ in range(3):\n"
        "    pid = os.fork()\n"
        "    if pid == 0:\n"
        "        with autotrace.span('child'):\n            pass\n"
        "        os.write(writing, b'x')\n"
        "        signal.pause()\n"
        "    children.append(pid)\n"
        "    os.read(reading, 1)\n"
        "for pid in children:\n"
        "    os.kill(pid, signal.SIGTERM)\n"
        "    assert os.waitpid(pid, 0)[1] == signal.SIGTERM\n"
        "with autotrace.span('after'):\n    pass\n"
        "print('ready', flush=True)\n"
    )
    assert kill(machine, code) == (0, b"", b"")
    assert machine.names() == ["after", "child", "child", "child", "work"]


def test_a_child_that_is_killed_as_soon_as_it_is_there_leaves_its_parent_alone(machine):
    """As a pool does that is closed at once; forked by a thread, too."""
    code = (
        f"{SPAN}import os, signal, threading\n"
        "def fork():\n"
        "    for _ in range(100):\n"
        "        pid = os.fork()\n"
        "        if pid == 0:\n"
        "            signal.pause()\n"
        "        os.kill(pid, signal.SIGTERM)\n"
        "        assert os.waitpid(pid, 0)[1] == signal.SIGTERM\n"
        "fork()\n"
        "thread = threading.Thread(target=fork)\nthread.start()\nthread.join()\n"
        "assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == set()\n"
        "print('ready', flush=True)\n"
    )
    assert kill(machine, code) == (0, b"", b"")
    assert machine.names() == ["work"]


def test_a_wake_up_descriptor_of_the_programs_own_is_used(machine):
    """What an event loop sets is set, and it is not told that somebody was there before."""
    code = (
        f"{SPAN}import os, signal\n"
        "reading, writing = os.pipe()\nos.set_blocking(writing, False)\n"
        "assert signal.set_wakeup_fd(writing) == -1\n"
        "signal.signal(signal.SIGUSR1, lambda *_: None)\n"
        "signal.raise_signal(signal.SIGUSR1)\n"
        "assert os.read(reading, 1)[0] == signal.SIGUSR1\n"
        "assert signal.set_wakeup_fd(-1) == writing\n"
        "assert signal.set_wakeup_fd(-1) == -1\n"
        "print('ready', flush=True)\n"
    )
    assert kill(machine, code) == (0, b"", b"")


def test_a_fork_warns_of_no_threads_of_ours(machine):
    """From Python 3.12 on a process with several threads is warned when it forks: the bare program has one.

    From 3.15 on they are counted before the fork, when one that has left may not have gone.
    """
    code = f"{SPAN}import os\nfor _ in range(20):\n{' ' * 4}with autotrace.span('work'):\n{' ' * 8}pass\n"
    code += "    pid = os.fork()\n    if pid == 0:\n        os._exit(0)\n    os.waitpid(pid, 0)\n"
    done = machine.python("-W", "error", "-c", code)
    assert (done.returncode, done.stderr) == (0, b"")
    assert machine.names() == ["work"] * 21


def test_a_program_that_handles_all_signals_is_traced_from_another_thread_on(machine):
    """Where the first library is imported in a thread and nothing of ours has to stand for a default."""
    code = (
        "import _thread, signal\n"
        "ended = _thread.allocate_lock()\n"
        "ended.acquire()\n"
        "for name in ('SIGTERM', 'SIGHUP', 'SIGINT'):\n"
        "    signal.signal(getattr(signal, name), signal.SIG_IGN)\n"
        "def work():\n"
        "    import sqlite3\n"
        "    sqlite3.connect(':memory:').execute('SELECT 1')\n"
        "    ended.release()\n"
        "_thread.start_new_thread(work, ())\n"
        "assert ended.acquire(timeout=60)\n"
    )
    done = machine.python("-c", code)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert machine.names() == ["SELECT"]
