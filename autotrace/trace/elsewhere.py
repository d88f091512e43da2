"""Spans of other processes, as far as this one needs them: somebody's parent.

They travel as a place, a tuple of text and numbers that can be pickled, whatever propagators are in use.
"""

from __future__ import annotations

from autotrace.trace.span import INTERNAL, UNSET, Operation, Span, Trace

TYPE_CHECKING = False
if TYPE_CHECKING:
    # trace id, span id (empty where there is only baggage), flags, tracestate, baggage
    Place = tuple[str, str, int, str, str]

_operation = Operation("elsewhere", INTERNAL, "autotrace", lambda *_: ("", {}, UNSET, ""))


def place_of(span: Span) -> Place:
    """Return where a span stands in its trace."""
    trace = span.trace
    return trace.trace_id, span.span_id, trace.flags, trace.tracestate, trace.baggage


def elsewhere(place: Place) -> Span:
    """Return what can be the parent of spans here, and current, and is never delivered from here."""
    trace_id, span_id, flags, tracestate, baggage = place
    span = Span()
    span.trace = Trace(trace_id, flags, tracestate, baggage)
    span.span_id = span_id
    span.parent_id = ""
    span.previous = None
    span.operation = _operation
    span.facts = ()
    span.start = span.end = 1  # it has ended, for all that happens here
    span.handed = True
    span.outcome = None
    span.failure = None
    span.extras = span.notes = None
    span.remote = True
    return span
