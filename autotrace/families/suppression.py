"""A library's own traffic beneath what it does for the program: it is no operation of anybody's, and makes no spans.

Two ways.  ``beneath`` is for a function: what is called in it belongs to a trace that is not recorded, except in what is
marked as the program's again (``aloud``); ``onwards`` is for one after which the whole process is the library's.
``muting`` is for what makes an object that the library keeps for itself, such as a pool of connections: an instrumentor that
is called with such an object looks at ``is_muted``.
"""

from __future__ import annotations

from autotrace.families.beside import Beside
from autotrace.faults import fault
from autotrace.trace.context import get_current, set_current
from autotrace.trace.failure import hide_frame
from autotrace.trace.span import INTERNAL, RANDOM, UNSET, Operation, Span, Trace
from autotrace.trace.tracer import tracer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from autotrace.patching import Args, Call, Kwargs, Wrap
    from autotrace.trace.failure import Failure
    from autotrace.trace.span import Description, Facts

QUIET = "quiet"
_muted = Beside()
muted = _muted.kept


def beneath() -> Wrap:
    """Wrap a function in which a library talks for itself."""
    return _under(hush)


def aloud() -> Wrap:
    """Wrap a function that does the program's work, beneath one that is quiet."""
    return _under(heard)


def onwards(begins: Callable[[Args, Kwargs], bool]) -> Wrap:
    """Wrap a function by which a process of a library's own may begin: then nothing after it is the program's.

    Args:
        begins: looks at the arguments, and tells whether that is so.
    """

    def wrap(original: Call, scope: str) -> Call:
        def beginning(*args: Any, **kwargs: Any) -> Any:
            try:
                if get_current() is None and begins(args, kwargs):
                    hush()
            except Exception:
                fault(scope)
            try:
                return original(*args, **kwargs)
            except BaseException as error:
                hide_frame(error)
                raise

        return beginning

    return wrap


def hush() -> None:
    """Make nothing beneath what is current recorded; what was current is put back by value."""
    current = get_current()
    if current is not None and not current.trace.sampled:
        return
    span = Span()
    if current is None:
        span.trace = Trace(tracer.new_trace_id(), RANDOM)
        span.span_id = "0" * 15 + "1"
    else:
        span.trace = current.trace.unsampled()
        span.span_id = current.span_id
    span.operation = OPERATION
    span.previous = current
    span.parent_id = ""
    span.facts = ()
    span.start = span.end = 0
    span.remote = False
    span.extras = span.notes = span.outcome = span.failure = None
    set_current(span)


def heard() -> None:
    """Make current what was so before it became quiet."""
    set_current(audible(get_current()))


def is_quiet() -> bool:
    """Tell whether a library is talking for itself here."""
    current = get_current()
    return current is not None and current.operation is OPERATION


def audible(span: Span | None) -> Span | None:
    """Return the first span that is not quiet, of those below."""
    while span is not None and span.operation is OPERATION:
        span = span.previous
    return span


def muting() -> Wrap:
    """Wrap a function that returns an object which its library keeps for itself."""

    def wrap(original: Call, scope: str) -> Call:
        def making(*args: Any, **kwargs: Any) -> Any:
            try:
                made = original(*args, **kwargs)
            except BaseException as error:
                hide_frame(error)
                raise
            try:
                mute(made)
            except Exception:
                fault(scope)
            return made

        return making

    return wrap


def mute(thing: Any) -> None:
    """Remember an object for as long as it lives."""
    _muted.keep(thing, True)


def is_muted(thing: Any) -> bool:
    """Tell whether an object belongs to a library's own traffic; ask only where ``muted`` is not empty."""
    return id(thing) in muted


def _under(change: Any) -> Wrap:
    def wrap(original: Call, scope: str) -> Call:
        def changed(*args: Any, **kwargs: Any) -> Any:
            before = get_current()
            try:
                change()
            except Exception:
                fault(scope)
            try:
                return original(*args, **kwargs)
            except BaseException as error:
                hide_frame(error)
                raise
            finally:
                set_current(before)

        return changed

    return wrap


def _describe(_facts: Facts, _outcome: Facts | None, _failure: Failure | None) -> Description:
    return QUIET, {}, UNSET, ""


OPERATION = Operation(QUIET, INTERNAL, QUIET, _describe)
