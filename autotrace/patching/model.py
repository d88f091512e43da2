"""The words that an instrumentor is written in."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

# The one border where types end: the instrumented libraries' arguments and results.
if TYPE_CHECKING:
    Args = tuple[Any, ...]
    Kwargs = dict[str, Any]
    Call = Callable[..., Any]
    # What a family makes: given the original and the instrumentor's name, the replacement.
    Wrap = Callable[[Call, str], Call]
else:
    Args, Kwargs, Call, Wrap = tuple, dict, object, object


class Patch:
    """One place to patch.

    Args:
        target: ``"module:attribute"`` or ``"module:Class.attribute"``; the place that all ways of calling pass through.
        wrap: made by a family; takes the original and the instrumentor's name and returns the replacement, which is
            called in the original's stead with exactly its arguments (the receiver included).
        optional: the target does not exist in every supported version; where it is missing the others still apply.
    """

    __slots__ = ("optional", "target", "wrap")

    def __init__(self, target: str, wrap: Wrap, optional: bool = False) -> None:
        self.target = target
        self.wrap = wrap
        self.optional = optional


class Instrumentor:
    """What is patched in one library.

    Args:
        library: the instrumentor's name; also the instrumentation scope of its spans.
        patches: applied all or not at all.
        requires: the distribution and its supported versions, such as ``"acme-client>=1.2,<2"``.  A built-in one leaves this
            to its row in the catalog; without either, every version is taken.
    """

    __slots__ = ("library", "patches", "requires")

    def __init__(self, library: str, *patches: Patch, requires: str | None = None) -> None:
        self.library = library
        self.patches = patches
        self.requires = requires


def argument(args: Args, kwargs: Kwargs, index: int, name: str, default: Any = None) -> Any:
    """Return an argument that may be given by position or by name; ``args`` includes the receiver."""
    return args[index] if len(args) > index else kwargs.get(name, default)


def with_argument(args: Args, kwargs: Kwargs, index: int, name: str, value: Any) -> Args:
    """Return the positional arguments with one replaced, or set it by name in ``kwargs``.

    ``kwargs`` is always a fresh dictionary of the wrapper's, never the caller's, so writing to it is safe.
    """
    if len(args) > index:
        return (*args[:index], value, *args[index + 1 :])
    kwargs[name] = value
    return args
