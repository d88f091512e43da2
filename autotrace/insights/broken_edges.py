"""Broken edges: where a trace falls apart.

Three ways: a span names a parent that never arrived; a server span has no parent although the span of the very call
is there, in another trace; the same for a message and its consumer.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from dataclasses import dataclass, field
from itertools import accumulate
from typing import TYPE_CHECKING

from autotrace.insights.finding import INFO, LIKELY, POSSIBLE, SLOW, Finding, place, some, times
from autotrace.store.naming import (
    ENTRIES,
    address,
    called_service,
    destination,
    http_method,
    operation,
    peer,
    request_of,
    same_work,
    served_path,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from autotrace.store.model import Span, Trace

KIND = "broken edge"
SETTLED_NS = 10_000_000_000
"""Younger traces are not judged, in ns: their spans may still be under way."""
OPEN_NS = 300_000_000_000
"""A parent of the same process may be open for longer: only after so long, in ns, is it missed."""
AT_LEAST = 2
"""What was seen less often is only worth knowing: once a call and a request may fall together by chance."""


@dataclass
class _Broken:
    seen: list[tuple[Trace, Span, Span | None]] = field(default_factory=list)


def broken_edges(traces: Sequence[Trace], now_ns: int) -> Iterator[Finding]:
    """Find where traces fall apart.

    Args:
        traces: in order of their start.
        now_ns: ns since the epoch; traces that end less than `SETTLED_NS` before are left out.
    """
    settled = [trace for trace in traces if trace.end_ns < now_ns - SETTLED_NS]
    yield from _missing_parents(settled, now_ns)
    yield from _lost_calls(settled)
    yield from _lost_messages(settled)


def _missing_parents(traces: Sequence[Trace], now_ns: int) -> Iterator[Finding]:
    broken: dict[tuple[str, ...], _Broken] = defaultdict(_Broken)
    with_parent: dict[tuple[str, ...], int] = defaultdict(int)
    for trace in traces:
        for span in trace.spans:
            with_parent[same_work(span)] += span.parent_id is not None
        for span in trace.missing_parents:
            if span.kind in ENTRIES or trace.end_ns < now_ns - OPEN_NS:
                broken[same_work(span)].seen.append((trace, span, None))
    for key, one in broken.items():
        _, span, _ = one.seen[-1]
        arrived = with_parent[key] - len(one.seen)
        confidence, level = LIKELY, SLOW if len(one.seen) >= AT_LEAST else INFO
        if span.kind not in ENTRIES:
            level = INFO
            why = "the parent is of the same process: it is still open, was killed, or its spans were dropped"
        elif arrived:
            why = f"those of {arrived} others did: a caller was killed, or its spans were dropped or go elsewhere"
        else:
            why = "no parent of any has arrived: whoever calls sends its spans elsewhere, or nowhere"
            confidence, level = POSSIBLE, INFO
        title = f"{operation(span)} in {span.service}: its parent never arrived"
        yield _finding(one, title, [why], confidence, with_parent[key], level)


def _lost_calls(traces: Sequence[Trace]) -> Iterator[Finding]:
    """Match server spans without a parent with calls that have no server span beneath them."""
    calls: dict[tuple[str, str], list[tuple[Trace, Span]]] = defaultdict(list)
    entries: dict[tuple[str, ...], int] = defaultdict(int)
    for trace in traces:
        for span in trace.spans:
            if span.kind == "CLIENT" and http_method(span) and called_service(span) is None:
                calls[http_method(span), _path(span)].append((trace, span))
            elif span.kind == "SERVER":
                entries[same_work(span)] += 1
    broken: dict[tuple[str, str, str], _Broken] = defaultdict(_Broken)
    around = {key: _Around(made) for key, made in calls.items()}
    for trace in traces:
        for span in trace.roots:
            key = (http_method(span), served_path(span))
            caller = around[key].only(trace, span.start_ns) if span.kind == "SERVER" and key in around else None
            if caller is not None:
                broken[caller.service, span.service, operation(span)].seen.append((trace, span, caller))
    for (caller_name, service, name), one in broken.items():
        _, span, call = one.seen[-1]
        if call is None:
            continue
        between = f"what lies between ({address(call)}) does not pass traceparent on"
        evidence = [
            f"{caller_name} made the call at that moment ({operation(call)}), in a trace of its own",
            f"{between}, or the two speak different propagation styles",
        ]
        title = f"the context is lost between {caller_name} and {service}: {name} begins a new trace"
        confidence, level = (LIKELY, SLOW) if len(one.seen) >= AT_LEAST else (POSSIBLE, INFO)
        yield _finding(one, title, evidence, confidence, entries[same_work(span)], level)


class _Around:
    """Calls that ask the same, and which of them was under way at a moment; none is compared with each request."""

    def __init__(self, calls: list[tuple[Trace, Span]]) -> None:
        self._calls = sorted(calls, key=lambda one: one[1].start_ns)
        self._starts = [call.start_ns for _, call in self._calls]
        self._last_ends = list(accumulate((call.end_ns for _, call in self._calls), max))

    def only(self, apart: Trace, moment_ns: int) -> Span | None:
        """Return the one call of another trace that was under way; None where there were several: any may be it."""
        found = None
        at = bisect_right(self._starts, moment_ns) - 1
        while at >= 0 and self._last_ends[at] >= moment_ns:
            trace, call = self._calls[at]
            if trace is not apart and call.end_ns >= moment_ns:
                if found is not None:
                    return None
                found = call
            at -= 1
        return found


def _path(call: Span) -> str:
    _, slash, path = peer(call).partition("/")
    return slash + path or "/"


def _lost_messages(traces: Sequence[Trace]) -> Iterator[Finding]:
    """Match consumers without a producer with producers of the same topic that nobody took from in their trace."""
    sent: dict[str, list[Span]] = defaultdict(list)
    taken: dict[tuple[str, str], int] = defaultdict(int)
    broken: dict[tuple[str, str], _Broken] = defaultdict(_Broken)
    for trace in traces:
        for span in trace.spans:
            if span.kind == "PRODUCER" and called_service(span) is None:
                sent[destination(span)].append(span)
            elif span.kind == "CONSUMER":
                taken[span.service, destination(span)] += 1
    for producers in sent.values():
        producers.sort(key=lambda one: one.start_ns)
    starts = {topic: [one.start_ns for one in producers] for topic, producers in sent.items()}
    for trace in traces:
        for span in trace.roots:
            topic = destination(span)
            if span.kind == "CONSUMER" and topic in sent and not span.links:
                before = bisect_right(starts[topic], span.start_ns)
                if topic and before:
                    broken[span.service, topic].seen.append((trace, span, sent[topic][before - 1]))
    for (service, topic), one in broken.items():
        producer_names = ", ".join(dict.fromkeys(made.service for _, _, made in one.seen if made))
        evidence = [
            f"{producer_names} sends to {topic} and is traced, but these messages had no traceparent in their headers",
            "something between copies messages without their headers, or another program sends too",
        ]
        title = f"the context is lost in {topic}: {service} begins new traces"
        yield _finding(one, title, evidence, POSSIBLE, taken[service, topic], SLOW)


def _finding(broken: _Broken, title: str, evidence: list[str], confidence: str, total: int, level: int) -> Finding:
    _, span, cause = broken.seen[-1]
    traces = [trace for trace, _, _ in broken.seen]
    evidence = [f"seen {times(len(broken.seen))}", *evidence]
    return Finding(
        kind=KIND,
        title=title,
        service=span.service,
        operation=operation(span),
        route=place(request_of(span)),
        evidence=evidence,
        confidence=confidence,
        level=level,
        count=len(broken.seen),
        total=max(total, len(broken.seen)),
        weight=len(broken.seen),
        traces=some(traces),
        facts={"caller": cause.service if cause else None, "parent_id": span.parent_id},
    )
