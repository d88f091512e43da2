"""Looking at modules and classes without running a line of anybody's code.

A module may load itself when it is looked at, have an answer to every name, or end the program.  So nothing is asked of it:
what is read here is read where the interpreter keeps it.  ``isinstance`` is no help either, it believes ``__class__``.
"""

from __future__ import annotations

import sys
from _frozen_importlib import ModuleSpec

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from types import FrameType
    from typing import Any

_Module = type(sys)
_names_of_module = vars(_Module)["__dict__"].__get__
_names_of_class = vars(type)["__dict__"].__get__
_mro = vars(type)["__mro__"].__get__
_BLANK = frozenset(  # what a module has before it is executed
    ("__name__", "__doc__", "__package__", "__loader__", "__spec__", "__path__", "__file__", "__cached__")
)


def namespace(thing: Any) -> dict[str, Any] | None:
    """Return the names of a module as a dictionary that can be written to, or None for what is no module."""
    found: dict[str, Any] | None = _names_of_module(thing) if issubclass(type(thing), _Module) else None
    return found


def is_class(thing: Any) -> bool:
    """Tell whether something is a class, and does not only say so."""
    return issubclass(type(thing), type)


def own(owner: Any) -> Mapping[str, Any]:
    """Return what a module or a class has of its own; nothing for any other object."""
    found: Mapping[str, Any] | None = _names_of_class(owner) if is_class(owner) else namespace(owner)
    return {} if found is None else found


def inherited(owner: Any) -> Iterable[Mapping[str, Any]]:
    """Return what a module or a class has, its own names first; nothing for any other object."""
    return [_names_of_class(each) for each in _mro(owner)] if is_class(owner) else [own(owner)]


def loaded(names: Iterable[str]) -> list[str]:
    """Return which names ``sys.modules`` has the module of, executed to its end as far as that can be seen.

    Not: a stand-in of any kind, a module under another's name, one that loads itself when it is used, and one that has not
    been executed, or not to its end, by the import system or by hand.
    """
    modules = sys.modules
    found = [name for name in names if _is_whole(name, modules.get(name))]
    if not found:
        return found
    busy = _executing()
    return [name for name in found if id(namespace(modules.get(name))) not in busy]


def _is_whole(name: str, module: Any) -> bool:
    names = namespace(module)
    if names is None or names.keys() <= _BLANK:
        return False
    called, spec = names.get("__name__"), names.get("__spec__")
    if type(called) is not str or called != name:
        return False
    if type(spec) is ModuleSpec and getattr(spec, "_initializing", False):
        return False
    kind = type(module)
    return kind is _Module or not any("__getattribute__" in _names_of_class(each) for each in _between(kind))


def _between(kind: type) -> list[type]:
    """Return a class of modules and what it is derived from, up to the interpreter's own."""
    return [each for each in _mro(kind) if each is not _Module and each is not object]


def _executing() -> set[int]:
    """Return the ids of the namespaces of all modules that this thread is executing this moment.

    What another thread executes it imports, as a rule, and then the module's spec says so.  The frames of other threads are
    not gone through: that would make objects of frames that run on.
    """
    found = set()
    frame: FrameType | None = sys._getframe()  # noqa: SLF001 - there is no other way
    while frame is not None:
        if frame.f_code.co_name == "<module>":
            found.add(id(frame.f_globals))
        frame = frame.f_back
    return found
