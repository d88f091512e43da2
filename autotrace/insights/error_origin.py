"""Error origin: where failures begin, not the spans above that only passed them on.

The origin is a failed span with no failure beneath it that it could have been waiting for. Origins that fail the
same way at the same place, in however many traces, are one finding. A failure that stayed where it was (a cache that
did not answer, and the program went on) is told as worth knowing, not as a failed request.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from autotrace.insights.finding import CERTAIN, FAILURE, INFO, LIKELY, Finding, place, some
from autotrace.store.failure import failure_of
from autotrace.store.naming import (
    ENTRIES,
    address,
    called_service,
    http_method,
    request_of,
    same_work,
    text_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from autotrace.store.model import Span, Trace

KIND = "error origin"

# What differs from one failure to the next of the same kind: ids, numbers, and quoted text that is no name in code.
_VARYING = re.compile(r"'(?![A-Za-z_]\w*')[^']*'|\"(?![A-Za-z_]\w*\")[^\"]*\"|0x[0-9a-f]+|[0-9a-f-]{8,}|\d+")
_FRAME = re.compile(r'File "([^"]+)", line (\d+), in (\S+)')
_LIBRARY = re.compile(r"[/\\](?:site-packages|dist-packages|lib[/\\]python\d[.\d]*)[/\\]|^<")


@dataclass
class _Origin:
    """The same failure in several traces; `seen`: the newest last."""

    seen: list[tuple[Trace, Span]] = field(default_factory=list)
    passed_on: dict[str, None] = field(default_factory=dict)
    failed_requests: int = 0


def error_origins(traces: Sequence[Trace]) -> Iterator[Finding]:
    """Find where failures begin.

    Args:
        traces: in order of their start.
    """
    origins: dict[tuple[str, ...], _Origin] = {}
    through: dict[tuple[str, ...], set[str]] = {}
    for trace in traces:
        for span in trace.spans:
            for work in {same_work(span), _answered(span)}:
                through.setdefault(work, set()).add(trace.trace_id)
            if not span.failed or any(_is_behind(child, span) for child in span.children):
                continue
            kind, message = failure_of(span) or ("", "")
            key = (*_answered(span), kind, code_line(span) or _VARYING.sub("?", message))
            origin = origins.setdefault(key, _Origin())
            origin.seen.append((trace, span))
            above = _passed_on(span)
            origin.passed_on.update(dict.fromkeys(place(one) for one in above))
            origin.failed_requests += any(one.kind in ENTRIES or one.parent is None for one in (span, *above))
    for origin in origins.values():
        _, span = origin.seen[-1]
        yield _finding(origin, len(through[_answered(span)]))


def _answered(span: Span) -> tuple[str, ...]:
    """Return `same_work`, of an HTTP client by the route that answered it: whatever names a path has, they are one place."""
    called = called_service(span) if span.kind == "CLIENT" and http_method(span) else None
    route = text_of(called, "http.route") if called else ""
    return (*same_work(span)[:-1], f"{span.name} {address(span)}{route}") if route else same_work(span)


def code_line(span: Span) -> str:
    """Return where the newest exception was raised in code that is no library: `kitchen.py:41 in bake`, or nothing."""
    for event in reversed(span.events):
        if event["name"] == "exception":
            frames = _FRAME.findall(str(event["attributes"].get("exception.stacktrace", "")))
            own = [frame for frame in frames if not _LIBRARY.search(frame[0])]
            if own:
                file, line, function = own[-1]
                return f"{file}:{line} in {function}"
    return ""


def _is_behind(child: Span, span: Span) -> bool:
    """Tell whether a failed child may be what the span failed of: it began before the span had ended."""
    return child.failed and (child.start_ns < span.end_ns or child.start_ns == span.start_ns)


def _passed_on(span: Span) -> list[Span]:
    """Return the spans above that failed of this one, upwards."""
    above = []
    while span.parent is not None and span.parent.failed and _is_behind(span, span.parent):
        span = span.parent
        above.append(span)
    return above


def _finding(origin: _Origin, total: int) -> Finding:
    _, span = origin.seen[-1]
    kind, message = failure_of(span) or ("", "")
    traces = {trace.trace_id: trace for trace, _ in origin.seen}
    what = ": ".join(part for part in (kind, message) if part) or "failed, without saying why"
    evidence, confidence = [], CERTAIN
    line = code_line(span)
    if line:
        evidence.append(f"raised at {line}")
    if span.kind == "CLIENT" and not any(child.kind in ENTRIES for child in span.children) and http_method(span):
        confidence = LIKELY  # what happened on the other side is not known
        evidence.append(f"{address(span) or 'the other side'} is not traced, so the cause may lie behind it")
    if origin.passed_on:
        evidence.append("passed on by " + ", ".join(list(origin.passed_on)[:4]))
    if not origin.failed_requests:
        evidence.append("the request went on without it")
    return Finding(
        kind=KIND,
        title=what,
        service=span.service,
        operation=_answered(span)[-1],
        route=f"{_answered(request_of(span))[-1]} in {span.service}",
        evidence=evidence,
        confidence=confidence,
        level=FAILURE if origin.failed_requests else INFO,
        count=len(traces),
        total=max(total, len(traces)),
        weight=len(traces),
        traces=some(traces.values()),
        facts={
            "type": kind,
            "message": message,
            "code": line,
            "passed_on_by": list(origin.passed_on),
            "spans": len(origin.seen),
            "failed_requests": origin.failed_requests,
        },
    )
