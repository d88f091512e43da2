"""A program whose tests stop the clock or swap the file system: both are theirs to change, and the agent's are not."""

from __future__ import annotations

import time

import pytest

# Each delivers while the time is another; the last words are waited for by a clock that nobody turns.
PROGRAM = """\
import os, sys, threading, time
{before}
import {tool}
sleep = time.sleep
with {frozen}:
    import autotrace
    from autotrace.trace.clocks import clocks
    with autotrace.span("within"):
        pass
    started, now = clocks.now(), clocks.now
    inbox = os.path.join(os.environ["AUTOTRACE_DATA_DIR"], "inbox")
    while not ({arrived}) and now() - started < 20:
        sleep(0.01)
    print(time.time() < 10**9 or time.time() > 3 * 10**9)
with autotrace.span("after"):
    pass
"""
FROZEN = {
    "time-machine": ("time_machine", "time_machine.travel(0)"),
    "time-machine, stopped, ahead": ("time_machine", "time_machine.travel(4_000_000_000, tick=False)"),
    "freezegun": ("freezegun", "freezegun.freeze_time('2001-01-01')"),
}
ARRIVED = "os.path.isdir(inbox) and sum(os.stat(os.path.join(inbox, one)).st_size for one in os.listdir(inbox)) > 50"


@pytest.mark.parametrize("first", ["before", "within"])
@pytest.mark.parametrize("tool", FROZEN)
def test_spans_have_the_real_time(machine, tool, first):
    """Whether the agent began its work before the clock was stopped, or only then; also the names of files have it."""
    module, frozen = FROZEN[tool]
    before = "import autotrace\nwith autotrace.span('before'): pass\n" if first == "before" else ""
    code = PROGRAM.format(before=before, tool=module, frozen=frozen, arrived=ARRIVED)
    began = time.time_ns()
    done = machine.python("-c", code, environ={"AUTOTRACE_SCHEDULE_DELAY_MS": "1"})
    ended = time.time_ns()
    assert (done.returncode, done.stdout, done.stderr) == (0, b"True\n", b"")
    assert {span.name for span in machine.spans()} == {first, "within", "after"}
    for span in machine.spans():
        assert began - 10**7 < span.start_time_unix_nano <= span.end_time_unix_nano < ended + 10**7, span.name
    for file in (machine.data / "inbox").iterdir():
        assert began - 10**7 < int(file.name.partition("-")[0]) < ended + 10**7


FAKED = """\
import os, sys
import autotrace
from pyfakefs.fake_filesystem_unittest import Patcher
{before}
with Patcher() as patcher:
    with autotrace.span("within"):
        pass
    sys.modules["autotrace.trace.tracer"].tracer.deliver(20)
    print(os.path.exists(os.environ["AUTOTRACE_DATA_DIR"]))
with autotrace.span("after"):
    pass
"""


@pytest.mark.parametrize("first", ["before", "within"])
def test_spans_lie_in_the_real_file_system(machine, first):
    """None of ours is seen in the fake one, and none is lost, whether the agent has a file open by then or not."""
    before = "with autotrace.span('before'): pass\n" if first == "before" else ""
    done = machine.python("-c", FAKED.format(before=before))
    assert (done.returncode, done.stdout, done.stderr) == (0, b"False\n", b"")
    assert machine.names() == sorted({first, "within", "after"})
