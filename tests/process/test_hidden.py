"""Programs with modules by the names of Python's own: they run when the program imports them, and never for our sake."""

from __future__ import annotations

import json
import sys

import pytest

from autotrace.testing.collecting import collecting

# What is executed of these says so, and the program ends.
TRAP = "raise SystemExit(__name__ + ' was executed')\n"
QUERY = "import sqlite3\nsqlite3.connect(':memory:').execute('SELECT 1')\n"
LOADED = "import json, sys; print(json.dumps(sorted(sys.modules)))"
ODD = {"this", "antigravity", "__main__", "__future__"}  # these have effects, or nothing at all runs without them


def names():
    """Return the names of the modules of Python's own library."""
    known = getattr(sys, "stdlib_module_names", None)
    if known is None:  # before Python 3.10
        known = {"signal", "struct", "typing", "contextlib", "inspect", "copy", "socket", "shlex", "difflib", "token"}
    return sorted(set(known) - ODD - set(sys.builtin_module_names))


def hide(machine, folder, program, *arguments):
    """Lay a trap by the name of each module that the bare program does not import; returns what they are."""
    script = machine.write("main.py", program + LOADED)
    done = machine.run(sys.executable, *(arguments or [script]))
    imported = {name.partition(".")[0] for name in json.loads(done.stdout)}
    hidden = [name for name in names() if name not in imported]
    for name in hidden:
        machine.write(f"{folder}/{name}.py", TRAP)
    return hidden


@pytest.mark.parametrize("way", ["script", "module", "path", "package"])
def test_nothing_of_the_programs_is_executed(machine, way):
    """Beside the script, in the working directory, or on PYTHONPATH; a module or a package; and the query is a span."""
    arguments = ["-m", "main"] if way == "module" else [str(machine.directory / "main.py")]
    hidden = hide(machine, "theirs" if way == "path" else ".", QUERY, *arguments)
    assert "signal" in hidden
    if way == "package":
        for name in hidden:
            machine.write(f"{name}/__init__.py", TRAP)
    machine.write("main.py", QUERY + "import sys\nprint(len(sys.modules) > 9, sys.argv)\n")
    environ = {"PYTHONPATH": "theirs"} if way == "path" else {}
    bare = machine.run(sys.executable, *arguments, environ=environ)
    done = machine.python(*arguments, environ=environ)
    assert (done.returncode, done.stdout, done.stderr) == (0, bare.stdout, b"")
    assert machine.names() == ["SELECT"]


def test_the_program_gets_its_own(machine):
    """By the names that we have used before it, each executed once."""
    for name in ("signal", "struct", "typing", "weakref", "copy"):
        machine.write(f"{name}.py", f"print({name!r})\nmine = {name!r}\n")
    program = (
        "import copy, signal, struct, sys, typing\n"  # an environment's own start may have imported one of them
        "print([getattr(each, 'mine', None) for each in (copy, signal, struct, typing)], signal.__file__)\n"
    )
    script = machine.write("main.py", QUERY + program)
    bare, done = machine.run(sys.executable, script), machine.python(script)
    assert (done.returncode, done.stdout, done.stderr) == (0, bare.stdout, b"")
    assert b"'signal', 'struct'" in done.stdout


def test_spans_are_sent(machine):
    """The exporter's own imports come when the first spans are sent."""
    hide(machine, ".", QUERY)
    script = machine.write("main.py", QUERY)
    with collecting() as collector:
        done = machine.python(script, environ={"AUTOTRACE_ENDPOINT": collector.url})
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert [span.name for span in collector.spans()] == ["SELECT"]


def test_a_folder_that_comes_onto_the_path_later(machine):
    """The program puts its own folder in front before it imports the first library that is traced."""
    hidden = hide(machine, "theirs", QUERY)
    machine.write("theirs/signal.py", "mine = 'signal'\n")
    assert "shlex" in hidden
    program = "import sys\nsys.path.insert(0, 'theirs')\n" + QUERY + "import signal\nprint(signal.mine)\n"
    done = machine.python(machine.write("main.py", program))
    assert (done.returncode, done.stdout, done.stderr) == (0, b"signal\n", b"")
    assert machine.names() == ["SELECT"]


def test_what_is_not_hidden_stays(machine):
    """A module of the program's by a name that we have no use for changes nothing of what Python's others are."""
    machine.write("calendar.py", "mine = True\n")
    program = (
        QUERY
        + "import calendar, signal, socket, sys\nprint(calendar.mine, signal.getsignal(signal.SIGTERM) is signal.SIG_DFL,\n"
        "      sys.modules['socket'] is socket, 'ssl' in sys.modules)\n"
    )
    script = machine.write("main.py", program)
    bare, done = machine.run(sys.executable, script), machine.python(script)
    assert (done.returncode, done.stdout, done.stderr) == (0, bare.stdout, bare.stderr)
    assert machine.names() == ["SELECT"]
