"""Queue wait: messages that lie in a queue for longer than it takes to handle them, requests that wait for a free server."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from itertools import accumulate
from typing import TYPE_CHECKING

from autotrace.insights.finding import CERTAIN, INFO, LIKELY, SLOW, Finding, percentile, place, some, spell
from autotrace.store.naming import destination, operation

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from autotrace.store.model import Span, Trace

KIND = "queue wait"
AT_LEAST = 3
"""So many messages, or requests, must have waited."""
NOTICED_NS = 500_000_000
"""The 95th percentile of the waits from which it is told, in ns."""
NOTICED_BY_CALLERS_NS = 100_000_000
"""The same of requests, for each of which somebody waits."""
LONG_NS = 5_000_000_000
"""The one from which it is bad whatever handling takes, in ns."""
BUSY = 0.3
"""The share of the waits from which the consumer was busy with other messages."""
GROWING = 2
"""Waits grow where the later half of at least `TREND` messages waited so many times as long as the earlier one."""
TREND = 8


def queue_waits(traces: Sequence[Trace]) -> Iterator[Finding]:
    """Find queues in which messages wait, and services whose requests wait for a process that takes them.

    Args:
        traces: in order of their start.
    """
    waits: dict[tuple[str, str, str], list[tuple[Trace, Span, int]]] = defaultdict(list)
    for trace in traces:
        by_id = trace.by_id()
        for span in trace.spans:
            waited = wait_of(span, by_id)
            if waited is not None:
                waits[span.service, span.kind, destination(span)].append((trace, span, waited))
    for (_, kind, _), seen in waits.items():
        seen.sort(key=lambda one: one[1].start_ns)
        lengths = [waited for _, _, waited in seen]
        noticed = NOTICED_NS if kind == "CONSUMER" else NOTICED_BY_CALLERS_NS
        if len(seen) >= AT_LEAST and percentile(lengths, 0.95) >= noticed:
            yield _finding(seen, lengths, noticed)


def wait_of(span: Span, by_id: dict[str, Span]) -> int | None:
    """Return how long a consumer's message was in the queue, or a request before its server, in ns; None where unknown.

    Args:
        span: any span.
        by_id: the spans of its trace.
    """
    if span.kind == "SERVER":
        return _told(span, "autotrace.http.wait_ms")
    if span.kind != "CONSUMER":
        return None
    producer = span.waited_for(by_id)
    if producer is not None:
        return span.start_ns - producer.end_ns
    return _told(span, "autotrace.messaging.wait_ms")  # its producer is not traced, or its span was dropped


def _told(span: Span, name: str) -> int | None:
    told = span.attributes.get(name)
    return int(told * 1e6) if isinstance(told, (int, float)) and told >= 0 else None


def _finding(seen: list[tuple[Trace, Span, int]], lengths: list[int], noticed: int) -> Finding:
    span = seen[-1][1]
    requests = span.kind == "SERVER"
    topic = destination(span) or "a queue"
    handling = percentile([one.duration_ns for _, one, _ in seen], 0.5)
    p50, p95 = percentile(lengths, 0.5), percentile(lengths, 0.95)
    half = len(lengths) // 2
    earlier, later = percentile(lengths[:half], 0.5), percentile(lengths[half:], 0.5)
    growing = len(lengths) >= TREND and later >= max(earlier * GROWING, noticed)
    processes = len({str(one.resource.get("service.instance.id")) for _, one, _ in seen})
    many = f"{processes} processes" if processes > 1 else "1 process"
    evidence = [f"p50 {spell(p50)}, p95 {spell(p95)}; handling one takes {spell(handling)}, by {many}"]
    if growing:
        evidence.append(
            f"it grows, from {spell(earlier)} to {spell(later)}: {span.service} does not keep up with what is sent"
        )
    long = [(trace, one, waited) for trace, one, waited in seen if waited >= min(p95, noticed)]
    meanwhile, busy = _meanwhile(long, [one for _, one, _ in seen])
    evidence.append(meanwhile)
    return Finding(
        kind=KIND,
        title=f"callers wait {spell(p95)} before {span.service} takes their requests"
        if requests
        else f"messages wait {spell(p95)} in {topic} for {span.service}",
        service=span.service,
        operation=span.name,
        route=place(span),
        evidence=evidence,
        confidence=CERTAIN if len({one.resource.get("host.name") for _, one, _ in seen}) == 1 else LIKELY,
        level=SLOW if growing or p95 >= LONG_NS else INFO,
        count=len(long),
        total=len(seen),
        weight=sum(lengths) / 1e9,
        traces=some(trace for trace, _, _ in long),
        facts={
            "destination": None if requests else topic,
            "p50_ns": p50,
            "p95_ns": p95,
            "handling_p50_ns": handling,
            "growing": growing,
            "busy_share": round(busy, 4),
            "processes": processes,
        },
    )


def _meanwhile(long: list[tuple[Trace, Span, int]], handled: list[Span]) -> tuple[str, float]:
    """Say what the consumer did while the messages waited, and which share of that time it was handling others."""
    waited = sum(length for _, _, length in long)
    begun, ended = (
        _Since(span.start_ns - length for _, span, length in long),
        _Since(span.start_ns for _, span, _ in long),
    )
    busy = 0
    work: dict[str, int] = defaultdict(int)
    for other in handled:
        # How long others waited while this one was handled; its own wait was over then.
        overlap = begun.between(other.start_ns, other.end_ns) - ended.between(other.start_ns, other.end_ns)
        if overlap > 0:
            busy += overlap
            for part in (other, *other.children):
                work[operation(part)] += part.self_ns * overlap // max(1, other.duration_ns)
    share = min(1.0, busy / max(1, waited))
    name = long[0][1].service
    requests = long[0][1].kind == "SERVER"
    if share < BUSY:
        why = "it was starting, or what is in front of it held them back" if requests else _WHY_IDLE
        return f"{name} handled none of them meanwhile: {why}", share
    most = max(work, key=lambda one: work[one])
    others = "other requests" if requests else "other messages"
    return f"{name} handled {others} meanwhile, for most of that time in {most}", share


_WHY_IDLE = "it was down, polls seldom, or its group was rebalancing"


class _Since:
    """Moments, and the time that has passed since all of them together: no message is compared with each other one."""

    def __init__(self, moments: Iterable[int]) -> None:
        self._moments = sorted(moments)
        self._sums = [0, *accumulate(self._moments)]

    def between(self, start_ns: int, end_ns: int) -> int:
        """Return by how much the sum grew, in ns."""
        return self._at(end_ns) - self._at(start_ns)

    def _at(self, ns: int) -> int:
        passed = bisect_right(self._moments, ns)
        return passed * ns - self._sums[passed]
