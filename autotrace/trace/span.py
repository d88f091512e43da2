"""The records of the core: a span, what it shares with its trace, and what it shares with its kind.

A span holds facts, not attributes: what the facts mean is worked out later, by its operation's ``describe``, on the
export thread.  Records are plain and mutable for speed; only the tracer and the families write to them.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any, Optional, Union

    from autotrace.trace.failure import Failure

    Scalar = Union[str, bool, int, float, bytes]
    AttributeValue = Union[Scalar, "tuple[Scalar, ...]", "list[Scalar]"]
    Attributes = dict[str, AttributeValue]
    Own = Mapping[str, Optional[AttributeValue]]
    Facts = tuple[Any, ...]
    # name, attributes, status code (UNSET, OK, ERROR), status message
    Description = tuple[str, Attributes, int, str]
    Describe = Callable[[Facts, Optional[Facts], Optional[Failure]], Description]

# The values of opentelemetry.proto.trace.v1.Span.SpanKind and Status.StatusCode.
INTERNAL, SERVER, CLIENT, PRODUCER, CONSUMER = 1, 2, 3, 4, 5
UNSET, OK, ERROR = 0, 1, 2

SAMPLED, RANDOM = 1, 2  # W3C trace flags; the ids of traces that begin here are random
# Of a link's flags (OTLP, SpanFlags): it is known where the other span is; in this process, or in another one.
LINK_HERE, LINK_REMOTE = 0x100, 0x300
_BY_FLAGS = (False, "-00"), (True, "-01"), (False, "-02"), (True, "-03")  # whether sampled; the suffix


class Trace:
    """What all spans of one trace share inside one process; never changed once made.

    Attributes:
        trace_id: 32 lowercase hex digits.
        sampled: whether spans of this trace are recorded; passed on to every callee.
        suffix: the part of a ``traceparent`` after the span id.
        flags: the W3C trace flags, 0 to 3 (bit 0: sampled, bit 1: the trace id is random).
        tracestate: the vendors' part of the W3C context, as it is sent on, or empty.
        baggage: the W3C baggage, as it is sent on, or empty.
    """

    __slots__ = ("baggage", "flags", "sampled", "suffix", "trace_id", "tracestate")

    def __init__(self, trace_id: str, flags: int, tracestate: str = "", baggage: str = "") -> None:
        self.trace_id = trace_id
        self.sampled, self.suffix = _BY_FLAGS[flags]
        self.flags = flags
        self.tracestate = tracestate
        self.baggage = baggage

    def unsampled(self) -> Trace:
        """Return the same trace with everything beneath it switched off."""
        return Trace(self.trace_id, self.flags & ~1, self.tracestate, self.baggage) if self.sampled else self


class Parted:
    """A ``describe`` of facts in two parts: what many spans share, and what is each one's own.

    What is shared is small in number by construction: a method, a host, a route and a status; a topic and a group; the
    shape of a statement.  The exporter keeps the bytes of that part.  What is a span's own (a path, an offset, an id) is
    described anew for each, and costs no more than that.

    Attributes:
        split: turns facts and outcome into what is shared, and the attributes that are the span's own, or None.  Each place
            of what is shared holds values of one immutable type, or None: equal ones mean the same.  Of the attributes none
            is among those of ``shared``, and those whose value is None are left out.
        shared: describes what is shared: name, attributes, status.
    """

    __slots__ = ("shared", "split")

    def __init__(
        self,
        split: Callable[[Facts, Facts | None], tuple[Facts, Own | None]],
        shared: Callable[[Facts, Failure | None], Description],
    ) -> None:
        self.split = split
        self.shared = shared

    def __call__(self, facts: Facts, outcome: Facts | None, failure: Failure | None) -> Description:
        """Describe the whole span."""
        shared, own = self.split(facts, outcome)
        name, attributes, code, message = self.shared(shared, failure)
        if own:
            attributes.update({key: value for key, value in own.items() if value is not None})
        return name, attributes, code, message


class Operation:
    """What all spans made at one patched place have in common; made once, when the place is patched.

    Attributes:
        family: the protocol family, by which nested spans of the same meaning are recognised.
        kind: one of the OTLP span kinds.
        scope: the instrumentation scope, which is the instrumentor's name.
        describe: turns facts and outcome into name, attributes and status; pure, run on the export thread.
        parted: ``describe``, where it is of facts in two parts; else None.
        uniform: each place in facts and outcome always holds the same type, or None, so that equal ones mean the same
            (``1 == True``).  What was described once need not be looked at again then.
        spelled: the facts are the name and the attributes as they are told, and nobody changes those any more; where the
            operation did not fail, ``describe`` need not be asked.
        so_far: returns the outcome as far as it is known of a span that is open when its process ends.
        listeners: who is called with each of its spans that has ended; only ``Tracer.listen`` adds to them.
    """

    __slots__ = ("describe", "family", "kind", "listeners", "parted", "scope", "so_far", "spelled", "uniform")

    def __init__(
        self, family: str, kind: int, scope: str, describe: Describe, uniform: bool = False, spelled: bool = False
    ) -> None:
        self.so_far: Callable[[Span], Facts | None] = _nothing
        self.listeners: tuple[Callable[[Span], object], ...] = ()
        self.uniform = uniform
        self.spelled = spelled
        self.family = family
        self.kind = kind
        self.scope = scope
        self.describe = describe
        self.parted = describe if isinstance(describe, Parted) else None


def _nothing(_span: Span) -> None:
    """Nothing is known of how an open span's operation will end."""


