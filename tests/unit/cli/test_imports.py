"""A command imports what it needs to find something, and only then what draws it: a person waits for each import."""

from __future__ import annotations

import subprocess
import sys

import pytest

from unit.store.pizza import deliver

AT_THE_STORE = """
import sys
from autotrace.store import reader
def opened(*_):
    print(*sorted(sys.modules))
    sys.exit()
reader.open_store = opened
sys.argv = ["autotrace", *sys.argv[1:]]
from autotrace.__main__ import main
main()
"""
AT_THE_END = """
import sys
sys.argv = ["autotrace", *sys.argv[1:]]
from autotrace.__main__ import main
code = main()
print(*sorted(sys.modules), file=sys.stderr)
sys.exit(code)
"""
DRAWING = ("click", "rich", "google", "opentelemetry", "autotrace.cli.clicked", "autotrace.cli.waterfall")
NEVER = (
    "argparse",
    "asyncio",
    "autotrace.doctor",
    "autotrace.export",
    "autotrace.insights",
    "autotrace.patching",
    "autotrace.pipeline",
    "autotrace.propagation",
    "autotrace.families",
    "autotrace.trace",
    "autotrace.web",
    "email",
    "http",
    "multiprocessing",
    "socket",
    "ssl",
    "subprocess",
    "urllib.request",
    "webbrowser",
)
SLOW = ("autotrace.store.decode", "autotrace.store.queries", "dataclasses", "inspect")


def imported(environment, script, *arguments):
    """Return the modules that a command has imported beside those of a bare Python, and its standard output."""
    bare = subprocess.run(
        [sys.executable, "-c", "import sys; print(*sys.modules)"],
        check=True,
        capture_output=True,
        text=True,
        env=environment,
    )
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments],
        check=True,
        capture_output=True,
        text=True,
        env=environment,
        timeout=60,
    )
    told = done.stderr if script is AT_THE_END else done.stdout
    return set(told.split()) - set(bare.stdout.split()), done.stdout


def those_of(modules, rooms):
    """Return the modules that lie in some packages."""
    return sorted(module for module in modules for room in rooms if module == room or module.startswith(f"{room}."))


@pytest.mark.parametrize(
    "arguments", [("traces",), ("traces", "--json", "--limit", "3"), ("show", "last"), ("show", "-a")]
)
def test_before_the_store_is_opened(environment, arguments):
    """Nothing that draws, decodes, judges or serves, and nothing of the standard library that is slow."""
    modules, _ = imported(environment, AT_THE_STORE, *arguments)
    assert "autotrace.store.reader" in modules
    assert those_of(modules, (*DRAWING, *NEVER, *SLOW)) == []


def test_where_there_is_nothing_to_draw(environment):
    """An empty store costs nothing that draws or decodes."""
    modules, told = imported(environment, AT_THE_END, "traces")
    assert told.startswith("No traces yet.")
    assert those_of(modules, (*DRAWING, *NEVER)) == []


def test_json_is_not_drawn(environment, data):
    """And what was taken in before is not decoded again."""
    deliver(data / "inbox")
    modules, _ = imported(environment, AT_THE_END, "traces", "--json")
    assert "google.protobuf" in modules
    for command in ("traces", "show"):
        modules, told = imported(environment, AT_THE_END, command, "--json")
        assert told.startswith(("[\n", "{\n"))
        assert those_of(modules, (*DRAWING, *NEVER)) == []


def test_help_lists_every_command_without_loading_it(environment):
    """The table has the help lines."""
    modules, told = imported(environment, AT_THE_END, "--help")
    assert all(f"  {name} " in told for name in ("doctor", "insights", "map", "run", "show", "traces", "web"))
    assert those_of(modules, ("rich", "google", "opentelemetry", "autotrace.cli.traces", "autotrace.web")) == []
