"""Tracing types that cannot be patched in place: a subclass of ours beneath the program's, and methods for it.

Not handled: classes whose metaclass or ``__init_subclass__`` wants more than a name, bases and a namespace; they stay
untraced.
"""

from __future__ import annotations

from autotrace.faults import fault
from autotrace.trace.failure import hide_frame

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from autotrace.patching import Args, Call, Kwargs, Wrap

    Adjust = Callable[[Args, Kwargs], tuple[Args, Kwargs]]

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


def in_place_of(kind: type, traced: type, slots: tuple[str, ...] = ()) -> type:
    """Return the subclass that stands in for the library's own type."""
    return _subclass(kind, (traced,), slots)


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
    space: dict[str, Any] = {"__slots__": (KEPT, "__weakref__"), "__module__": kind.__module__, "__doc__": kind.__doc__}
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


def adjusted(adjust: Adjust) -> Wrap:
    """Call the original with other arguments.

    Args:
        adjust: given the arguments, returns fresh ones; where it fails, the call goes through as it came.
    """

    def wrap(original: Call, scope: str) -> Call:
        def through(*args: Any, **kwargs: Any) -> Any:
            try:
                args, kwargs = adjust(args, kwargs)
            except Exception:
                fault(scope)
            try:
                if not kwargs:  # to what is written in C no names at all may be another thing than none
                    return original(*args)
                return original(*args, **kwargs)
            except BaseException as error:
                hide_frame(error)
                raise

        return through

    return wrap


def by_way_of(make: Call, original: Call, *more: Any) -> Callable[[Call], Call]:
    """Call a method on what ``make`` returns for the receiver, instead of on the receiver.

    Args:
        make: the library's function, called with the receiver and ``more``; its exceptions pass.
        original: the receiver's own method, which takes no names, and one argument at least; else it says so itself.
        more: further arguments.
    """

    def wrap(function: Call) -> Call:
        def through(*args: Any, **kwargs: Any) -> Any:
            try:
                if kwargs or len(args) < 2:
                    return original(*args, **kwargs)
                return function(make(args[0], *more), *args[1:])
            except BaseException as error:
                hide_frame(error)
                raise

        return through

    return wrap
