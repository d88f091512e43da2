"""Spans of which nothing is ever delivered from here, though they are current, or somebody's parent.

Those of other processes are known as far as this one needs them: they travel as a place, a tuple of text and numbers that
can be pickled, whatever propagators are in use.
"""

from __future__ import annotations

from autotrace.trace import ids
from autotrace.trace.span import INTERNAL, RANDOM, UNSET, Operation, Span, Trace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    # trace id, span id (empty where there is only baggage), flags, tracestate, baggage
    Place = tuple[str, str, int, str, str]


class NonRecordingSpan(Span):
    """A place in a trace, made by ``unrecorded``.

    OpenTelemetry specification, Trace API, "Wrapping a SpanContext in a Span".
    """

    __slots__ = ()


def unrecorded(
    operation: Operation, trace: Trace, span_id: str, previous: Span | None = None, ended: bool = False
) -> NonRecordingSpan:
    """Return what can be current, and the parent of spans, and is never delivered.

    Args:
        operation: why it is there.
        trace: of spans beneath it.
        span_id: their parent's; 16 lowercase hex digits.
        previous: what was current before.
        ended: whether it has ended, for all that happens here; so it is with a span of another process.
    """
    span = NonRecordingSpan()
    span.trace = trace
    span.span_id = span_id
    span.parent_id = ""
    span.previous = previous
    span.operation = operation
    span.facts = ()
    span.start = span.end = int(ended)
    span.remote = ended
    span.outcome = span.failure = span.extras = span.notes = None
    return span


def _undescribed(*_: Any) -> tuple[str, dict[str, Any], int, str]:
    return "", {}, UNSET, ""


_elsewhere = Operation("elsewhere", INTERNAL, "autotrace", _undescribed)


def place_of(span: Span) -> Place:
    """Return where a span stands in its trace."""
    trace = span.trace
    return trace.trace_id, span.span_id, trace.flags, trace.tracestate, trace.baggage


def elsewhere(place: Place) -> NonRecordingSpan:
    """Return what stands here for a span of another process."""
    trace_id, span_id, flags, tracestate, baggage = place
    return unrecorded(_elsewhere, Trace(trace_id, flags, tracestate, baggage), span_id, ended=True)


class Unrecorded(NonRecordingSpan):
    """A root that is not sampled.  PERF: most are never asked for anything, so trace and id are made when somebody asks.

    Attributes:
        drawn: the trace id by which it was not sampled.
    """

    __slots__ = ("_id", "_trace", "drawn")

    _id: str
    _trace: Trace
    drawn: str
    operation = Operation("unrecorded", INTERNAL, "autotrace", _undescribed)
    facts: Any = ()
    parent_id = ""
    previous = None
    remote = False
    start = 1
    extras = None

    @property
    def trace(self) -> Trace:  # type: ignore[override]
        """The trace, made when it is first asked for."""
        try:
            return self._trace
        except AttributeError:
            self._trace = made = Trace(self.drawn, RANDOM)
            return made

    @property
    def span_id(self) -> str:  # type: ignore[override]
        """The id, made when it is first asked for."""
        try:
            return self._id
        except AttributeError:
            self._id = made = ids.span_id()
            return made
