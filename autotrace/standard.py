"""What we import of Python's own library comes from there, whatever lies beside the program's script.

A folder that ``sys.path`` names before Python's own may have a ``signal.py`` or a ``typing.py``.  Whether and when that runs
is the program's affair, and it is what the program gets by that name.  Few programs have one, which a look into each such
folder tells.  For those, what the traced side needs is loaded while ``sys.path`` is without these folders, and taken out of
``sys.modules`` again; our own modules, and the packages that we bring, have their imports answered from what was kept.

Not covered: archives on ``sys.path``, and folders that get onto it after the first library was imported.
"""

from __future__ import annotations

import builtins
import os
import sys
from _frozen_importlib_external import PathFinder, SourceFileLoader

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType
    from typing import Any

# What the traced side imports, what wrapt does, and what sending by HTTP does at its first use; a test reads our sources.
NEEDED = (
    *("_random", "_struct", "binascii", "collections", "collections.abc", "contextvars", "copy", "ctypes", "datetime"),
    *("difflib", "email.utils", "encodings.idna", "fcntl", "functools", "grp", "http.client", "importlib", "inspect"),
    *(
        "importlib.machinery",
        "importlib.util",
        "io",
        "json",
        "linecache",
        "mmap",
        "operator",
        "os",
        "pwd",
        "re",
        "shlex",
    ),
    *("signal", "socket", "ssl", "stat", "struct", "tomllib", "types", "typing", "urllib.parse", "weakref", "zlib"),
)
_EARLY = ("ssl", "_ssl")  # gevent warns where it has been imported before gevent patches it
_OURS = frozenset(("autotrace", "wrapt", "importlib_metadata", "zipp", "tomli"))
_kept: dict[str, ModuleType] = {}
_seen: tuple[str, ...] | None = None
_builtins: dict[str, Any] = {}


def look() -> None:
    """Find out whether anything on ``sys.path`` hides a module of Python's own; to be called before such are imported.

    Does nothing where ``sys.path`` is as it was when this was called last.
    """
    global _seen
    folders = tuple(_in_front())
    if folders == _seen or _kept:
        return
    _seen = folders
    names = _names()
    found = {name for folder in folders for name in _modules(folder, names)}
    hidden = {name for name in found if name not in sys.modules or not _is_standard(sys.modules[name])}
    if hidden:
        _keep(folders, hidden)
        _builtins.update(vars(builtins), __import__=_import)
        sys.meta_path.insert(0, _Finder)


def _in_front() -> Iterator[str]:
    """Yield the folders that are, or will be, on ``sys.path`` before Python's own."""
    folder = _of_script()
    if folder is not None:
        yield folder
    own = _own()
    for entry in sys.path:
        if entry.startswith(own):
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


def _own() -> str:
    return os.path.dirname(os.__file__)


def _is_standard(module: Any) -> bool:
    """Tell whether a module is Python's own; nobody can hide it any more.  No code of the module's runs."""
    if not issubclass(type(module), type(sys)):
        return False
    file = vars(type(sys))["__dict__"].__get__(module).get("__file__")
    return file is None or (type(file) is str and file.startswith(_own()))


def _names() -> frozenset[str]:
    """Return the names of the modules of Python's own library that can be hidden."""
    found: Iterable[str] | None = getattr(sys, "stdlib_module_names", None)
    if found is None:  # before Python 3.10
        found = (name.partition(".")[0] for name in os.listdir(_own()))
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


def _keep(folders: Sequence[str], hidden: set[str]) -> None:
    """Load what we need, and leave ``sys.modules`` as it was in all that is hidden, and in what must not be early."""
    path, modules = sys.path[:], dict(sys.modules)
    sys.path[:] = [entry for entry in path if entry not in folders]
    try:
        for name in modules:
            if name.partition(".")[0] in hidden:
                del sys.modules[name]
        for name in NEEDED:
            try:
                __import__(name)
            except ImportError:  # this Python, or this system, has none
                continue
            _kept[name] = sys.modules[name]
            top = name.partition(".")[0]
            _kept[top] = sys.modules[top]
    finally:
        sys.path[:] = path
        for name in list(sys.modules):
            if name not in modules and (name.partition(".")[0] in hidden or name in _EARLY):
                del sys.modules[name]
        sys.modules.update(modules)


def _import(
    name: str,
    theirs: Mapping[str, Any] | None = None,
    scope: Mapping[str, Any] | None = None,
    fromlist: Sequence[str] | None = (),
    level: int = 0,
) -> Any:
    """Import for a module of ours, as ``__import__`` does: https://docs.python.org/3/library/functions.html#import__."""
    if level == 0 and name in _kept:
        return _kept[name if fromlist else name.partition(".")[0]]
    return builtins.__import__(name, theirs, scope, fromlist or (), level)


class _Finder:
    """Finds our modules, where the program hides some of Python's; all others are left to those that come after it."""

    @staticmethod
    def find_spec(name: str, path: Sequence[str] | None = None, target: ModuleType | None = None) -> ModuleSpec | None:
        """Return where a module of ours is, as the interpreter would, and have it executed with our import."""
        if name.partition(".")[0] not in _OURS:
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec is not None and type(spec.loader) is SourceFileLoader:
            spec.loader = _Loader(spec.loader.name, spec.loader.path)
        return spec


class _Loader(SourceFileLoader):
    """Executes a module with built-in names of its own."""

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """Make the module: what its global names have as ``__builtins__``, all of its code uses."""
        module = type(sys)(spec.name)
        vars(module)["__builtins__"] = _builtins
        return module
