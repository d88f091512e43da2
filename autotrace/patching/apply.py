"""Putting an instrumentor's patches in place: all of them or none.

A plain Python function is replaced by a plain function: its identity, its pickling by name, its binding and its speed stay
what they are (a ``wrapt.FunctionWrapper`` costs about a microsecond more a call, and ``Class.method is Class.method`` is
false for it).  A function of C has a stand-in (``builtin``); any other object that can be called is wrapped by ``wrapt``
(``proxy``), which is imported for those only.

References that the program took before (``from x import function``) are ``references``'s business; methods of classes are
not concerned.
"""

from __future__ import annotations

import sys
from types import BuiltinFunctionType, FunctionType, MethodDescriptorType, MethodType

from autotrace.patching.builtin import standing_in
from autotrace.patching.modules import inherited, is_class, namespace, own

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from autotrace.patching.model import Instrumentor, Patch


# Types of functions in other than Python, by Cython, nanobind and pybind11, that are methods where they stand in a class.
_BINDING = frozenset(("cython_function_or_method", "nb_method", "instancemethod"))


class CannotPatchError(Exception):
    """A target does not exist in the installed version; nothing was changed."""


_relied_on: list[Any] = []


class Applied:
    """What was put in place, so that it can be taken back.

    Args:
        places: owner, attribute name, what was there in the owner's own ``__dict__`` (or ``MISSING``), and the replacement.
    """

    MISSING = object()

    def __init__(self, places: list[tuple[Any, str, Any, Any]]) -> None:
        self._places = places

    def undo(self, sparing: bool = False) -> None:
        """Take every patch back that is still on top; what somebody else patched after us stays.

        Args:
            sparing: leave the replacements that another instrumentor found in their places and was content with.
        """
        for owner, name, before, replacement in reversed(self._places):
            if own(owner).get(name) is not replacement:
                continue
            if sparing and any(replacement is one for one in _relied_on):
                continue
            names = namespace(owner)
            if names is not None:  # nothing is missing there: a module inherits no names
                names[name] = before
            elif before is Applied.MISSING:
                delattr(owner, name)
            else:
                setattr(owner, name, before)


def apply(instrumentor: Instrumentor, late: bool = False) -> Applied:
    """Resolve all targets, then patch them.

    Args:
        instrumentor: what to patch.
        late: the library was imported before we came, so that others may have names of their own for its functions.

    Raises:
        CannotPatchError: a target that is not optional is missing; nothing has been patched.
    """
    resolved = []
    for patch in instrumentor.patches:
        place = _resolve(patch)
        if place is not None:
            resolved.append((patch, *place))
    places = []
    made: dict[tuple[int, int], Any] = {}  # a function that stands in several modules stays one object
    for patch, owner, name, original in resolved:
        key = id(original), id(patch.wrap)
        if key not in made:
            made[key] = _replace(owner, name, original, patch, instrumentor.library, made)
        replacement = made[key]
        places.append((owner, name, own(owner).get(name, Applied.MISSING), replacement))
    done = Applied(places)
    for owner, name, _before, replacement in places:
        try:
            setattr(owner, name, replacement)
        except Exception as error:  # an immutable type; those that are already in place are taken back
            done.undo()
            raise CannotPatchError(f"{name} cannot be set: {error}") from error
    if late:
        from autotrace.patching.references import rebind

        places += rebind(places)
    _relied_on.extend(replacement for _owner, _name, before, replacement in places if before is replacement)
    return done


def _resolve(patch: Patch) -> tuple[Any, str, Any] | None:
    """Return owner, attribute name and the original as the owner's ``__dict__`` has it, or as it inherits it."""
    module_name, _, path = patch.target.partition(":")
    owner: Any = sys.modules.get(module_name)
    *parents, name = path.split(".")
    for parent in parents:
        owner = next((names[parent] for names in inherited(owner) if parent in names), None)
    for names in inherited(owner):
        if name in names:
            return owner, name, names[name]
    if patch.optional:
        return None
    raise CannotPatchError(f"{patch.target} does not exist in the installed version")


def _replace(owner: Any, name: str, original: Any, patch: Patch, scope: str, made: dict[tuple[int, int], Any]) -> Any:
    if isinstance(original, (FunctionType, MethodDescriptorType)) or type(original).__name__ in _BINDING:
        # Functions of C that bind as those of Python do: only such a one in their stead gets the receiver.
        traced = _dressed(patch.wrap(original, scope), original)
        if (
            traced is not original
            and is_class(owner)
            and (name not in own(owner) or original.__class__ is not FunctionType)
        ):
            # pickled by name: an inherited method is another one now, a method of C has no module
            traced.__module__, traced.__qualname__ = owner.__module__, f"{owner.__qualname__}.{name}"
        return traced
    if isinstance(original, (classmethod, staticmethod)) and isinstance(original.__func__, FunctionType):
        return type(original)(_function(original.__func__, patch, scope, made))
    if isinstance(original, MethodType) and isinstance(original.__func__, FunctionType):  # bound, under a module's name
        return MethodType(_function(original.__func__, patch, scope, made), original.__self__)
    if isinstance(original, type):
        return patch.wrap(original, scope)  # a class in its stead: whoever makes it sees to its looks
    if isinstance(original, BuiltinFunctionType):
        return standing_in(original, patch.wrap(original, scope))
    from autotrace.patching.proxy import wrapped

    return wrapped(original, patch.wrap, scope)


def _function(original: Any, patch: Patch, scope: str, made: dict[tuple[int, int], Any]) -> Any:
    """Return the replacement of a function that is bound in whatever ways, so that what was equal stays so."""
    key = id(original), id(patch.wrap)
    if key not in made:
        made[key] = _dressed(patch.wrap(original, scope), original)
    return made[key]


def _dressed(traced: Any, original: Any) -> Any:
    """Give a replacement everything by which code looks at a function; ``__wrapped__`` gives the signature."""
    if traced is not original:
        # Since Python 3.14 annotations are worked out when they are asked for, and may name what is there for checkers only.
        notes = "__annotations__" if getattr(original, "__annotate__", None) is None else "__annotate__"
        for name in ("__module__", "__name__", "__qualname__", "__doc__", notes, "__type_params__"):
            if hasattr(original, name):
                setattr(traced, name, getattr(original, name))
            elif name == "__annotations__":
                traced.__annotations__ = {}
        traced.__dict__.update(getattr(original, "__dict__", {}))
        traced.__wrapped__ = original
    return traced
