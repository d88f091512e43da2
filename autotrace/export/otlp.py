"""Spans to OTLP: serialised ExportTraceServiceRequest messages.

This is the hottest code after the tracer, and it runs on a thread that shares the interpreter with the program: what
repeats is remembered as bytes.  It does not cope with spans of several resources at once, and it does not make the
schema URL or link attributes, which our records do not have.

Field numbers: opentelemetry-proto 1.x, ``trace/v1/trace.proto``; tags stand as literals where they are used.
"""

from __future__ import annotations

from struct import Struct
from time import perf_counter_ns

from autotrace import __version__, diagnostics
from autotrace.export.body import Bodies
from autotrace.export.values import Values
from autotrace.export.wire import sized, utf8, varint
from autotrace.trace.span import CONSUMER, LINK_REMOTE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from typing import Any, Protocol

    from autotrace.trace.failure import Failure
    from autotrace.trace.span import Extras, Span, Trace

    class LimitsLike(Protocol):
        """What the encoder reads of the settings; ``Settings`` is one of these."""

        attribute_count: int
        attribute_value_length: int | None
        event_count: int
        link_count: int
        event_attribute_count: int


SCHEMA = "https://opentelemetry.io/schemas/1.44.0"  # of the semantic conventions that the attributes' names are of
_SCHEMA = b"\x1a" + sized(SCHEMA.encode())  # the field "schema_url" of ResourceSpans and of ScopeSpans
MAX_REQUEST = 32 << 20  # bytes, before compression
_REMOTE_KNOWN, _REMOTE = 0x100, 0x200  # SpanFlags
_times = Struct("<BQBQ").pack
_moment = Struct("<BQ").pack
_fixed32 = Struct("<I").pack
_fromhex = bytes.fromhex
_LARGE = 1024  # bytes; what is smaller fits into any request
# The field "flags", by whether the parent is in another process, and by the trace's flags.
_FLAGS = tuple(
    tuple(b"\x85\x01" + _fixed32(flags | _REMOTE_KNOWN | remote) for flags in range(4)) for remote in (0, _REMOTE)
)
# The end of the link that ``Encoder._joined`` makes, in hexadecimal digits, by the trace's flags.
_LINKS = tuple(f"35{flags:02x}030000" for flags in range(4))
_sizes: dict[int, bytes] = {}
# Where so many texts in a row were not known as a whole, only those of some spans are looked for: of one in sixteen.
_UNKNOWN, _LOOKED_FOR = 64, "1"


class Limits:
    """How much of a span is kept; the defaults are those of the OpenTelemetry specification (Common, SDK limits)."""

    __slots__ = ("attribute_count", "attribute_value_length", "event_attribute_count", "event_count", "link_count")

    def __init__(
        self,
        attribute_count: int = 128,
        attribute_value_length: int | None = None,
        event_count: int = 128,
        link_count: int = 128,
        event_attribute_count: int = 128,
    ) -> None:
        self.attribute_count = attribute_count
        self.attribute_value_length = attribute_value_length
        self.event_count = event_count
        self.link_count = link_count
        self.event_attribute_count = event_attribute_count


