"""Repeated statement (N+1): one request asks a database, or another service, the same thing again and again."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache
from statistics import median
from typing import TYPE_CHECKING

from autotrace.insights.finding import CERTAIN, DOUBT, LIKELY, SLOW, Finding, place, some, spell
from autotrace.store.naming import http_method, operation, requests_of, text_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from autotrace.store.model import Span, Trace

KIND = "repeated statement"
AT_LEAST = 5
"""So often a statement stands in one request before it is a finding."""
WORTH = 0.2
"""The share of a request's time from which the repeats count as what makes it slow."""

# Frames around work, not work. No statement replaces several of these.
_FRAMES = re.compile(
    r"\s*(?:begin|start|commit|rollback|savepoint|release|set|pragma|end|multi|exec|watch)\b", re.IGNORECASE
)
_LITERALS = re.compile(r"'(?:[^']|'')*'|(?<![\w$:@])\d+(?:\.\d+)?")
_LISTS = re.compile(r"\(\s*\?(?:\s*,\s*\?)+\s*\)")


@dataclass
class _Repeated:
    requests: list[tuple[Trace, Span, list[Span]]] = field(default_factory=list)
    all_requests: int = 0


def repeated_statements(traces: Sequence[Trace]) -> Iterator[Finding]:
    """Find statements that are issued at least `AT_LEAST` times in a request.

    Args:
        traces: in order of their start.
    """
    found: dict[tuple[str, str, str], _Repeated] = {}
    requests: dict[tuple[str, str], int] = {}
    for trace in traces:
        beneath: dict[tuple[str, str], list[Span]] = {}
        tops: dict[str, Span] = {}
        request_by_id = requests_of(trace)
        for span in trace.spans:
            request = request_by_id[span.span_id]
            if request is span:
                requests[span.service, span.name] = requests.get((span.service, span.name), 0) + 1
            statement = statement_of(span)
            if statement and request is not span:
                tops[request.span_id] = request
                beneath.setdefault((request.span_id, statement), []).append(span)
        for (request_id, statement), spans in beneath.items():
            if len(spans) >= AT_LEAST:
                request = tops[request_id]
                one = found.setdefault((request.service, request.name, statement), _Repeated())
                one.requests.append((trace, request, spans))
    for (service, name, statement), repeated in found.items():
        repeated.all_requests = requests[service, name]
        yield _finding(statement, repeated)


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


def _finding(statement: str, repeated: _Repeated) -> Finding:
    _, request, spans = repeated.requests[-1]
    counts = [len(spans) for _, _, spans in repeated.requests]
    taken = [sum(span.duration_ns for span in spans) for _, _, spans in repeated.requests]
    share = sum(taken) / max(1, sum(request.duration_ns for _, request, _ in repeated.requests))
    usual, most = int(median(counts)), max(counts)
    varies = len(set(counts)) > 1
    first = spans[0]
    often = f"{usual} times per request" + (f", up to {most}" if most > usual else "")
    evidence = [f"{often}; together {spell(median(taken))}, {min(share, 1):.0%} of the request"]
    parent_count = len({span.parent_id for span in spans})
    if varies:
        evidence.append(f"the number differs from request to request ({min(counts)} to {most}), as in a loop over rows")
    where = _code(first)
    if where:
        evidence.append(f"issued at {where}")
    traces = {trace.trace_id: trace for trace, _, _ in repeated.requests}
    return Finding(
        kind=KIND,
        title=statement,
        service=request.service,
        operation=operation(first),
        route=place(request),
        evidence=evidence,
        sure=CERTAIN if parent_count == 1 else LIKELY,
        level=SLOW if share >= WORTH or usual >= 4 * AT_LEAST else DOUBT,
        count=len(repeated.requests),
        of=max(repeated.all_requests, len(repeated.requests)),
        weight=sum(taken) / 1e9,
        traces=some(traces.values()),
        facts={
            "statement": statement,
            "per_request": usual,
            "most": most,
            "time_ns": sum(taken),
            "share": round(share, 4),
            "code": where,
        },
    )


def _code(span: Span) -> str:
    """Return the line of code that an instrumentation recorded; autotrace itself records none for calls."""
    file, line = text_of(span, "code.file.path", "code.filepath"), span.attributes.get("code.line.number")
    return f"{file}:{line}" if file and line else file
