"""The commands that look at traces, as processes of their own: what other tests read in theirs is what users see."""

from __future__ import annotations

import json
import os

import pytest

from machine import AUTOTRACE

CODE = """
import sqlite3, autotrace
database = sqlite3.connect(":memory:")
for name in ("one", "two"):
    with autotrace.span(name, numbers=[1, 2.5], flag=True):
        database.execute("SELECT 1")
database.close()
"""


def printed(machine, *arguments):
    """Return what a command prints with ``--json``."""
    done = machine.run(AUTOTRACE, *arguments, "--json")
    assert (done.returncode, done.stderr) == (0, b"")
    return json.loads(done.stdout)


@pytest.mark.parametrize("place", ["data directory", "fall-back"])
def test_the_commands_print_what_the_tests_read(machine, place):
    """Every trace, in the same order, in the same words; also where the spans had to go to the temporary directory."""
    if place == "fall-back":
        machine.data.write_text("in the way")
    done = machine.python(machine.write("app.py", CODE))
    assert (done.returncode, done.stderr) == (0, b"")
    read = machine.traces()
    assert [(trace["spans"][0]["name"], len(trace["spans"])) for trace in read] == [("two", 2), ("one", 2)]
    assert [printed(machine, "show", listed["trace_id"]) for listed in printed(machine, "traces")] == read
    assert printed(machine, "show", "last") == read[0]
    assert bool(list(machine.data.glob("inbox/*"))) == (place == "data directory")
    assert os.path.isdir(os.path.join(machine.environ["TMPDIR"], f"autotrace-{os.getuid()}")) == (place == "fall-back")