class Encoder:
    """Makes requests of spans; used by one thread.

    Args:
        resource: the attributes of this process.
        limits: a ``Limits`` or the settings.
        wall: turns a moment of the spans' clock (ns) into nanoseconds since the epoch.
        clock: the spans' clock; when it is asked, a span that is still open ends there.
        max_request: most bytes of one request.
        scrub: takes secrets out of the text of an exception.
    """

    def __init__(
        self,
        resource: Mapping[str, Any],
        limits: LimitsLike,
        wall: Callable[[int], int],
        clock: Callable[[], int] = perf_counter_ns,
        max_request: int = MAX_REQUEST,
        scrub: Callable[[str], str] = str,
    ) -> None:
        self._values = Values(limits.attribute_value_length)
        self._bodies = Bodies(self._values, limits.attribute_count, scrub)
        self._scrub = scrub
        self._limits = limits
        self._wall = wall
        self._clock = clock
        self._max = max_request
        self._scopes: dict[str, bytes] = {}
        self._trace: Trace | None = None
        self._local = self._remote = b""
        self.set_resource(resource)

    def set_resource(self, resource: Mapping[str, Any]) -> None:
        """Describe another process from now on: a forked child is one."""
        pairs, _ = Values().pairs(resource)  # limits are for spans, not for resources
        self._resource = b"\x0a" + sized(b"\x0a".join(pairs)) + _SCHEMA

    def encode(self, spans: Collection[Span]) -> list[bytes]:
        """Return as few requests as hold all the spans, in their order within each scope.

        A span that cannot be encoded at all (an id that is no hexadecimal number) is counted as a fault of its scope.
        """
        requests: list[bytes] = []
        groups: dict[str, list[bytes]] = {}
        group: list[bytes] = []
        last = None  # the scope of the group
        room = left = self._max - len(self._resource) - 10
        bodies, known = self._bodies, self._bodies.known(len(spans))
        offset = self._wall(0)
        for span in spans:
            scope = span.operation.scope
            try:
                coded = _plain(span, bodies, known, offset) or self._span(span)
                size = len(coded)
                if size > _LARGE and size + len(self._scope(scope)) + 10 > room:
                    coded = self._bare(span)
                    size = len(coded)
            except Exception:
                _fault(scope)
                continue
            if scope is not last or size > left:
                head = len(self._scope(scope)) + 10
                if groups and (size if scope in groups else size + head) > left:
                    requests.append(self._request(groups))
                    groups, left = {}, room
                if scope not in groups:
                    groups[scope] = []
                    left -= head
                group, last = groups[scope], scope
            group.append(coded)
            left -= size
        if groups:
            requests.append(self._request(groups))
        return requests

    def _request(self, groups: dict[str, list[bytes]]) -> bytes:
        parts = [self._resource]
        total = len(self._resource)
        for scope, spans in groups.items():
            head = self._scope(scope)
            size = len(head) + sum(map(len, spans))
            head = b"\x12" + varint(size) + head
            total += len(head) + size - len(self._scope(scope))
            parts.append(head)
            parts += spans
        parts.insert(0, b"\x0a" + varint(total))
        return b"".join(parts)

    def _scope(self, scope: str) -> bytes:
        coded = self._scopes.get(scope)
        if coded is None:
            name = utf8(f"autotrace.{scope}")
            coded = b"\x0a" + sized(b"\x0a" + sized(name) + b"\x12" + sized(__version__.encode())) + _SCHEMA
            if len(self._scopes) > 1000:  # names of instrumentors; somebody makes them up
                self._scopes.clear()
            self._scopes[scope] = coded
        return coded

    def _span(self, span: Span) -> bytes:
        """Return a span as a field of ScopeSpans, tag and length included.  PERF: flat, and joined once."""
        trace = span.trace
        if trace is not self._trace:
            self._meet(trace)
        start = self._wall(span.start)
        duration = span.end - span.start
        failure: Failure | None
        if span.end:
            # What a program has ended in a way of its own may lack the other two.
            outcome, failure = getattr(span, "outcome", None), getattr(span, "failure", None)
            more = b"" if failure is None and span.extras is None else self._more(span, failure, start + duration)
        else:
            outcome = failure = None
            duration = max(self._clock() - span.start, 0)
            more = self._more(span, None, 0) + _OPEN
        body = self._bodies.body(span.operation, span.facts, outcome, failure, span.extras)
        return self._joined(span, start, duration, body, more)

    def _joined(self, span: Span, start: int, duration: int, body: bytes, more: bytes) -> bytes:
        """Put a span together.

        What handles a message has a link to where the message was created also where that is its parent (semantic
        conventions, "Messaging spans", "Trace structure"), so that whoever asks what became of a message has one way to.
        """
        parent = span.parent_id
        ids = _fromhex(f"1208{span.span_id}2208{parent}" if parent else f"1208{span.span_id}")
        if len(ids) != (20 if parent else 10):
            raise ValueError(f"span id {span.span_id!r} or parent id {parent!r} is not of 16 hexadecimal digits")
        head = self._remote if span.remote else self._local
        if span.remote and parent and span.operation.kind == CONSUMER:
            trace = span.trace
            head += _link(trace.trace_id, parent, trace.flags | LINK_REMOTE, trace.tracestate)
        size = len(head) + len(ids) + 18 + len(body) + len(more)  # 18: two times of 8 bytes, with tags
        return b"".join(
            (
                b"\x12%c%c" % (size & 0x7F | 0x80, size >> 7) if 0x80 <= size < 0x4000 else b"\x12" + varint(size),
                head,
                ids,
                _times(0x39, start, 0x41, start + duration),
                body,
                more,
            )
        )

    def _bare(self, span: Span) -> bytes:
        """Return a span that alone is too large for a request, with nothing but its place in the trace."""
        start = self._wall(span.start)
        diagnostics.warn(
            f"a span of {span.operation.scope!r} is larger than {self._max} bytes and is sent without its attributes "
            "and events; set a limit for the length of attribute values"
        )
        body = self._bodies.fallback(span.operation, None)
        return self._joined(span, start, max(span.end - span.start, 0), body, b"")

    def _meet(self, trace: Trace) -> None:
        """Remember the part that all spans of a trace share, once for local and once for remote parents."""
        trace_id = _fromhex(trace.trace_id)
        if len(trace_id) != 16:
            raise ValueError(f"trace id {trace.trace_id!r} is not of 32 hexadecimal digits")
        head = b"\x0a\x10" + trace_id
        if trace.tracestate:
            head += b"\x1a" + sized(utf8(trace.tracestate))
        flags = trace.flags | _REMOTE_KNOWN
        self._local = head + b"\x85\x01" + _fixed32(flags)
        self._remote = head + b"\x85\x01" + _fixed32(flags | _REMOTE)
        self._trace = trace

    def _more(self, span: Span, failure: Failure | None, end: int) -> bytes:
        """Return events and links, or nothing and a fault where one of them cannot be encoded."""
        try:
            return self._events_and_links(span.extras, failure, end)
        except Exception:
            _fault(span.operation.scope)
            return b""

    def _events_and_links(self, extras: Extras | None, failure: Failure | None, end: int) -> bytes:
        """Return fields of a Span; the exception that ended the span is the last event and the last to be dropped."""
        limits = self._limits
        parts: list[bytes] = []
        told = failure is not None and not failure.repeated
        dropped = 0
        if extras is not None:
            events = list(extras.events)  # a span that is open may still grow
            room = max(limits.event_count - told, 0)
            for moment, name, what in events[:room]:
                parts.append(self._event(self._wall(moment), name, what))
            dropped = extras.dropped_events + len(events[room:])
        if told and failure is not None:
            if limits.event_count > 0:
                parts.append(self._event(end, "exception", failure))
            else:
                dropped += 1
        if dropped:
            parts.append(b"\x60" + varint(dropped))
        if extras is not None:
            links = list(extras.links)
            parts += [_link(*link) for link in links[: limits.link_count]]
            dropped = extras.dropped_links + len(links[limits.link_count :])
            if dropped:
                parts.append(b"\x70" + varint(dropped))
        return b"".join(parts)

    def _event(self, moment: int, name: str, what: Any) -> bytes:
        if what is not None and not hasattr(what, "items"):
            what = _exception(what, self._scrub)
        pairs, dropped = self._values.pairs(what or {}, self._limits.event_attribute_count)
        coded = _moment(0x09, moment) + b"\x12" + sized(utf8(name)) + b"\x1a".join(pairs)
        if dropped:
            coded += b"\x20" + varint(dropped)
        return b"\x5a" + sized(coded)


