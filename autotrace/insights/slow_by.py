"""Slow by: which operation of which service makes a route's slow requests slow.

A request is a root with all that its caller waits for, through all services, or a message with all that is done for
it: it ends where a message is handed on. (How long messages wait is a finding of its own.) Its time is divided among
operations by the critical path, so that what nobody waited for does not count. A websocket is as long as somebody is there,
and a lone command of a database or queue (`BLPOP`) may wait for work: neither is called slow. Where a route's slow
requests differ from its usual ones, the operation that takes most of the difference is named; where all of them are
slow alike, the one that takes most of the time.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from autotrace.insights.finding import LIKELY, POSSIBLE, SLOW, Finding, percentile, place, some, spell
from autotrace.store.critical import critical_path
from autotrace.store.model import assemble
from autotrace.store.naming import ENTRIES, http_method, operation, same_work

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from autotrace.store.model import Span, Trace

KIND = "slow by"
AT_LEAST = 4
"""So many requests a route must have before any of them is called slow."""
OUTLIER = 2
"""Slow is what takes so many times as long as the route's median request ..."""
NOTICED_NS = 100_000_000
"""... and so much longer, in ns: what a person begins to notice."""
ALWAYS_NS = 1_000_000_000
"""A route whose median request takes so long, in ns, is slow as a whole."""
BLAME = 0.3
"""The least share of the time for which one operation is named."""

_Blamed = tuple[str, str, bool]
"""Service, operation, and whether that is a call to somebody who is not traced."""


@dataclass(frozen=True)
class _Timed:
    trace: Trace
    root: Span
    shares: dict[_Blamed, int]


def slow_by(traces: Sequence[Trace]) -> Iterator[Finding]:
    """Find the routes that are slow, sometimes or always, and by whom.

    Args:
        traces: in order of their start.
    """
    routes: dict[tuple[str, ...], list[tuple[Trace, Span]]] = {}
    for trace in traces:
        for span in trace.spans:
            if _is_request(span):
                routes.setdefault(same_work(span), []).append((trace, span))
    for members in routes.values():
        if len(members) >= AT_LEAST:
            yield from _judge(members)


def _is_request(span: Span) -> bool:
    if span.kind == "CONSUMER":
        return True
    if span.parent is not None or (span.parent_id is not None and span.kind not in ENTRIES):
        return False
    if span.kind in {"CLIENT", "PRODUCER"} and not http_method(span):
        return False
    switched = span.attributes.get("http.response.status_code") == 101
    return not switched and not any(key.startswith("autotrace.websocket.") for key in span.attributes)


def _judge(members: list[tuple[Trace, Span]]) -> Iterator[Finding]:
    median = percentile([root.duration_ns for _, root in members], 0.5)
    limit = max(median * OUTLIER, median + NOTICED_NS)
    slow = [_timed(*one) for one in members if one[1].duration_ns >= limit]
    if slow:
        usual = [_timed(*one) for one in members if one[1].duration_ns <= median]
        normal = _means(usual)
        extra = {key: ns - normal.get(key, 0) for key, ns in _means(slow).items()}
        excess = _length(slow) - _length(usual)
        yield from _finding(members, slow, extra, excess)
    elif median >= ALWAYS_NS:
        every = [_timed(*one) for one in members]
        yield from _finding(members, every, _means(every), _length(every))


def _timed(trace: Trace, root: Span) -> _Timed:
    shares: dict[_Blamed, int] = {}
    for segment in critical_path(_request(trace.trace_id, root)).segments:
        span, end_ns = segment.span, min(segment.end_ns, root.end_ns)
        if end_ns > segment.start_ns and not segment.waiting:
            outside = span.kind == "CLIENT" and bool(http_method(span)) and not span.children
            key = (span.service, operation(span), outside)
            shares[key] = shares.get(key, 0) + end_ns - segment.start_ns
    return _Timed(trace, root, shares)


def _request(trace_id: str, root: Span) -> Trace:
    """Copy a span and what is beneath it, without the messages that were handed on, as a trace of its own."""
    copies, pending = [replace(root, parent_id=None, parent=None, children=[])], list(root.children)
    while pending:
        span = pending.pop()
        if span.kind != "CONSUMER":
            copies.append(replace(span, parent=None, children=[]))
            pending.extend(span.children)
    return assemble(trace_id, copies)


def _means(timed: Sequence[_Timed]) -> dict[_Blamed, float]:
    total: dict[_Blamed, float] = {}
    for one in timed:
        for key, ns in one.shares.items():
            total[key] = total.get(key, 0) + ns / len(timed)
    return total


def _length(timed: Sequence[_Timed]) -> float:
    return sum(one.root.duration_ns for one in timed) / len(timed)


def _finding(
    members: list[tuple[Trace, Span]], slow: list[_Timed], extra: dict[_Blamed, float], excess: float
) -> Iterator[Finding]:
    blamed = max(extra, key=lambda key: extra[key])
    share = min(1.0, extra[blamed] / max(1.0, excess))
    if share < BLAME:
        return  # no single one: naming somebody would be guessing
    service, name, outside = blamed
    _, root = members[-1]
    lengths = [one.duration_ns for _, one in members]
    p50, p95 = percentile(lengths, 0.5), percentile(lengths, 0.95)
    all_slow = len(slow) == len(members)
    itself = (service, name) == (root.service, operation(root))
    what = f"{name}, called by {service}" if outside else f"{name} in {service}"
    why = f"by {what}" if not itself else "and what answers is not traced" if outside else f"in {service} itself"
    many = "all are slow" if all_slow else f"{len(slow)} of {len(members)} are slow"
    part = f"{share:.0%} of the time" if all_slow else f"{share:.0%} of what they take longer than usual"
    evidence = [
        f"{many}: p50 {spell(p50)}, p95 {spell(p95)}, the longest {spell(max(lengths))}",
        f"{part}, {spell(extra[blamed])}, is "
        + ("its own: no call that is traced explains it" if itself and not outside else what)
        + (", which is not traced" if outside else ""),
    ]
    yield Finding(
        kind=KIND,
        title=f"{operation(root)} is slow {why}",
        service=service,
        operation=name,
        route=place(root),
        evidence=evidence,
        confidence=LIKELY if share >= 0.6 else POSSIBLE,
        level=SLOW,
        count=len(slow),
        total=len(members),
        weight=extra[blamed] * len(slow) / 1e9,
        traces=some(one.trace for one in slow),
        facts={
            "outside": outside,
            "p50_ns": p50,
            "p95_ns": p95,
            "max_ns": max(lengths),
            "blamed_ns": int(extra[blamed]),
            "share": round(share, 4),
        },
    )
