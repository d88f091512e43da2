"""A library's own traffic beneath what it does for the program: it is no operation of anybody's, and makes no spans.

Two ways.  ``suppressed`` is for a function: what is called in it belongs to a trace that is not recorded, except in what is
marked as the program's again (``resumed``); ``onwards`` is for one after which the whole process is the library's.
``muting`` is for what makes an object that the library keeps for itself, such as a pool of connections: an instrumentor that
is called with such an object looks at ``is_muted``.
"""

from __future__ import annotations

from autotrace.families.beside import Beside
from autotrace.patching.wrapping import after, around, before
from autotrace.trace.context import get_current, set_current
from autotrace.trace.span import INTERNAL, RANDOM, UNSET, Operation, Trace
from autotrace.trace.tracer import tracer
from autotrace.trace.unrecorded import unrecorded

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from autotrace.patching import Args, Kwargs, Wrap
    from autotrace.trace.failure import Failure
    from autotrace.trace.span import Description, Facts, Span

QUIET = "quiet"
_muted = Beside()
muted = _muted.kept


def suppressed(awaited: bool = False) -> Wrap:
    """Wrap a function in which a library talks for itself.

    Args:
        awaited: it is a coroutine function.
    """
    return _under(suppress, awaited)


def suppressed_alone(awaited: bool = False) -> Wrap:
    """Wrap a function of which nothing is told where nothing is current; the arguments are those of ``suppressed``."""
    return _under(_suppress_alone, awaited)


def resumed() -> Wrap:
    """Wrap a function that does the program's work, beneath one that is quiet."""
    return _under(_resume)


def onwards(begins: Callable[[Args, Kwargs], bool]) -> Wrap:
    """Wrap a function by which a process of a library's own may begin: then nothing after it is the program's.

    Args:
        begins: looks at the arguments, and tells whether that is so.
    """

    def look(args: Args, kwargs: Kwargs) -> None:
        if get_current() is None and begins(args, kwargs):
            suppress()

    return before(look)


def suppress() -> None:
    """Make nothing beneath what is current recorded; what was current is put back by value."""
    current = get_current()
    if current is not None and not current.trace.sampled:
        return
    if current is None:
        trace, span_id = Trace(tracer.new_trace_id(), RANDOM), "0" * 15 + "1"
    else:
        trace, span_id = current.trace.unsampled(), current.span_id
    set_current(unrecorded(OPERATION, trace, span_id, current))


def _suppress_alone() -> None:
    """Make nothing recorded where nothing is current."""
    if get_current() is None:
        suppress()


def _resume() -> None:
    """Make current what was so before it became quiet."""
    set_current(recorded(get_current()))


def is_suppressed() -> bool:
    """Tell whether a library is talking for itself here."""
    current = get_current()
    return current is not None and current.operation is OPERATION


def recorded(span: Span | None) -> Span | None:
    """Return the first span that is not quiet, of those below."""
    while span is not None and span.operation is OPERATION:
        span = span.previous
    return span


def muting() -> Wrap:
    """Wrap a function that returns an object which its library keeps for itself."""

    def look(_args: Args, _kwargs: Kwargs, made: Any) -> Any:
        mute(made)
        return made

    return after(look)


def mute(thing: Any) -> None:
    """Remember an object for as long as it lives."""
    _muted.keep(thing, True)


def is_muted(thing: Any) -> bool:
    """Tell whether an object belongs to a library's own traffic; ask only where ``muted`` is not empty."""
    return id(thing) in muted


def _under(change: Callable[[], None], awaited: bool = False) -> Wrap:
    def enter(args: Args, _kwargs: Kwargs) -> tuple[tuple[Span | None], Args]:
        before_it = get_current()
        change()
        return (before_it,), args

    def leave(before_it: tuple[Span | None], result: Any) -> Any:
        set_current(*before_it)
        return result

    return around(enter, leave, leave, awaited)


def _describe(_facts: Facts, _outcome: Facts | None, _failure: Failure | None) -> Description:
    return QUIET, {}, UNSET, ""


OPERATION = Operation(QUIET, INTERNAL, QUIET, _describe)