_OPEN = b"\x4a" + Values().pairs({"autotrace.open": True})[0][1]


def _plain(span: Span, bodies: Bodies, known: Callable[[Any], bytes | None], offset: int) -> bytes | None:
    """Return a span as ``Encoder._span`` does, if it is of the common kinds; None for all others.

    These have no events and no links, and either attributes set by hand or a body that is known already.
    PERF: this takes half the time.
    """
    try:
        operation = span.operation
        trace = span.trace
        end = span.end
        if not end or span.failure is not None or trace.tracestate:
            return None
        own = b""
        body: bytes | None
        extras = span.extras
        if extras is not None:
            if extras.events or extras.links or extras.dropped_events or extras.dropped_links:
                return None
            body = bodies.body(operation, span.facts, span.outcome, None, extras)
        elif operation.spelled:
            body = bodies.spelled(operation, span.facts)
        else:
            body = whole = None
            parted = operation.parted
            if operation.uniform and (parted is None or bodies.unknown < _UNKNOWN or span.span_id < _LOOKED_FOR):
                whole = operation, span.facts, span.outcome
                body = known(whole)
            if body is not None:
                if parted is not None:
                    bodies.unknown = 0
            elif parted is not None and bodies.parted:
                shared, attributes = parted.split(span.facts, span.outcome)
                body = known((operation, shared))
                if body is None:
                    return None
                if attributes:
                    own = bodies.own(attributes)
                elif whole is not None:
                    bodies.unknown += 1
                    if bodies.allowed:
                        bodies.again(whole, body)
        if body is None:
            return None
    except Exception:  # it is being finished this moment; its facts have no hash, or are not what they should be
        return None
    parent, remote, flags = span.parent_id, span.remote, trace.flags
    if not parent:
        ids, length = _fromhex(f"0a10{trace.trace_id}1208{span.span_id}"), 28
    elif remote and operation.kind == CONSUMER:
        trace_id = trace.trace_id
        link = _LINKS[flags]
        ids, length = _fromhex(f"0a10{trace_id}1208{span.span_id}2208{parent}6a210a10{trace_id}1208{parent}{link}"), 73
    else:
        ids, length = _fromhex(f"0a10{trace.trace_id}1208{span.span_id}2208{parent}"), 38
    if len(ids) != length:
        return None
    size = length + 24 + len(body) + len(own)  # 24: flags of 4 bytes and two times of 8 bytes, with their tags
    head = _sizes.get(size) or _sized(size)
    return b"".join(
        (head, ids, _FLAGS[remote][flags], _times(0x39, span.start + offset, 0x41, end + offset), body, own)
    )


def _sized(size: int) -> bytes:
    """Return the tag and the length of a span; those of short ones are remembered."""
    head = b"\x12" + varint(size)
    if size < _LARGE:
        _sizes[size] = head
    return head


def _exception(failure: Failure, scrub: Callable[[str], str]) -> dict[str, str]:
    """Return the attributes of an exception event (semantic conventions, "Exceptions in spans")."""
    from autotrace.export.stack import stack_text

    return {
        "exception.type": failure.type,
        "exception.message": scrub(failure.message),
        "exception.stacktrace": scrub(stack_text(failure)),
    }


def _link(trace_id: str, span_id: str, flags: int, tracestate: str) -> bytes:
    coded = b"\x0a\x10" + _fromhex(trace_id) + b"\x12\x08" + _fromhex(span_id)
    if len(coded) != 28:
        raise ValueError(f"link to {trace_id!r}, {span_id!r}: not 32 and 16 hexadecimal digits")
    if tracestate:
        coded += b"\x1a" + sized(utf8(tracestate))
    return b"\x6a" + sized(coded + b"\x35" + _fixed32(flags & 0x3FF))


def _fault(scope: str) -> None:
    from autotrace.faults import fault

    fault(scope)
