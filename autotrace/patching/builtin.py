"""Standing in for a function that is written in C.

It is what the function is, to whoever looks: its type by ``isinstance``, its name, text, ``repr``, signature and pickle by
name, and no method where it is an attribute of a class.  Only ``type()`` tells the difference.  ``wrapt`` would do as well;
a program that imports ``threading`` should not have to load it.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from autotrace.patching.model import Call


class TracedBuiltin:
    """Calls what a family made in the stead of a built-in function; see ``standing_in``."""

    __slots__ = ("__weakref__", "__wrapped__")

    def __init__(self, original: Any) -> None:
        self.__wrapped__ = original

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        return type(self.__wrapped__)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__wrapped__, name)

    def __dir__(self) -> Any:
        return dir(self.__wrapped__)

    def __repr__(self) -> str:
        return repr(self.__wrapped__)

    def __copy__(self) -> Any:
        """Return itself: functions are not copied."""
        return self

    def __deepcopy__(self, memo: Any) -> Any:
        """Return itself: functions are not copied."""
        return self

    def __reduce_ex__(self, protocol: Any) -> Any:
        """Pickle by reference, where the original can be found by name."""
        return self.__wrapped__.__reduce_ex__(protocol)


def standing_in(original: Any, traced: Call) -> Any:
    """Return a callable that looks like ``original`` and calls ``traced``, with no frame between the two."""
    body = {
        "__slots__": (),
        "__call__": staticmethod(traced),
        "__doc__": original.__doc__,
        "__module__": original.__module__,
    }
    return type("builtin_function_or_method", (TracedBuiltin,), body)(original)
