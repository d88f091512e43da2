"""Command lines are read without click where they are plain, and by click where not, to the same end."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autotrace.cli import clicked, plain
from autotrace.cli.table import COMMANDS, MOST_READ
from autotrace.insights.look import MOST_TRACES

READING = [command for command in COMMANDS if not command.passed_on]
FLAGS = sorted({flag for command in READING for option in command.options for flag in option.flags})
WORDS = st.one_of(
    st.sampled_from(
        [*FLAGS, *(f"{flag}=1" for flag in FLAGS), "--limit=0", "--since=5m", "--status=ok", "--", "-h", "-aa"]
    ),
    st.sampled_from(
        ["1", "0", "-1", " 7", "70000", "5m", "soon", "ok", "error", "404", "last", "abc", "", "-", "/orders/{id}"]
    ),
    st.text(max_size=5),
)


def named(asked):
    """Return what was read in a form that can be compared."""
    return asked if asked is None or isinstance(asked, int) else (asked[0].name, asked[1])


@pytest.mark.parametrize(
    ("line", "name", "given"),
    [
        ("traces", "traces", {}),
        ("traces --limit 3 --json", "traces", {"limit": 3, "as_json": True}),
        ("traces --limit=3 --limit 4", "traces", {"limit": 4}),
        ("traces --since 10m --status error", "traces", {"since": 600 * 10**9, "status": "error"}),
        ("show", "show", {"trace": "last"}),
        ("show -a abc --all", "show", {"trace": "abc", "everything": True, "attributes": True}),
        ("insights --service shop", "insights", {"service": "shop"}),
        ("map --limit 1", "map", {"limit": 1}),
        ("web --port 0 --open", "web", {"open_it": True}),
    ],
)
def test_what_is_plain_is_read_without_click(line, name, given):
    """Options with their values, an argument, and the defaults of everything else."""
    command, values = plain.read(line.split())
    defaults = {option.name: option.default for option in command.options}
    defaults.update([command.argument] if command.argument else [])
    assert (command.name, values) == (name, {**defaults, **given})


@pytest.mark.parametrize(
    "line",
    [
        "",
        "-h",
        "--version",
        "nothing",
        "run python",
        "doctor",
        "traces -h",
        "traces extra",
        "traces --limit",
        "traces --limit 0",
        "traces --limit x",
        "traces --limit -1",
        "traces --since soon",
        "traces --status bad",
        "traces --json=1",
        "show a b",
        "show -- a",
        "show -aa",
        "web --port 70000",
    ],
)
def test_what_is_not_plain_is_left_to_click(line):
    """Help, mistakes and rare ways to write it: all that somebody has to speak about."""
    assert plain.read(line.split()) is None


@given(name=st.sampled_from([command.name for command in READING]), words=st.lists(WORDS, max_size=5))
def test_click_reads_the_same(name, words):
    """Whatever is read without click is read by click with the same result."""
    asked = plain.read([name, *words])
    if asked is not None:
        assert named(clicked.read([name, *words])) == named(asked)


def test_as_many_traces_are_looked_at_as_on_the_page():
    """The table cannot ask where that number stands, because that would load all findings."""
    assert MOST_READ == MOST_TRACES
