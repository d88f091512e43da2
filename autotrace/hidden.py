"""Finds out whether the program has modules by the names of Python's own: a ``signal.py`` or a ``typing.py``.

They lie in a folder that ``sys.path`` names before Python's own.  Whether and when they run is the program's affair, and
they are what it gets by these names.  Few programs have any, which a look into each such folder tells; what is done for
those is in ``standard``.

Not covered: archives on ``sys.path``, and folders that get onto it after the first library was imported.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

_seen: list[str] | None = None
_OWN = os.path.dirname(os.__file__)


def look() -> None:
    """Look, and see that what we import of Python's own library comes from there; to be called before it is imported.

    Does nothing where ``sys.path`` is as it was when this was called last.
    """
    global _seen
    folders = list(_in_front())
    if folders == _seen:
        return
    _seen = folders
    names = _names()
    found = {name for folder in folders for name in _modules(folder, names)}
    hidden = {name for name in found if name not in sys.modules or not _is_standard(sys.modules[name])}
    if hidden:
        from autotrace.standard import keep

        keep(folders, hidden)


def _in_front() -> Iterator[str]:
    """Yield the folders that are, or will be, on ``sys.path`` before Python's own."""
    folder = _of_script()
    if folder is not None:
        yield folder
    for entry in sys.path:
        if entry.startswith(_OWN):
            return
        if entry != folder:
            yield entry


def _of_script() -> str | None:
    """Return what the interpreter puts first on ``sys.path`` once it is about to run the program, or None.

    https://docs.python.org/3/library/sys_path_init.html
    """
    if sys.flags.isolated or getattr(sys.flags, "safe_path", False):
        return None
    script: str = (getattr(sys, "argv", None) or [""])[0]
    if script in ("", "-c", "-m"):
        return ""
    try:
        script = os.path.realpath(script)
        return script if os.path.isdir(script) else os.path.dirname(script)
    except (OSError, ValueError):  # the working directory is gone; it is no path at all
        return None


def _names() -> frozenset[str]:
    """Return the names of the modules of Python's own library that can be hidden."""
    found: Iterable[str] | None = getattr(sys, "stdlib_module_names", None)
    if found is None:  # before Python 3.10
        found = (name.partition(".")[0] for name in os.listdir(_OWN))
    return frozenset(found).difference(sys.builtin_module_names)


def _modules(folder: str, names: frozenset[str]) -> Iterator[str]:
    """Yield those of the names that a folder has a module or a package of."""
    try:
        files = os.listdir(folder or ".")
    except OSError:
        return
    for file in files:
        name, dot, _ending = file.partition(".")
        if name in names and (dot or os.path.exists(os.path.join(folder, name, "__init__.py"))):
            yield name


def _is_standard(module: Any) -> bool:
    """Tell whether a module is Python's own; nobody can hide it any more.  No code of the module's runs."""
    if not issubclass(type(module), type(sys)):
        return False
    file = vars(type(sys))["__dict__"].__get__(module).get("__file__")
    return file is None or (type(file) is str and file.startswith(_OWN))
