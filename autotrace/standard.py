"""What we import of Python's own library comes from there, where the program has modules by the same names.

What the traced side needs is loaded while ``sys.path`` is without the program's folders, and taken out of ``sys.modules``
again; our own modules, and the packages that we bring, have their imports answered from what was kept.
"""

from __future__ import annotations

import builtins
import sys
from _frozen_importlib_external import PathFinder, SourceFileLoader

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType
    from typing import Any

# What the traced side imports, what wrapt does, and what sending by HTTP does at its first use; a test reads our sources.
NEEDED = (
    *("_random", "_struct", "binascii", "collections", "collections.abc", "contextlib", "contextvars", "copy"),
    *(
        "ctypes",
        "datetime",
        "difflib",
        "email.utils",
        "encodings.idna",
        "fcntl",
        "functools",
        "grp",
        "http.client",
        "importlib",
    ),
    *("importlib.machinery", "importlib.util", "inspect", "io", "json", "linecache", "mmap", "operator", "os", "pwd"),
    *("re", "shlex", "signal", "socket", "ssl", "stat", "struct", "tomllib", "types", "typing", "urllib.parse"),
    *("warnings", "weakref", "zlib"),
)
_EARLY = ("ssl", "_ssl")  # gevent warns where it has been imported before gevent patches it
_OURS = frozenset(("autotrace", "wrapt", "importlib_metadata", "zipp", "tomli"))
_kept: dict[str, ModuleType] = {}
_builtins: dict[str, Any] = {}


def keep(folders: Sequence[str], hidden: set[str]) -> None:
    """Load what we need, once; ``sys.modules`` is left as it was in what is hidden, and in what must not be early.

    Args:
        folders: what is on ``sys.path`` before Python's own library.
        hidden: the names that the program has modules of.
    """
    if _kept:
        return
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
    _builtins.update(vars(builtins), __import__=_import)
    sys.meta_path.insert(0, _Finder)


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
