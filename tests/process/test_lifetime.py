"""The end of a process and its forks: what was finished is delivered."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections import Counter

import pytest

from machine import RUN
from waiting import until

SPAN = "import autotrace\nwith autotrace.span('work'):\n    pass\n"


@pytest.mark.parametrize(
    ("ending", "code"),
    [
        ("", 0),
        ("import sys; sys.exit(3)", 3),
        ("raise ValueError('boom')", 1),
        ("import threading; threading.Thread(target=lambda: None).start()", 0),
    ],
)
def test_finished_spans_are_delivered_at_the_end(machine, ending, code):
    """At the ordinary end, after sys.exit, after an uncaught exception."""
    assert machine.python("-c", f"{SPAN}{ending}").returncode == code
    assert machine.names() == ["work"]


def test_the_uncaught_exceptions_text_is_the_bare_ones(machine):
    """Byte for byte."""
    script = machine.write("app.py", "def a():\n    raise ValueError('boom')\n\na()\n")
    assert machine.python(script).stderr == machine.run(sys.executable, script).stderr != b""


def test_a_span_of_an_atexit_function_is_delivered(machine):
    """Ours runs last."""
    code = "import atexit, autotrace\n@atexit.register\ndef late():\n    with autotrace.span('late'):\n        pass\n"
    assert machine.python("-c", code).returncode == 0
    assert machine.names() == ["late"]


def test_a_forked_childs_spans_arrive_and_the_parents_only_once(machine):
    """The child begins with an empty buffer and delivers its own; ids differ."""
    code = (
        "import os, sys, autotrace\n"
        "with autotrace.span('parent'):\n"
        "    for number in range(3):\n"
        "        pid = os.fork()\n"
        "        if pid == 0:\n"
        "            with autotrace.span(f'child'):\n"
        "                pass\n"
        "            sys.exit(0)\n"
        "        os.waitpid(pid, 0)\n"
    )
    done = machine.python("-c", code)
    assert (done.returncode, done.stderr) == (0, b"")
    (trace,) = machine.traces()
    names = [span["name"] for span in trace["spans"]]
    assert sorted(names) == [
        "child",
        "child",
        "child",
        "parent",
    ]
    assert len({span["span_id"] for span in trace["spans"] if span["name"] == "child"}) == 3


# Returns when every other thread sleeps in the system and none waits for the interpreter's lock, which has a time limit:
# what waits for ever has none, and Linux shows its address.
SETTLE = """
def asleep(task):
    with open(f"/proc/self/task/{task}/syscall") as file:
        call = file.read().split()
    return len(call) > 4 and (call[0] not in ("202", "98") or call[4] == "0x0")  # futex
def settle():
    looks = 0
    while looks < 3:
        others = set(os.listdir("/proc/self/task")) - {str(threading.get_native_id())}
        looks = looks + 1 if all(map(asleep, others)) else 0
