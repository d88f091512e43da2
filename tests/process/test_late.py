"""An agent that starts late: what the program took out of a library before is found again."""

from __future__ import annotations

import sys

import pytest

START = "import autotrace.bootstrap\nautotrace.bootstrap.start()\n"


def late(machine, before, after):
    """Run a program that imports something, starts the agent as a late ``sitecustomize`` does, and goes on."""
    script = machine.write("late.py", before + START + after)
    done = machine.run(sys.executable, script)
    assert done.returncode == 0, done.stderr
    return done.stdout.decode().split()


def test_a_function_that_was_imported_before_is_traced(machine):
    """Under its own name, under another one, and in a module of the program's."""
    machine.write("orders.py", "from sqlite3 import connect as open_database\n")
    before = "from sqlite3 import connect\nimport orders\n"
    after = "connect(':memory:').execute('SELECT 1')\norders.open_database(':memory:').execute('SELECT 2')\n"
    assert late(machine, before, after) == []
    assert machine.names() == ["SELECT", "SELECT"]


def test_methods_of_classes_that_were_imported_before_are_traced(machine):
    """``from requests import get`` comes through a method; a session that exists does, too."""
    before = "from requests import Session, get\nsession = Session()\n"
    after = (
        "for send in (get, session.get):\n"
        "    try:\n"
        "        send('http://127.0.0.1:9/')\n"
        "    except OSError:\n"
        "        pass\n"
    )
    late(machine, before, after)
    assert machine.names() == ["GET", "GET"]


def test_what_is_held_otherwise_is_left_alone_and_ours_too(machine):
    """A class attribute and a partial stay what they are; so does what our own modules and the home of a function hold."""
    before = (
        "import functools, sqlite3, _thread, threading\n"
        "class Place:\n    connect = staticmethod(sqlite3.connect)\n    plain = sqlite3.connect\n"
        "held = functools.partial(sqlite3.connect)\noriginal = [sqlite3.connect, _thread.start_new_thread]\n"
    )
    after = (
        "from autotrace.pipeline import worker\n"
        "print(Place.plain is original[0], held.func is original[0])\n"
        "print(worker.start_new_thread is original[1], _thread.start_new_thread is original[1])\n"
        "from autotrace.patching.references import left\nprint(*left(original[:1]), sep='\\n')\n"
    )
    said = " ".join(late(machine, before, after))
    assert said == "True True True True class __main__.Place partial of connect"


def test_leaving_at_once_delivers_also_by_a_name_that_was_taken_before(machine):
    """``from os import _exit`` above the import of the first library that is patched."""
    script = machine.write(
        "leave.py", "from os import _exit\nimport sqlite3\nsqlite3.connect(':memory:').execute('SELECT 1')\n_exit(3)\n"
    )
    assert machine.python(script).returncode == 3
    assert machine.names() == ["SELECT"]


LAZY = """
import os, sys, threading
lazy import sqlite3
lazy import broken
lazy from broken import nothing
lazy from os import _exit as leave

class Names:
    leave = os._exit

START
import autotrace
with autotrace.span("work"):
    sqlite3.connect(":memory:").execute("SELECT 1")
print("broken" in sys.modules, *(type(globals()[name]).__name__ for name in ("sqlite3", "broken", "nothing", "leave")), flush=True)
leave(0)
"""


@pytest.mark.skipif(sys.version_info < (3, 15), reason="lazy imports came with Python 3.15")
@pytest.mark.parametrize("start", ["", "from autotrace import bootstrap\nbootstrap.start()"])
@pytest.mark.parametrize("mode", ["normal", "all"])
def test_what_is_imported_lazily_is_traced_when_it_is_used_and_not_loaded_before(machine, start, mode):
    """Whether we were there before or come later, and also where every import is made a lazy one."""
    machine.write("broken.py", "raise RuntimeError('nobody wanted this')\n")
    script = machine.write("app.py", LAZY.replace("START", start))
    command = (sys.executable, "-X", f"lazy_imports={mode}")
    bare = machine.run(*command, machine.write("bare.py", LAZY.replace("START", "")))
    done = machine.run(*command, script) if start else machine.traced(*command, script)
    assert (done.returncode, done.stdout, done.stderr) == (0, bare.stdout, b"")
    assert bare.stdout.split()[:4] == [b"False", b"module", b"lazy_import", b"lazy_import"]
    assert machine.parents() == [("SELECT", "work"), ("work", "")]