class Extras:
    """What only few spans have, and is delivered with them: attributes and events set by hand, and links."""

    __slots__ = ("attributes", "dropped_attributes", "dropped_events", "dropped_links", "events", "links")

    def __init__(self, attributes: Attributes) -> None:
        self.attributes = attributes
        self.events: list[tuple[int, str, Any]] = []  # time, name, attributes or a Failure
        self.links: list[tuple[str, str, int, str]] = []  # trace id, span id, flags, tracestate
        self.dropped_attributes = self.dropped_events = self.dropped_links = 0


class Span:
    """One operation.

    Attributes:
        trace: what it shares with its trace.
        span_id: 16 lowercase hex digits.
        parent_id: the span id of whoever caused it, here or in another process; empty for a root.
        previous: the span that was current before it in this process, put back when it finishes.
        operation: what it shares with its kind.
        facts: what was known before; a tuple of immutable values.
        start: nanoseconds on the tracer's clock.
        end: nanoseconds on the tracer's clock; 0 while it is open.
        outcome: what was known after, or None.
        failure: the exception that ended it, reduced to strings, or None.
        remote: whether the parent is in another process.
        extras: see Extras, or None.
        notes: what arrives while it is open and its family looks at when it ends, or None.
        handed: there, and True, once nobody need hand it over any more.
        task: the identity of the task in which it is known to have been started, else 0; only what the tracer starts has it.
    """

    __slots__ = (
        "end",
        "extras",
        "facts",
        "failure",
        "handed",
        "notes",
        "operation",
        "outcome",
        "parent_id",
        "previous",
        "remote",
        "span_id",
        "start",
        "task",
        "trace",
    )

    trace: Trace
    span_id: str
    parent_id: str
    previous: Span | None
    operation: Operation
    facts: Facts
    start: int
    end: int
    outcome: Facts | None
    failure: Failure | None
    remote: bool
    extras: Extras | None
    notes: dict[str, Any] | None
    handed: bool
    task: int

    def more(self) -> Extras:
        """Return the extras, made at the first call."""
        extras = self.extras
        if extras is None:
            extras = self.extras = Extras({})
        return extras

    def noted(self) -> dict[str, Any]:
        """Return the notes, made at the first call."""
        notes = self.notes
        if notes is None:
            notes = self.notes = {}
        return notes

    def before_end(self, call: Callable[[Span], object]) -> None:
        """Have something called, once, when the span is about to end; it must not raise."""
        self.noted().setdefault("before end", {})[call] = None
        if type(self) is Span:
            self.__class__ = Watched

    def ending(self) -> None:
        """Call who wants to be told that the span is about to end; the tracer does, for other kinds than the plain one."""
        calls = self.notes.pop("before end", None) if self.notes is not None else None
        for call in calls or ():
            call(self)


class Watched(Span):
    """A span whose end somebody waits for; a kind of its own, so that the end of all others costs nothing more."""

    __slots__ = ()
