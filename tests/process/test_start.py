"""What a start brings into a program that imports nothing."""

from __future__ import annotations

import sys

LIST = "import sys; print('\\n'.join(sorted(sys.modules)))"


def modules(done):
    assert (done.returncode, done.stderr) == (0, b"")
    return set(done.stdout.decode().split())


def test_a_start_imports_no_library_and_few_modules(machine):
    """Nothing outside the standard library and autotrace, and at most 60 modules more than a bare interpreter's."""
    bare = modules(machine.run(sys.executable, "-c", LIST))
    traced = modules(machine.python("-c", LIST))
    more = traced - bare
    foreign = {name.partition(".")[0] for name in more} - {"autotrace"} - set(_standard_library())
    assert foreign == set()
    assert len(more) <= 60, sorted(more)
    print(f"{len(more)} modules more")


def test_what_is_not_imported_costs_nothing(machine):
    """Tracer, families, worker and sinks are loaded with the first library only; no library, no file."""
    traced = modules(machine.python("-c", LIST))
    assert not [
        name for name in traced if name.startswith(("autotrace.families", "autotrace.export", "autotrace.trace"))
    ]
    assert not (machine.data / "inbox").exists()


def test_in_the_traced_process_nothing_else_is_imported(machine):
    """With a patched library the agent brings only itself, the standard library and wrapt."""
    code = "import sqlite3, threading, http.client\nsqlite3.connect(':memory:').execute('SELECT 1')\n" + LIST
    bare = modules(machine.run(sys.executable, "-c", code))
    more = modules(machine.python("-c", code)) - bare
    allowed = {"autotrace", "wrapt", "typing_extensions"} | set(_standard_library())
    assert {name.partition(".")[0] for name in more} - allowed == set()
    assert not [name for name in more if name.startswith(("autotrace.store", "autotrace.cli"))]


def _standard_library():
    names = getattr(sys, "stdlib_module_names", None)
    if names is not None:
        return set(names) | {"_frozen_importlib", "sitecustomize"}
    import sysconfig
    from pathlib import Path

    directory = Path(sysconfig.get_path("stdlib"))
    found = {path.stem for path in directory.iterdir() if path.name != "site-packages"}
    dynamic = {path.name.partition(".")[0] for path in (directory / "lib-dynload").glob("*.so")}
    return found | dynamic | set(sys.builtin_module_names) | {"sitecustomize"}
