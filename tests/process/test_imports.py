"""Imports of a traced program: nothing of the program runs because we look, and nothing of ours shows."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import pytest

from autotrace.doctor.python import Examined
from autotrace.launch.commands import Python

GET = "try:\n    {}('http://127.0.0.1:9/')\nexcept OSError:\n    pass\n"
LAZILY = (
    "import importlib.util, sys\n"
    "def lazily(name):\n"
    "    spec = importlib.util.find_spec(name)\n"
    "    spec.loader = importlib.util.LazyLoader(spec.loader)\n"
    "    module = sys.modules[name] = importlib.util.module_from_spec(spec)\n"
    "    spec.loader.exec_module(module)\n"
    "    return module\n"
    "def is_lazy(module):\n    return type(module) is importlib.util._LazyModule\n"
)
QUERY = "import sqlite3\nsqlite3.connect(':memory:').execute('SELECT 1')\n"


def both(machine, *arguments):
    """Run a program bare and traced; the two are equal in all that can be seen of them, which is returned."""
    seen = []
    for run in (machine.run, machine.traced):
        done = run(sys.executable, *arguments)
        seen.append((done.returncode, *(re.sub(r"0x\w+", "0x", text.decode()) for text in (done.stdout, done.stderr))))
    assert seen[0] == seen[1]
    return seen[0]


def told(machine):
    """Return the names of all spans and the libraries that they are of: what a library stands upon would tell of a call, too."""
    return [(span["name"], span["scope"]) for trace in machine.traces() for span in trace["spans"]]


def test_a_warning_at_import_points_to_the_importer(machine):
    """A library that warns with ``stacklevel=2`` while it is imported, and a program that makes errors of its own."""
    machine.write("redis.py", "import warnings\nwarnings.warn('old', DeprecationWarning, stacklevel=2)\n")
    script = machine.write("main.py", "import redis\n")
    code, _, text = both(machine, script)
    assert (code, "main.py:1: DeprecationWarning: old" in text) == (0, True)
    code, _, text = both(machine, "-W", "error::DeprecationWarning:__main__", script)
    assert (code, "in <module>" in text) == (1, True)


@pytest.mark.parametrize(
    "source",
    [
        "raise ImportError('optional')",
        "import nowhere_to_be_found",
        "def check():\n    raise ValueError('no')\ncheck()",
        "def :",
        "raise SystemExit(5)",
        "import threading\nraise KeyboardInterrupt",
    ],
)
def test_a_failing_import_reads_as_without_us(machine, source):
    """Each line of the traceback of a library that somebody waits for, plainly imported and by ``import_module``."""
    machine.write("redis.py", source)
    for line in ("import redis\n", "import importlib\nimportlib.import_module('redis')\n"):
        assert both(machine, machine.write("main.py", line))[0] != 0


def test_a_loader_that_fails_reads_as_without_us(machine):
    """Importlib keeps its own frames in the traceback then; there is none of ours among them."""
    loader = (
        "import importlib.machinery as m, sys\n"
        "class Loader(m.SourceFileLoader):\n"
        "    def exec_module(self, module):\n        raise OSError('the disk is gone')\n"
        "class Finder:\n"
        "    @staticmethod\n"
        "    def find_spec(name, path=None, target=None):\n"
        "        return m.ModuleSpec(name, Loader(name, 'x.py')) if name == 'redis' else None\n"
        "sys.meta_path.insert(1, Finder)\n"
    )
    code, _, text = both(machine, machine.write("main.py", loader + "import redis\n"))
    assert (code, "in _load_unlocked" in text, "the disk is gone" in text) == (1, True, True)


def test_finders_specs_and_loaders_are_the_bare_ones(machine):
    """Before, while and after a library is imported."""
    source = (
        "import importlib.util, sys\n"
        "def say():\n"
        "    spec = importlib.util.find_spec('requests')\n"
        "    loader = spec.loader\n"
        "    print(sys.meta_path, sys.path_hooks, spec, loader.is_package('requests'), type(loader).__mro__)\n"
        "    print(type(loader)('requests', loader.path) == loader)\n"
        "say()\nimport requests\nsay()\nprint(requests.__spec__, requests.__loader__)\n"
    )
    code, text, _ = both(machine, machine.write("main.py", source))
    assert (code, "SourceFileLoader" in text) == (0, True)


def test_a_finder_that_asks_all_others_finds(machine):
    """In front of all, and without end where one of ours asks it in turn."""
    source = (
        "import sys\n"
        "class Everybody:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        found = (other.find_spec(name, path, target) for other in sys.meta_path if other is not self)\n"
        "        return next((spec for spec in found if spec is not None), None)\n"
        "sys.meta_path.insert(0, Everybody())\nimport requests\n"
    )
    assert machine.python(machine.write("main.py", source + GET.format("requests.get"))).returncode == 0
    assert told(machine) == [("GET", "autotrace.requests")]


def test_a_library_whose_assertions_pytest_rewrites_is_traced(machine):
    """Its hook stands in front and executes the library itself."""
    machine.write("conftest.py", "import pytest\npytest.register_assert_rewrite('requests', 'urllib3')\n")
    machine.write(
        "test_it.py",
        "import requests\ndef test_it():\n"
        "    assert 'Rewriting' in type(requests.__loader__).__name__\n"
        "    try:\n        requests.get('http://127.0.0.1:9/')\n    except OSError:\n        pass\n",
    )
    done = machine.python("-m", "pytest", "-q", "-p", "no:cacheprovider", "test_it.py")
    assert done.returncode == 0, done.stdout
    assert told(machine) == [("GET", "autotrace.requests")]


def test_a_library_is_traced_wherever_the_program_puts_the_ordinary_finder(machine):
    """In front of all others."""
    source = (
        "import importlib.machinery, sys\nsys.meta_path.insert(0, importlib.machinery.PathFinder)\nimport requests\n"
    )
    assert machine.python(machine.write("main.py", source + GET.format("requests.get"))).returncode == 0
    assert told(machine) == [("GET", "autotrace.requests")]


def test_a_library_that_is_executed_by_hand_is_traced(machine):
    """From the next import on."""
    source = (
        "import importlib.util, sys\nspec = importlib.util.find_spec('requests')\n"
        "requests = sys.modules['requests'] = importlib.util.module_from_spec(spec)\n"
        "spec.loader.exec_module(requests)\nimport colorsys\n"
    )
    assert machine.python(machine.write("main.py", source + GET.format("requests.get"))).returncode == 0
    assert told(machine) == [("GET", "autotrace.requests")]


def test_a_name_that_was_taken_from_what_is_executed_by_hand_is_traced(machine):
    """It was bound before the next import, with which the library is noticed."""
    source = (
        "import importlib.util, sys\nspec = importlib.util.find_spec('sqlite3')\n"
        "module = sys.modules['sqlite3'] = importlib.util.module_from_spec(spec)\nspec.loader.exec_module(module)\n"
        "from sqlite3 import connect\nimport colorsys\nconnect(':memory:').execute('SELECT 1')\n"
    )
    assert machine.python(machine.write("main.py", source)).returncode == 0
    assert machine.names() == ["SELECT"]


def test_a_lazy_library_that_is_used_is_traced(machine):
    """Its first use loads it, and is traced."""
    source = LAZILY + "requests = lazily('requests')\nimport colorsys\nprint(is_lazy(requests))\n"
    done = machine.python(machine.write("main.py", source + GET.format("requests.get") + "print(is_lazy(requests))\n"))
    assert (done.stdout.split(), done.stderr) == ([b"True", b"False"], b"")
    assert told(machine) == [("GET", "autotrace.requests")]


@pytest.mark.skipif(sys.version_info < (3, 15), reason="before Python 3.15 there is no such statement")
def test_a_library_of_a_lazy_import_statement_is_traced(machine):
    """It is imported when its name is first used, and traced then; a name of a name, too."""
    source = (
        "import sys\nlazy import requests\nlazy from sqlite3 import connect\nimport colorsys\n"
        "print('requests' in sys.modules, 'sqlite3' in sys.modules)\nconnect(':memory:').execute('SELECT 1')\n"
    )
    done = machine.python(machine.write("main.py", source + GET.format("requests.get")))
    assert (done.returncode, done.stdout.split(), done.stderr) == (0, [b"False", b"False"], b"")
    assert sorted(told(machine)) == [("GET", "autotrace.requests"), ("SELECT", "autotrace.sqlite3")]


def test_what_is_not_used_is_not_loaded_and_nothing_that_is_looked_at_runs(machine):
    """Lazy libraries and others, modules and other objects that end the program: all are there while a library is patched."""
    machine.write("unrelated.py", "print('loaded')\n")
    source = LAZILY + (
        "import types\n"
        "class Ends(types.ModuleType):\n"
        "    def __getattribute__(self, name):\n        raise SystemExit(name)\n"
        "class Fails(types.ModuleType):\n"
        "    def __getattr__(self, name):\n        raise AttributeError(print(name))\n"
        "    def __setattr__(self, name, value):\n        raise SystemExit(name)\n"
        "class Liar:\n"
        "    __class__ = types.ModuleType\n"
        "    def __getattr__(self, name):\n        raise SystemExit(name)\n"
        "import os\n"
        "sys.modules.update(ends=Ends('ends'), fails=Fails('fails'), liar=Liar(), rq=Ends('rq'), pika=Liar())\n"
        "vars(sys.modules['fails']).update(leave=os._exit)\ndel vars(sys.modules['fails'])['__spec__']\n"
        "lazy = [lazily(name) for name in ('unrelated', 'requests', 'redis', 'asyncio', 'multiprocessing.spawn')]\n"
        + QUERY
        + "print(*map(is_lazy, lazy), sys.modules['fails'].leave is os._exit)\n"
        "import signal\nprint(signal.getsignal(signal.SIGTERM) is signal.SIG_DFL, flush=True)\nos._exit(3)\n"
    )
    done = machine.python(machine.write("main.py", source))
    assert (done.returncode, done.stdout.split(), done.stderr) == (3, [b"True"] * 7, b"")
    assert machine.names() == ["SELECT"]


def test_an_agent_that_could_not_be_put_together_has_left_nothing(machine):
    """What was patched before it failed is as it was, the program is none the wiser, and the next library brings it up."""
    source = (
        "import os, signal\nfrom autotrace.pipeline import termination\n"
        "before = os._exit, os.fork, os.execv, signal.signal, signal.getsignal\n"
        "def fails(self):\n    raise OSError('ours')\n"
        "kept, termination.Termination.install = termination.Termination.install, fails\n" + QUERY + "import signal\n"
        "print(before == (os._exit, os.fork, os.execv, signal.signal, signal.getsignal))\n"
        "termination.Termination.install = kept\nimport requests\n"
        "print(before == (os._exit, os.fork, os.execv, signal.signal, signal.getsignal))\n" + GET.format("requests.get")
    )
    done = machine.python(machine.write("main.py", source))
    assert (done.returncode, done.stdout.split(), done.stderr) == (0, [b"True", b"False"], b"")
    assert told(machine) == [("GET", "autotrace.requests")]


def test_a_python_whose_imports_cannot_be_heard_is_not_traced_and_the_doctor_says_so(machine):
    """Neither half nor by other means: the program runs bare."""
    breaking = (
        "import sys\n"
        "class Silent:\n    def __call__(self, *_, **__): pass\n"
        "sys.modules['_frozen_importlib']._verbose_message = Silent()\n"
        "import site\nsite.main()\nsys.argv.pop(0)\n"
        "flag, code = sys.argv.pop(0), sys.argv.pop(0)\nsys.argv.insert(0, flag)\nexec(code)\n"
    )
    script = machine.write("breaking.py", breaking)
    python = Path(machine.write("python", f'#!/bin/sh\nexec {sys.executable} -S {script} "$@"\n'))
    python.chmod(0o755)
    facts = []
    Examined(Python(str(python), ""), enabled=True).ask(facts.append)
    said = dict(fact for fact in facts if fact[0] in ("python", "problem"))
    assert said["python"]["running"] is False
    assert "is not traced: the import system of Python" in said["problem"]
    site = os.path.join(os.path.dirname(sys.modules["autotrace"].__file__), "launch", "site")
    done = machine.run(
        str(python), "-c", QUERY + "print('done')", environ={"PYTHONPATH": site, "AUTOTRACE_VERBOSE": "1"}
    )
    assert (done.returncode, done.stdout) == (0, b"done\n"), done.stderr
    assert b"nothing is traced: the import system of Python" in done.stderr
    assert machine.names() == []
