"""The empty list: what ran, and why nothing came of it."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from machine import AUTOTRACE, RUN
from waiting import until


def said(machine, **environ):
    """Return what the list says."""
    done = machine.run(AUTOTRACE, "traces", environ=environ)
    assert (done.returncode, done.stderr) == (0, b"")
    return done.stdout.decode()


def installed(machine, name, version, content=""):
    """Put a library beside the program that is found before any other; returns the setting that does it."""
    machine.write(f"site-packages/{name.lower()}/__init__.py", content)
    machine.write(
        f"site-packages/{name}-{version}.dist-info/METADATA",
        f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
    )
    return {"PYTHONPATH": str(machine.directory / "site-packages")}


def test_a_program_that_did_nothing(machine):
    """It ran, when, and that it did nothing that is traced; before, how to make some."""
    assert said(machine) == "No traces yet. Make some: autotrace-run python your_program.py\n"
    machine.python(machine.write("app.py", "print('hello')"))
    text = said(machine)
    assert "app.py ran at " in text
    assert "it did nothing that is traced" in text
    assert "autotrace doctor -- COMMAND" in text


def test_what_it_had_is_named(machine):
    """Too old, switched off, not supported: each by its name and with what to do."""
    environ = installed(machine, "Flask", "1.0")
    installed(machine, "robyn", "5.1")
    installed(machine, "redis", "5.0")
    installed(machine, "boto3", "1.34")
    done = machine.python(
        machine.write("app.py", "import flask, robyn, redis"),
        environ={**environ, "AUTOTRACE_INSTRUMENTORS_OFF": "redis"},
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    text = said(machine)
    assert "too old or not patched: flask 1.0 is not >=2.0; upgrade it" in text
    assert "switched off: redis" in text
    assert "not supported: robyn 5.1 (web framework);" in text  # not boto3, which is there and was not imported


def test_a_server_that_runs_is_told_of(machine):
    """Its note is there before it ends, with what is installed; and a forked child says what it has imported."""
    environ = {**machine.environ, **installed(machine, "robyn", "5.1")}
    code = "import os, sys\nif os.fork() == 0:\n    import robyn\n    sys.exit()\nos.wait()\nprint('up', flush=True)\ninput()\n"
    command = [RUN, sys.executable, machine.write("serve.py", code)]
    with subprocess.Popen(command, env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:
        assert server.stdout.readline() == b"up\n"
        text = said(machine)
        server.communicate(b"\n")
    assert "serve.py ran at" in text
    assert "not supported: robyn 5.1 (web framework)" in text


@pytest.mark.parametrize("variable", ["AUTOTRACE_ENABLED=false", "AUTOTRACE_EXPORTERS=none"])
def test_where_nothing_is_kept_nothing_is_written(machine, variable):
    """Neither a note nor a directory for it."""
    name, _, value = variable.partition("=")
    machine.python("-c", "import sqlite3", environ={name: value})
    assert not (machine.data / "ran").exists()


def test_where_traces_go_elsewhere_that_is_said(machine):
    """The list is empty because nobody sends here."""
    machine.python("-c", "pass", environ={"AUTOTRACE_EXPORTERS": "console"})
    assert "its spans do not come here: they go to console" in said(machine)


def test_a_program_that_is_killed_has_left_its_note(machine):
    """It could not say that it ended."""
    with subprocess.Popen(
        [RUN, sys.executable, "-c", "input()"], env=machine.environ, stdin=subprocess.PIPE
    ) as process:
        until(lambda: (machine.data / "ran").exists() and (machine.data / "ran").stat().st_size, "the note")
        process.send_signal(signal.SIGKILL)
    assert "has left no span so far" in said(machine)


def test_what_delivers_spans_notes_no_end(machine):
    """The spans say enough."""
    machine.python("-c", "import sqlite3; sqlite3.connect(':memory:').execute('SELECT 1')")
    assert (machine.data / "ran").read_text().count("\n") == 1
