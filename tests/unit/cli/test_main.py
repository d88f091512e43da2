"""The command itself: terminals, pipes, missing extras, `run`."""

from __future__ import annotations

import os
import pty
import subprocess
import sys

import pytest

import autotrace as package
from unit.store.pizza import deliver

BLOCKED = """
import sys
sys.modules.update(dict.fromkeys(sys.argv[1].split(",")))
sys.argv = ["autotrace", *sys.argv[2:]]
from autotrace.__main__ import main
sys.exit(main())
"""


def without(environment, modules, *arguments):
    """Run autotrace in a process in which some modules cannot be imported."""
    command = [sys.executable, "-c", BLOCKED, modules, *arguments]
    return subprocess.run(command, check=False, capture_output=True, text=True, env=environment, timeout=60)


def in_terminal(environment, *arguments, **more):
    """Run autotrace with a terminal of 80 columns as its output; return what came out of it."""
    ours, theirs = pty.openpty()
    env = {**environment, "TERM": "xterm-256color", "COLUMNS": "80", **more}
    process = subprocess.Popen([sys.executable, "-m", "autotrace", *arguments], env=env, stdout=theirs, stderr=theirs)
    os.close(theirs)
    parts = []
    while True:
        try:
            part = os.read(ours, 65536)
        except OSError:  # Linux's way to say that the other end was closed
            break
        if not part:
            break
        parts.append(part)
    os.close(ours)
    assert process.wait(timeout=60) == 0
    return b"".join(parts).decode()


def test_version(autotrace):
    """--version prints the version."""
    assert autotrace("--version").stdout == f"autotrace {package.__version__}\n"


def test_help(autotrace):
    """Without a command there is help that names the commands."""
    shown = autotrace("--help").stdout
    assert all(name in shown for name in ("run", "show", "traces"))


@pytest.mark.parametrize(
    ("module", "distribution"),
    [("click", "click"), ("rich,rich.console,rich.cells", "rich"), ("google", "opentelemetry-proto")],
)
def test_a_missing_extra(environment, module, distribution):
    """Without the extra, one line names what is missing and the command that brings it."""
    done = without(environment, module, "traces")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"autotrace: {distribution} is not installed; run: pip install 'autotrace[ui]'\n"


def test_run_needs_no_extra(environment):
    """`autotrace run` starts programs where nothing but the standard library is there, arguments untouched."""
    script = "import sys; print(sys.argv[1:]); sys.exit(7)"
    arguments = ["run", sys.executable, "-c", script, "--json", "-a", "--", "run", "--help"]
    done = without(environment, "click,rich,google,opentelemetry", *arguments)
    assert (done.returncode, done.stdout) == (7, "['--json', '-a', '--', 'run', '--help']\n")


def test_version_needs_no_extra(environment):
    """So does --version."""
    assert without(environment, "click,rich,google,opentelemetry", "--version").returncode == 0


def test_colours_in_a_terminal_only(environment, data):
    """A terminal gets colours, unless NO_COLOR is set."""
    deliver(data / "inbox")
    assert "\x1b[1;31m" in in_terminal(environment, "traces")
    shown = in_terminal(environment, "show", NO_COLOR="1")
    assert "POST /orders" in shown
    assert not any(f"\x1b[{code}m" in shown for code in ("31", "36", "1;31", "1;36"))


@pytest.mark.parametrize("arguments", [("traces", "--json"), ("show", "--all", "-a"), ("show", "--json"), ("--help",)])
def test_a_reader_that_has_seen_enough(environment, data, arguments):
    """A pipe that is closed at once ends the command without a word."""
    deliver(data / "inbox")
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-m", "autotrace", *arguments]
    done = subprocess.run(command, check=False, stdout=write, stderr=subprocess.PIPE, env=environment, timeout=60)
    os.close(write)
    assert (done.returncode, done.stderr) == (1, b"")