"""


@pytest.mark.parametrize("thread", [False, True], ids=["main thread", "another thread"])
def test_a_child_that_is_forked_in_c_begins_anew_all_the_same(machine, thread):
    """Nobody tells Python of that fork; the child's ids are its own, its spans arrive, and its parent's only once.

    No thread may ask for the interpreter's lock meanwhile, or the child waits for it for ever, with and without us.
    """
    code = (
        "import ctypes, os, threading, autotrace\n"
        "fork = ctypes.PyDLL(None).fork\n"
        "def work(name):\n"
        "    for _ in range(3):\n"
        "        with autotrace.span(name):\n            pass\n"
        f"{SETTLE}"
        "def work_in_children():\n"
        "    settle()\n"
        "    for _ in range(3):\n"
        "        pid = fork()\n"
        "        if pid == 0:\n"
        "            work('child')\n"
        "            os._exit(0)\n"
        "        assert os.waitpid(pid, 0)[1] == 0\n"
        f"if {thread}:\n"
        "    one = threading.Thread(target=work_in_children)\n    one.start()\n    one.join()\n"
        "else:\n    work_in_children()\n"
        "work('after')\n"
    )
    done = machine.python("-W", "ignore", "-c", code)
    assert (done.returncode, done.stderr) == (0, b"")
    spans = machine.spans()
    assert Counter(span.name for span in spans) == {"child": 9, "after": 3}
    assert len({span.trace_id for span in spans}) == len({span.span_id for span in spans}) == len(spans)


def test_traces_can_be_seen_while_the_program_runs(machine):
    """A finished span is on disk about a second later."""
    code = f"{SPAN}print('ready', flush=True)\nimport sys; sys.stdin.read()\n"
    with subprocess.Popen(
        [RUN, sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=machine.environ
    ) as process:
        process.stdout.readline()
        assert until(machine.names, "a span") == ["work"]
        process.stdin.close()
        assert process.wait(60) == 0


def test_a_sink_that_refuses_or_hangs_does_not_hold_the_end(machine):
    """Only the setting ends the waiting: an attempt may take an hour."""
    with socket.socket() as hanging:
        hanging.bind(("127.0.0.1", 0))
        hanging.listen()
        for port in (9, hanging.getsockname()[1]):
            environ = {"AUTOTRACE_ENDPOINT": f"http://127.0.0.1:{port}", "AUTOTRACE_TIMEOUT_MS": "3600000"}
            done = machine.python("-c", SPAN, environ=environ)
            assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_a_data_directory_that_cannot_be_written_is_nobodys_problem(machine):
    """The program runs, silently."""
    blocked = machine.write("blocked", "")
    done = machine.python("-c", SPAN, environ={"AUTOTRACE_DATA_DIR": blocked})
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


@pytest.mark.parametrize(
    ("leaving", "code"),
    [
        ("import os; os._exit(3)", 3),
        ("import os, sys; os.execv(sys.executable, [sys.executable, '-c', 'raise SystemExit(4)'])", 4),
        ("import os, sys; os.execlp(sys.executable, sys.executable, '-c', 'raise SystemExit(5)')", 5),
        ("import os, sys; os.execvpe(sys.executable, [sys.executable, '-c', 'raise SystemExit(6)'], os.environ)", 6),
        ("import threading, sys; threading.Thread(target=sys.exit, args=(1,)).start()", 0),
    ],
)
def test_who_leaves_at_once_takes_nothing_along(machine, leaving, code):
    """os._exit and the exec functions; the exit code is the bare one."""
    done = machine.python("-c", f"{SPAN}{leaving}")
    assert (done.returncode, done.stdout, done.stderr) == (code, b"", b"")
    assert machine.names() == ["work"]


def test_an_exec_that_fails_raises_and_the_program_goes_on(machine):
    """With everything that comes after it."""
    code = "import os\ntry:\n    os.execv('/no/such/program', ['x'])\nexcept FileNotFoundError:\n    pass\n"
    assert machine.python("-c", f"{SPAN}{code}{SPAN}").returncode == 0
    assert machine.names() == ["work", "work"]


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_children_of_multiprocessing_deliver_their_spans(machine, method):
    """They end by os._exit; a pool's and a process's."""
    script = machine.write(
        "app.py",
        "import multiprocessing, autotrace\n"
        "def work(number):\n"
        "    with autotrace.span('work'):\n"
        "        return number\n"
        "if __name__ == '__main__':\n"
        f"    context = multiprocessing.get_context('{method}')\n"
        "    process = context.Process(target=work, args=(1,))\n"
        "    process.start()\n"
        "    process.join()\n"
        "    with context.Pool(2) as pool:\n"
        "        print(sorted(pool.map(work, range(4), 1)))\n"
        "        pool.close()\n"
        "        pool.join()\n",
    )
    done = machine.python(script)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"[0, 1, 2, 3]\n", b"")
    assert machine.names() == ["work"] * 5
