"""Repeated statement (N+1): one request asks a database, or another service, the same thing again and again.

A loop that issues several is one finding, named by the one that takes most of the time.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache
from statistics import median
from typing import TYPE_CHECKING

from autotrace.insights.finding import CERTAIN, INFO, LIKELY, SLOW, Finding, place, some, spell
from autotrace.store.naming import http_method, operation, requests_of, same_work, text_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from autotrace.store.model import Span, Trace

KIND = "repeated statement"
AT_LEAST = 5
"""So often a statement stands in one request before it is a finding."""
WORTH = 0.2
"""The share of a request's time from which the repeats count as what makes it slow."""
NOTICED, NOTICED_NS = 0.01, 100_000
"""What a loop takes less of, of a request's time or in ns, is not told."""
SHOWN = 4
"""So many of a loop's other statements are told."""
LONGEST = 160
"""So many characters of a statement are told; all of it is in the finding's facts and in the trace."""

_WORK = {"SERVER": "request", "CONSUMER": "message"}  # what a service does; else a command or a script, which runs

# Frames around work, not work. No statement replaces several of these.
_FRAMES = re.compile(
    r"\s*(?:begin|start|commit|rollback|savepoint|release|set|pragma|end|multi|exec|watch)\b", re.IGNORECASE
)
_LITERALS = re.compile(r"'(?:[^']|'')*'|(?<![\w$:@])\d+(?:\.\d+)?")
_LISTS = re.compile(r"\(\s*\?(?:\s*,\s*\?)+\s*\)")


@dataclass
class _Repeated:
    """A statement, and the spans that issued it in each request that did so again and again; the newest last."""

    statement: str
    requests: list[tuple[Trace, Span, list[Span]]] = field(default_factory=list)

    @property
    def taken(self) -> list[int]:
        """What the repeats took in each request, in ns."""
        return [sum(span.duration_ns for span in spans) for _, _, spans in self.requests]

    @property
    def share(self) -> float:
        """Which part of its requests' time the repeats took."""
        return sum(self.taken) / max(1, sum(request.duration_ns for _, request, _ in self.requests))

    @property
    def usual(self) -> int:
        """How often it is issued in a request."""
        return int(median(len(spans) for _, _, spans in self.requests))

    def alternates_with(self, other: _Repeated) -> bool:
        """Tell whether the newest request issued one between the other, as a loop does that has both in it."""
        (_, request, mine), (_, others, theirs) = self.requests[-1], other.requests[-1]
        if request is not others:
            return False
        shorter = min(mine[-1].start_ns - mine[0].start_ns, theirs[-1].start_ns - theirs[0].start_ns)
        common = min(mine[-1].start_ns, theirs[-1].start_ns) - max(mine[0].start_ns, theirs[0].start_ns)
        return common > 0 and common * 2 >= shorter


def repeated_statements(traces: Sequence[Trace]) -> Iterator[Finding]:
    """Find loops that issue statements at least `AT_LEAST` times in a request.

    Args:
        traces: in order of their start.
    """
    found: dict[tuple[str, ...], dict[str, _Repeated]] = {}
    requests: dict[tuple[str, ...], int] = {}
    for trace in traces:
        beneath: dict[tuple[str, str], list[Span]] = {}
        tops: dict[str, Span] = {}
        request_by_id = requests_of(trace)
        for span in trace.spans:
            request = request_by_id[span.span_id]
            if request is span:
                requests[same_work(span)] = requests.get(same_work(span), 0) + 1
            statement = statement_of(span)
            if statement and request is not span:
                tops[request.span_id] = request
                beneath.setdefault((request.span_id, statement), []).append(span)
        for (request_id, statement), spans in beneath.items():
            if len(spans) >= AT_LEAST:
                request = tops[request_id]
                known = found.setdefault(same_work(request), {})
                known.setdefault(statement, _Repeated(statement)).requests.append((trace, request, spans))
    for key, known in found.items():
        for loop in _loops(list(known.values())):
            share = min(sum(one.share for one in loop), 1)
            if share >= NOTICED and sum(median(one.taken) for one in loop) >= NOTICED_NS:
                yield _finding(loop, share, requests[key])


