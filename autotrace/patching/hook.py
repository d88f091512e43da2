"""The import hook: the import system says itself that it has imported a module, and we listen.

Whatever finds and loads a module, importlib ends its load with a message, which it prints under ``python -v``: ``import
'name' # loader``.  The function that takes it is replaced.  So there is no finder and no loader of ours, ``sys.meta_path``
and specs are the bare program's, and no frame of ours is on the stack while a module is found or executed: not in its
tracebacks, not where a warning counts frames.  When the message comes, other threads still wait for the module.

What comes into ``sys.modules`` by hand, or by a loader of the oldest kind, is noticed when the next import ends.
Modules of ``importlib.util.LazyLoader`` load themselves when the program first uses them.  The function that loads them ends
with a look-up of ``getattr``; a twin of it, of the same code, sees its global names through a dictionary that tells of this
look-up.  Again there is no frame of ours.  A callback runs once, and fails no import.

Not handled: reloading (the module stays untraced), and a Python whose import system does not say this; it is not traced.
"""

from __future__ import annotations

import _frozen_importlib
import sys
from _thread import get_ident

from autotrace.faults import fault

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FunctionType as Function
    from typing import Any

IMPORTED = "import {!r} # {!r}"
_FROM_ZIP = "import {} # loaded from Zip {}"  # Python 3.9, whose importer of archives is of the oldest kind
_UTIL = "importlib.util"
_LAST = "getattr"  # what is looked up when a lazy module has been loaded


class ImportHook:
    """Tells when a module has been imported.

    Args:
        waiting: module name to callback, which takes the name; entries are removed as they are served.

    Attributes:
        late: while what is served may have been used before, so that others have names of their own for what is in it.
    """

    def __init__(self, waiting: dict[str, Callable[[str], None]]) -> None:
        self.late = False
        self._waiting = waiting
        self._lazy: type | None = None
        self._undo: list[Callable[[], None]] = []

    def install(self) -> bool:
        """Serve what has been imported already, then listen; return False where the import system cannot be listened to."""
        names = vars(_frozen_importlib)
        original, locks = names.get("_verbose_message"), names.get("_module_locks")
        if type(original) is not _FunctionType or type(locks) is not dict or not _says(names.get("_load_unlocked")):
            return False
        self._waiting.setdefault(_UTIL, self._watch_lazy)
        if _UTIL in sys.modules:
            self.imported(_UTIL)
        self.look()
        names["_verbose_message"] = _listener(self, self._waiting, locks, original)
        self._undo.append(lambda: names.update(_verbose_message=original))
        return True

    def remove(self) -> None:
        """Listen no more."""
        while self._undo:
            self._undo.pop()()

    def loaded(self, name: str) -> None:
        """Serve a module of which the import system says that it is there; one that is still to load itself is not."""
        if self._lazy is None or not issubclass(type(sys.modules.get(name)), self._lazy):
            self.imported(name)

    def look(self) -> None:
        """Serve what is in ``sys.modules``, however it came there."""
        outer = self.late  # serving imports, which may look again
        try:
            found = self._waiting.keys() & sys.modules.keys()
            if found:
                from autotrace.patching.modules import loaded

                self.late = True
                for name in loaded(found):
                    self.imported(name)
        except Exception:  # such as a dictionary that another thread changes: the next import looks again
            fault("imports")
        finally:
            self.late = outer

    def imported(self, name: str) -> None:
        """Run the callback of a module, once."""
        callback = self._waiting.pop(name, None)
        if callback is None:
            return
        try:
            callback(name)
        except Exception:
            fault(name)

    def _watch_lazy(self, _module: str) -> None:
        kind: Any = sys.modules[_UTIL]._LazyModule  # noqa: SLF001
        original = vars(kind)["__getattribute__"]
        self._lazy = kind
        if type(original) is _FunctionType and _LAST in original.__code__.co_names:  # else the next import notices them
            kind.__getattribute__ = _twin(original, self.look)
            self._undo.append(lambda: setattr(kind, "__getattribute__", original))


def _says(load: Any) -> bool:
    """Tell whether the function that loads a module says so at its end; what somebody put in its stead calls it."""
    code = getattr(load, "__code__", None)
    return code is None or not code.co_filename.startswith("<frozen importlib") or IMPORTED in code.co_consts


def _outermost(name: str, locks: dict[str, Any]) -> bool:
    """Tell whether a module is imported for the sake of no other one that this thread is importing.

    Each module that is being imported has a lock, the outermost was made first; from Python 3.15 on those that failed may
    keep theirs, which nobody holds.
    """
    try:
        here = get_ident()
        for other, reference in locks.items():
            if getattr(reference(), "owner", None) == here:
                return other == name
    except RuntimeError:  # another thread has begun or ended an import: the next one looks
        return False
    except Exception:  # locks of another make
        fault("imports")
    return False


def _listener(hook: ImportHook, waiting: dict[str, Any], locks: dict[str, Any], original: Any) -> Any:
    """Return what takes importlib's messages in place of its own function, and to look at is that function."""
    loud = sys.flags.verbose or original.__code__.co_filename != "<frozen importlib._bootstrap>"

    ends = frozenset((IMPORTED, _FROM_ZIP))

    # PERF: some ten messages for each import; where nothing is printed the original has no more to do than this.
    def _verbose_message(message: str, *args: Any, verbosity: int = 1) -> None:
        if loud:
            original(message, *args, verbosity=verbosity)
        if message in ends:
            if args[0] in waiting:
                hook.loaded(args[0])
            if len(locks) < 2 or _outermost(args[0], locks):
                hook.look()

    code, of = _verbose_message.__code__, original.__code__
    _verbose_message.__code__ = code.replace(co_filename=of.co_filename, co_firstlineno=of.co_firstlineno)
    _verbose_message.__module__, _verbose_message.__qualname__ = original.__module__, original.__qualname__
    _verbose_message.__doc__ = original.__doc__
    return _verbose_message


def _twin(original: Function, loaded: Callable[[], None]) -> Function:
    """Return the function that loads lazy modules once more, with somebody who is told when one has been loaded."""
    names = _Names(original.__globals__, loaded)
    twin: Function = _FunctionType(
        original.__code__, names, original.__name__, original.__defaults__, original.__closure__
    )
    for name in ("__module__", "__qualname__", "__kwdefaults__"):
        setattr(twin, name, getattr(original, name))
    return twin


class _Names(dict):  # type: ignore[type-arg]
    """The global names of a module as one of its functions sees them; one of them is listened for."""

    def __init__(self, names: dict[str, Any], loaded: Callable[[], None]) -> None:
        self["__builtins__"] = names["__builtins__"]  # the interpreter takes it without asking us
        self._names = names
        self._loaded = loaded

    def __missing__(self, name: str) -> Any:
        if name == _LAST:
            self._loaded()
        return self._names[name]


_FunctionType: Any = type(_twin)  # PERF: the module ``types`` is not there yet at the start
