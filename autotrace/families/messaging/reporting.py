"""Sending a message with a callback that is told how that went: ours is put before the program's, and ends the span.

The program's callback is called as ever, by whoever calls it, with what it is called with.
"""

from __future__ import annotations

from autotrace.families.calls import abandon, failed
from autotrace.families.messaging.producing import Delivery, begin
from autotrace.faults import fault
from autotrace.patching.wrapping import around, before
from autotrace.trace.context import get_current, set_current
from autotrace.trace.tracer import tracer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from autotrace.families.messaging.producing import Answer, Place, Prepare
    from autotrace.patching import Args, Call, Kwargs
    from autotrace.trace.span import Operation, Span

    # the arguments with what the third makes of the program's callback (or of None) put in its place, given also what
    # makes an exception of an error
    Reports = Callable[[Args, Kwargs, Callable[[Any, Callable[[Any], BaseException]], Call]], Args]


def reported(
    original: Call, operation: Operation, prepare: Prepare, place: Place, reports: Reports, answer: Answer
) -> Call:
    """Return the traced form of a function that sends a message; callbacks get an error (or None) and the message."""
    scope = operation.scope

    def enter(args: Args, kwargs: Kwargs) -> tuple[tuple[Span, bool] | None, Args]:
        span, args = begin(operation, prepare, place, args, kwargs)
        if span is None:
            return None, args
        args, waits = _asked(span, reports, answer, args, kwargs)
        return (span, waits), args

    def leave(state: tuple[Span, bool], result: Any) -> Any:
        _put_away(*state)
        return result

    return around(enter, leave, lambda state, error: failed(state[0], error, scope))(original, scope)


def _asked(span: Span, reports: Reports, answer: Answer, args: Args, kwargs: Kwargs) -> tuple[Args, bool]:
    """Put our callback into the arguments; tell whether the span waits for it, or ends with the call.  Never raises."""
    try:
        if span.trace.sampled:
            delivery = Delivery(span, answer)

            def ours(theirs: Any, exception: Callable[[Any], BaseException]) -> Call:
                return _callback(delivery, theirs, exception, span.operation.scope)

            return reports(args, kwargs, ours), True
    except Exception:
        fault(span.operation.scope)
    return args, False


def _callback(delivery: Delivery, theirs: Any, exception: Callable[[Any], BaseException], scope: str) -> Call:
    def look(args: Args, _kwargs: Kwargs) -> None:
        error, message = args
        if error is None:
            delivery.succeeded(message)
        else:
            delivery.failed(exception(error))

    return before(look)(_nobody if theirs is None else theirs, scope)


def _nobody(_error: Any, _message: Any) -> None:
    """Stand in for a callback that the program did not give."""


def _put_away(span: Span, waits: bool) -> None:
    """Let a span that waits for its report be current no more, and end one that waits for nothing; never raises."""
    try:
        if get_current() is span:
            set_current(span.previous)
        if not waits:
            tracer.finish(span)
    except Exception:
        fault(span.operation.scope)
        abandon(span)