def _loops(repeated: list[_Repeated]) -> Iterator[list[_Repeated]]:
    """Put what one loop issues together, what takes most of the time first."""
    left = sorted(repeated, key=lambda one: -sum(one.taken))
    while left:
        loop = [left.pop(0)]
        loop += [one for one in left if loop[0].alternates_with(one)]
        left = [one for one in left if one not in loop]
        yield loop


def statement_of(span: Span) -> str:
    """Return what a database call or an HTTP call asks, literals hidden; empty for what may stand often without harm."""
    if span.kind not in {"CLIENT", "INTERNAL"}:
        return ""
    if text_of(span, "db.system.name", "db.system"):
        text = text_of(span, "db.query.text", "db.statement") or span.name
        return "" if "db.operation.batch.size" in span.attributes else _shape(text)
    return operation(span) if http_method(span) and span.kind == "CLIENT" else ""


@lru_cache(maxsize=4096)
def _shape(text: str) -> str:
    """Return a statement without its literals; empty for one that only frames others."""
    return "" if _FRAMES.match(text) else " ".join(_LISTS.sub("(?)", _LITERALS.sub("?", text)).split())


def _finding(loop: list[_Repeated], share: float, total: int) -> Finding:
    repeated, *others = loop
    _, request, spans = repeated.requests[-1]
    counts = [len(spans) for _, _, spans in repeated.requests]
    taken, usual, most = repeated.taken, repeated.usual, max(counts)
    work = _WORK.get(request.kind, "run")
    often = f"{usual} times per {work}" + (f", up to {most}" if most > usual else "")
    evidence = [f"{often}; together {spell(median(taken))}, {min(repeated.share, 1):.0%} of the {work}"]
    if len(set(counts)) > 1:
        evidence.append(f"the number differs from {work} to {work} ({min(counts)} to {most}), as in a loop over rows")
    if others:
        also = ", ".join(f"{_named(one)} ({one.usual} times)" for one in others[:SHOWN])
        more = f" and {len(others) - SHOWN} more" if len(others) > SHOWN else ""
        evidence.append(f"the same loop issues also {also}{more}; all of it is {share:.0%} of the {work}")
    where = _code(spans[0])
    if where:
        evidence.append(f"issued at {where}")
    traces = {trace.trace_id: trace for trace, _, _ in repeated.requests}
    return Finding(
        kind=KIND,
        title=_shown(repeated.statement),
        service=request.service,
        operation=operation(spans[0]),
        route=place(request),
        evidence=evidence,
        confidence=CERTAIN if len({span.parent_id for span in spans}) == 1 else LIKELY,
        level=SLOW if share >= WORTH or usual >= 4 * AT_LEAST else INFO,
        count=len(repeated.requests),
        total=max(total, len(repeated.requests)),
        weight=sum(sum(one.taken) for one in loop) / 1e9,
        traces=some(traces.values()),
        facts={
            "statement": repeated.statement,
            "per_request": usual,
            "most": most,
            "time_ns": sum(taken),
            "share": round(repeated.share, 4),
            "also": [{"statement": one.statement, "per_request": one.usual} for one in others],
            "operations": [operation(one.requests[-1][2][0]) for one in loop],
            "code": where,
        },
    )


def _named(repeated: _Repeated) -> str:
    """Return the statement where it is short, else what its span is called."""
    return repeated.statement if len(repeated.statement) <= LONGEST // 2 else operation(repeated.requests[-1][2][0])


def _shown(statement: str) -> str:
    """Return a statement in a length that is read: what an ORM lists before FROM says less than what stands behind."""
    if len(statement) <= LONGEST:
        return statement
    head, between, rest = statement.partition(" FROM ")
    if between and len(head) > LONGEST // 4:
        statement = f"{head[: LONGEST // 4]}...{between}{rest}"
    return statement if len(statement) <= LONGEST else f"{statement[:LONGEST]}..."


def _code(span: Span) -> str:
    """Return the line of code that an instrumentation recorded; autotrace itself records none for calls."""
    file, line = text_of(span, "code.file.path", "code.filepath"), span.attributes.get("code.line.number")
    return f"{file}:{line}" if file and line else file
