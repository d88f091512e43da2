"""Forks that Python is not told of: C's own, in a process of its own, which has one thread."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no forks")
START = """\
import ctypes, os, sys
from autotrace.trace import forks, ids
fork = ctypes.PyDLL(None).fork
begun = []
def begin():
    begun.append(os.getpid())
    ids.reseed()
def in_children(work):
    sys.stdout.flush()  # what waits there would be each child's, too
    for _ in range(2):
        pid = fork()
        if pid == 0:
            print(*work())
            sys.stdout.flush()
            os._exit(0)
        assert os.waitpid(pid, 0)[1] == 0
"""


def run(code):
    """Run code after the start; returns the words of each line that it printed."""
    done = subprocess.run([sys.executable, "-c", START + code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stderr == ""
    return [line.split() for line in done.stdout.splitlines()]


@pytest.mark.parametrize("before", [0, 1, 3], ids=["no id before", "an id before", "several ids before"])
@pytest.mark.parametrize("page", [True, False], ids=["page", "number"])
def test_children_have_ids_of_their_own(before, page):
    """Whatever the parent has made and has in its pool, and where no page can be had, too."""
    said = run(
        f"if not {page}: sys.modules['mmap'] = None\n"
        f"forks.in_child(begin)\nfor _ in range({before}): print(ids.trace_id())\n"
        "in_children(lambda: (ids.trace_id(), ids.trace_id()))\nprint(ids.trace_id())\n"
    )
    made = [one for line in said for one in line]
    assert len(made) == len(set(made)) == before + 2 * 2 + 1


def test_each_child_begins_once_and_a_parent_never():
    """Also a child's child, and one of a fork that Python tells of."""
    said = run(
        "forks.in_child(begin)\nids.trace_id()\n"
        "def work():\n"
        "    for _ in range(600): ids.trace_id()\n"
        "    if os.fork() == 0:\n"
        "        for _ in range(600): ids.trace_id()\n"
        "        os._exit(0 if begun[1:] == [os.getpid()] else 1)\n"
        "    return begun[0] == os.getpid(), len(begun), os.wait()[1]\n"
        "in_children(work)\nids.trace_id()\nprint(begun)\n"
    )
    assert said == [["True", "1", "0"]] * 2 + [["[]"]]


def test_a_child_begins_also_where_a_trace_comes_in():
    """A server's worker may have nothing but requests that bring their trace id."""
    said = run(
        "from autotrace.trace.span import INTERNAL, Operation\nfrom autotrace.trace.tracer import Remote, tracer\n"
        "operation = Operation('test', INTERNAL, 'test', None)\n"
        "request = lambda: tracer.enter(operation, (), Remote('1' * 32, '2' * 16, 1, '', ''), None).span_id\n"
        "forks.in_child(begin)\nprint(request())\n"
        "in_children(lambda: (request(), len(begun)))\nprint(request())\n"
    )
    assert [line[1:] for line in said] == [[], ["1"], ["1"], []]
    assert len({line[0] for line in said}) == 4


def test_what_fails_in_a_child_keeps_nothing_else_from_beginning():
    """And it is tried once."""
    said = run(
        "def fail():\n    begun.append('failed')\n    raise ValueError('boom')\n"
        "forks.in_child(fail)\nforks.in_child(begin)\nids.trace_id()\n"
        "in_children(lambda: (len({ids.trace_id() for _ in range(600)}), len(begun)))\n"
    )
    assert said == [["600", "2"]] * 2
