"""Tracing types that cannot be patched in place: a subclass of ours beneath the program's, and methods for it.

Not handled: classes whose metaclass or ``__init_subclass__`` wants more than a name, bases and a namespace; they stay
untraced.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from autotrace.patching.model import Wrap

KEPT = "_autotrace_kept"


def stand_in(kind: type, traced: type, slots: tuple[str, ...] = ()) -> type:
    """Return the subclass that stands in for a class of the program's: same name, same ``__class__``, our methods beneath.

    Made once; kept by the class itself, as one of its subclasses, so that it goes away together with it.

    Args:
        kind: derived from the type that ``traced`` is derived from.
        traced: has our methods; they find the original's by ``super()``, or by name.
        slots: attributes of ours that instances need.
    """
    if issubclass(kind, traced):
        return kind
    for made in type.__subclasses__(kind):
        if vars(made).get("_autotrace_kind") is kind:
            return made
    return _subclass(kind, (kind, traced), slots)


def taking_over(kind: Any, scope: str, wraps: dict[str, Wrap]) -> Any:
    """Return a subclass that takes the name of a library's type, with some of its methods wrapped.

    Its instances keep something of ours in the slot that ``KEPT`` names.

    Args:
        kind: the type; returned as it is where it is such a subclass already.
        scope: the instrumentor's name.
        wraps: what wraps each method; those that the installed version does not have are left out.
    """
    if hasattr(kind, KEPT):
        return kind
    slots = (KEPT,) if kind.__weakrefoffset__ else (KEPT, "__weakref__")
    return _with_methods(kind, scope, wraps, slots)


class StandIns:
    """What stands in for a library's type, and for the types that programs derive from it, with some methods wrapped.

    Args:
        kind: the type.
        scope: the instrumentor's name.
        wraps: what wraps each method; those that the installed version does not have are left out.
        slots: attributes of ours that instances need.

    Attributes:
        plain: what stands in for the type itself.
    """

    __slots__ = ("_kind", "_slots", "_traced", "plain")

    def __init__(self, kind: type, scope: str, wraps: dict[str, Wrap], slots: tuple[str, ...] = ()) -> None:
        self._kind = kind
        self._slots = slots
        self._traced = _with_methods(kind, scope, wraps, ())
        self.plain = _subclass(kind, (self._traced,), slots)

    def of(self, given: Any) -> Any:
        """Return what stands in for what a program gave; that itself, where it is no such type."""
        if given is self._kind:
            return self.plain
        if isinstance(given, type) and issubclass(given, self._kind):
            return stand_in(given, self._traced, self._slots)
        return given


def _with_methods(kind: type, scope: str, wraps: dict[str, Wrap], slots: tuple[str, ...]) -> type:
    space: dict[str, Any] = {"__slots__": slots, "__module__": kind.__module__, "__doc__": kind.__doc__}
    for name, wrap in wraps.items():
        original = getattr(kind, name, None)
        if original is not None:
            space[name] = method(wrap(original, scope), original)
    return type(kind.__name__, (kind,), space)


def _subclass(kind: type, bases: tuple[type, ...], slots: tuple[str, ...]) -> type:
    space = {
        "__slots__": slots,
        "__module__": kind.__module__,
        "__qualname__": kind.__qualname__,
        "__doc__": kind.__doc__,
        # ``self.__class__`` is what programs pickle, compare, and make more of
        "__class__": property(lambda _self: kind),
        "_autotrace_kind": kind,
    }
    return type(kind)(kind.__name__, bases, space)


def method(function: Any, original: Any) -> Any:
    """Give a function of ours all by which code looks at the original; returns it."""
    for name in ("__name__", "__qualname__", "__doc__"):
        setattr(function, name, getattr(original, name))
    function.__wrapped__ = original
    return function
