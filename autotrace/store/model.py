"""A trace as a tree: spans, who caused whom, and what is missing.

Built in one go from the spans that have arrived. It copes with a parent that never arrived (its children become
roots, marked), with ids that form a circle (it is cut at its earliest span) and with nesting of any depth. It does
not correct clocks: times are shown as the processes told them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

KINDS = ("UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER")
STATUSES = ("UNSET", "OK", "ERROR")


@dataclass(eq=False)
class Span:
    """One operation.

    Attributes:
        kind: one of `KINDS`.
        status: one of `STATUSES`.
        start_ns: ns since the epoch.
        end_ns: ns since the epoch; never before the start.
        attributes: may be shared with other spans, as may the next two: read, never changed.
        events: dicts with `name`, `time_ns`, `attributes`.
        links: dicts with `trace_id`, `span_id`, `attributes`.
        children: in order of their start.
    """

    span_id: str
    parent_id: str | None
    name: str
    kind: str
    service: str
    scope: str
    start_ns: int
    end_ns: int
    status: str
    status_message: str
    attributes: dict[str, Any]
    events: list[dict[str, Any]]
    links: list[dict[str, Any]]
    resource: dict[str, Any]
    children: list[Span] = field(default_factory=list, repr=False)
    parent: Span | None = field(default=None, repr=False)

    @property
    def duration_ns(self) -> int:
        """Its length in ns."""
        return self.end_ns - self.start_ns

    @property
    def failed(self) -> bool:
        """Whether its status is ERROR."""
        return self.status == "ERROR"

    @property
    def self_ns(self) -> int:
        """Its own time in ns: the union of its children's times within its own is taken off."""
        covered, reached = 0, self.start_ns
        for child in self.children:
            start, end = max(child.start_ns, reached), min(child.end_ns, self.end_ns)
            if end > start:
                covered += end - start
                reached = end
        return self.duration_ns - covered

    def waited_for(self, others: dict[str, Span]) -> Span | None:
        """Return the producer whose message waited in a queue before this consumer took it, if there is one.

        Args:
            others: the spans of the trace by id; a consumer may point to its producer by a link only.
        """
        if self.kind != "CONSUMER":
            return None
        linked = (others.get(link["span_id"]) for link in self.links)
        for producer in (self.parent, *linked):
            if producer and producer.kind in {"PRODUCER", "CLIENT"} and producer.end_ns < self.start_ns:
                return producer
        return None


@dataclass(eq=False)
class Trace:
    """All spans of one trace that have arrived; what is told of all together is found once, since every row asks.

    Attributes:
        spans: in order of their start.
        roots: spans without a parent.
        missing_parents: spans whose parent did not arrive.
        tops: where the trees begin: the roots, the spans with missing parents and cut circles, by start.
    """

    trace_id: str
    spans: list[Span]
    roots: list[Span]
    missing_parents: list[Span]
    tops: list[Span]

    @cached_property
    def start_ns(self) -> int:
        """Start of the first span, ns since the epoch."""
        return min(span.start_ns for span in self.spans)

    @cached_property
    def end_ns(self) -> int:
        """End of the span that ends last, ns since the epoch."""
        return max(span.end_ns for span in self.spans)

    @property
    def duration_ns(self) -> int:
        """From the first start to the last end, in ns, queues included."""
        return self.end_ns - self.start_ns

    @cached_property
    def errors(self) -> int:
        """Number of spans that failed."""
        return sum(span.failed for span in self.spans)

    @cached_property
    def services(self) -> list[str]:
        """Names of the services, in order of their first span."""
        return list(dict.fromkeys(span.service for span in self.spans))

    @property
    def root(self) -> Span:
        """The span that stands for the trace: the earliest without a parent, else the earliest top."""
        return (self.roots or self.tops)[0]

    def by_id(self) -> dict[str, Span]:
        """Return the spans by their id."""
        return {span.span_id: span for span in self.spans}


def assemble(trace_id: str, spans: list[Span]) -> Trace:
    """Link the spans of one trace into trees.

    Args:
        trace_id: 32 hex digits.
        spans: at least one, in any order, each id once.
    """
    spans = sorted(spans, key=lambda span: (span.start_ns, -span.end_ns))
    known = {span.span_id: span for span in spans}
    roots = [span for span in spans if span.parent_id is None]
    missing = [span for span in spans if span.parent_id is not None and span.parent_id not in known]
    for span in spans:
        span.parent = known.get(span.parent_id) if span.parent_id is not None else None
        if span.parent is not None:
            span.parent.children.append(span)
    tops = sorted(roots + missing + _cut_circles(spans, roots + missing), key=lambda span: span.start_ns)
    return Trace(trace_id, spans, roots, missing, tops)


def _cut_circles(spans: list[Span], tops: list[Span]) -> list[Span]:
    """Make the earliest span of each circle of parents a top, since no root leads to it."""
    reached: set[str] = set()
    _mark(tops, reached)
    cut = []
    for span in spans:
        if span.span_id not in reached and span.parent is not None:
            span.parent.children.remove(span)
            span.parent = None
            cut.append(span)
            _mark([span], reached)
    return cut


def _mark(tops: list[Span], reached: set[str]) -> None:
    pending = list(tops)
    while pending:
        span = pending.pop()
        reached.add(span.span_id)
        pending.extend(span.children)
