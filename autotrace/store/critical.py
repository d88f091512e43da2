"""The critical path: the chain of spans that a trace had to wait for, from its first start to its last end.

Walked backwards, as in the literature on critical path analysis of traces: at each span the child that finished last
before the cursor is what was waited for, then the cursor goes to that child's start, and so on; what no child covers
is the span's own time. Two things differ from the plain rule. What a span sets off and does not wait for (a message
and its consumer, a task in the background) may end after it: then the path runs through it to the span that ends
last, and the time between the end of the one and the start of the other is a wait. And a child that began within its
parent but ends a little after it (a server finishes its span when the caller has its answer already) is taken to end
with its parent, where the parent's end is what counts.

It needs one clock, or several that agree to less than the spans that they order.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autotrace.store.model import Span, Trace


@dataclass(frozen=True)
class Segment:
    """A stretch of the critical path; `waiting`: before the span began, its message lay in a queue. Times in ns."""

    span: Span
    start_ns: int
    end_ns: int
    waiting: bool = False


@dataclass
class CriticalPath:
    """The spans on the path in order of their start, and for each moment whose time it was."""

    spans: list[Span] = field(default_factory=list)
    segments: list[Segment] = field(default_factory=list)

    def waited_ns(self) -> int:
        """Time on the path that lay between spans, in ns."""
        return sum(segment.end_ns - segment.start_ns for segment in self.segments if segment.waiting)

    def by_service(self) -> dict[str, int]:
        """Time on the path by service in ns, the longest first; waits are nobody's."""
        total: dict[str, int] = {}
        for segment in self.segments:
            if not segment.waiting:
                total[segment.span.service] = total.get(segment.span.service, 0) + segment.end_ns - segment.start_ns
        return dict(sorted(total.items(), key=lambda item: -item[1]))


def critical_path(trace: Trace) -> CriticalPath:
    """Find what a trace had to wait for."""
    path = CriticalPath()
    reach = _last_ends(trace)
    # Several tops (a parent that never arrived) are walked like the children of one span around them all.
    pending = [(top, until) for top, until in _chain(trace.tops, None, trace.end_ns, reach)]
    while pending:
        span, cursor = pending.pop()
        path.spans.append(span)
        for child, until in _chain(span.children, span, cursor, reach):
            _own(path, span, until, cursor)
            if child.start_ns > span.end_ns:
                path.segments.append(Segment(child, span.end_ns, child.start_ns, waiting=True))
            cursor = min(child.start_ns, span.end_ns)
            pending.append((child, until))
        _own(path, span, span.start_ns, cursor)
    path.spans.sort(key=lambda span: (span.start_ns, -span.end_ns))
    path.segments.sort(key=lambda segment: segment.start_ns)
    return path


def _own(path: CriticalPath, span: Span, start_ns: int, end_ns: int) -> None:
    start_ns, end_ns = max(start_ns, span.start_ns), min(end_ns, span.end_ns)
    if end_ns > start_ns:
        path.segments.append(Segment(span, start_ns, end_ns))


def _last_ends(trace: Trace) -> dict[str, int]:
    """Return for each span the end of the last span beneath it or of itself, in ns since the epoch."""
    order, pending = [], list(trace.tops)
    while pending:
        span = pending.pop()
        order.append(span)
        pending.extend(span.children)
    reach: dict[str, int] = {}
    for span in reversed(order):  # children before their parents, without recursion
        reach[span.span_id] = max([span.end_ns, *(reach[child.span_id] for child in span.children)])
    return reach


def _chain(children: list[Span], parent: Span | None, cursor: int, reach: dict[str, int]) -> Iterator[tuple[Span, int]]:
    """Yield, from the last to the first, the children that were waited for, each with where its part ends."""
    heap = [(-reach[child.span_id], index) for index, child in enumerate(children)]
    heapq.heapify(heap)
    while heap:
        negative, index = heapq.heappop(heap)
        child, until = children[index], -negative
        if until <= cursor:
            yield child, until
            cursor = min(cursor, child.start_ns)
            continue
        own_end = child.end_ns
        if parent is not None and child.start_ns < parent.end_ns and child.kind != "CONSUMER":
            own_end = min(own_end, parent.end_ns)
        if own_end < until:  # what it set off ends too late, but the child itself may not
            heapq.heappush(heap, (-own_end, index))
