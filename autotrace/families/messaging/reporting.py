"""Sending a message with a callback that is told how that went: ours is put before the program's, and ends the span.

The program's callback is called as ever, by whoever calls it, with what it is called with.

The function is one of C that calls nobody meanwhile, so that the span need not be current, as it is in ``producing``.
"""

from __future__ import annotations

from autotrace.families.calls import abandon, failed
from autotrace.families.messaging.producing import Delivery, started
from autotrace.faults import fault
from autotrace.patching.model import with_argument
from autotrace.trace.failure import hiding_frame
from autotrace.trace.tracer import tracer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from autotrace.families.messaging.producing import Answer, Place, Prepare
    from autotrace.patching import Call
    from autotrace.trace.span import Operation, Span

    # makes an exception of the error that a callback is told
    Refused = Callable[[Any], BaseException]


def reported(
    original: Call,
    operation: Operation,
    prepare: Prepare,
    place: Place,
    told: Place,
    refused: Refused,
    answer: Answer,
) -> Call:
    """Return the traced form of a function that sends a message; callbacks get an error (or None) and the message.

    Args:
        original: the function.
        operation: of the spans.
        prepare: see Prepare.
        place: of the argument that takes the headers.
        told: of the argument that is the callback.
        refused: see Refused.
        answer: looks at the message that a callback gets.
    """
    scope = operation.scope
    index, name = told

    def traced(*args: Any, **kwargs: Any) -> Any:
        span = None
        waits = False
        try:
            span, args, theirs = started(operation, prepare, place, args, kwargs)
            if span is not None and span.trace.sampled:
                args = with_argument(args, kwargs, index, name, Report(span, answer, theirs, refused, scope))
                waits = True
        except Exception:
            fault(scope)
        with hiding_frame:
            try:
                return original(*args, **kwargs)
            except Exception as error:
                if span is not None:
                    failed(span, error, scope)
                raise
            finally:
                if span is not None and not waits:
                    _end(span)

    return traced


class Report(Delivery):
    """The callback that the library gets."""

    __slots__ = ("_refused", "_scope", "_theirs")

    def __init__(self, span: Span, answer: Answer, theirs: Any, refused: Refused, scope: str) -> None:
        super().__init__(span, answer)
        self._theirs = theirs
        self._refused = refused
        self._scope = scope

    def __call__(self, *args: Any) -> Any:
        """End the span, then call the program's callback."""
        span = None
        try:
            error, message = args
            span = self.take()
            if span is not None and error is None:
                tracer.finish(span, self._answer(message))
            elif span is not None:
                failed(span, self._refused(error), self._scope)
        except Exception:
            fault(self._scope)
            if span is not None:
                abandon(span)
        original = self._theirs
        if original is None:
            return None
        with hiding_frame:
            return original(*args)


def _end(span: Span) -> None:
    """End a span that waits for nothing; never raises."""
    try:
        tracer.finish(span)
    except Exception:
        fault(span.operation.scope)
