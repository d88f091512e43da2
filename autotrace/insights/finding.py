"""What a finding is, and the order of findings: the worst first."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from autotrace.store.naming import operation

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from autotrace.store.model import Span, Trace

FAILURE, SLOW, INFO = 3, 2, 1
"""How bad: requests fail; requests take long or messages go astray; worth knowing."""

CERTAIN, LIKELY, POSSIBLE = "certain", "likely", "possible"
"""How sure: it is what the spans say; they leave little else; they would look so also without it."""

SHOWN_TRACES = 5


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong.

    Attributes:
        kind: which finding, such as `error origin`; a promise to users.
        title: what it is, on one line.
        service: who it is.
        operation: what the service does there, see `naming.operation`.
        route: the request in which it shows, such as `POST /orders in ordering`.
        evidence: sentences that say why, each on one line, durations written out.
        confidence: `CERTAIN`, `LIKELY` or `POSSIBLE`.
        level: `FAILURE`, `SLOW` or `INFO`.
        count: in how many traces (or messages, where `of` counts them) it shows.
        total: of how many that could show it.
        weight: what orders findings of one level; larger is worse.
        traces: ids of some of the traces that show it, the newest first.
        facts: the numbers behind the evidence, for programs; times in ns.
    """

    kind: str
    title: str
    service: str
    operation: str
    route: str
    evidence: list[str]
    confidence: str
    level: int
    count: int
    total: int
    weight: float
    traces: list[str]
    facts: dict[str, Any] = field(default_factory=dict)


def worst_first(findings: Iterable[Finding]) -> list[Finding]:
    """Sort: by level, then how sure, then by weight."""
    confidence = (CERTAIN, LIKELY, POSSIBLE)
    return sorted(findings, key=lambda one: (-one.level, confidence.index(one.confidence), -one.weight, one.title))


def some(traces: Iterable[Trace]) -> list[str]:
    """Return the ids of the newest of these traces, each once."""
    unique = {trace.trace_id: trace.start_ns for trace in traces}
    return sorted(unique, key=lambda trace_id: -unique[trace_id])[:SHOWN_TRACES]


def place(span: Span) -> str:
    """Name a request before people: `POST /orders in ordering`."""
    return f"{operation(span)} in {span.service}"


def percentile(values: Sequence[int], share: float) -> int:
    """Return the value below or at which this share of the values lies (nearest rank); the values need not be sorted."""
    ordered = sorted(values)
    return ordered[max(0, min(len(ordered) - 1, -int(-share * len(ordered) // 1) - 1))]


def spell(ns: float) -> str:
    """Spell a length of time given in ns with three significant digits."""
    for unit, size in (("s", 1e9), ("ms", 1e6), ("µs", 1e3)):
        value = ns / size
        if value >= 0.9995:
            return f"{value:.{2 if value < 9.995 else 1 if value < 99.95 else 0}f} {unit}"
    return f"{int(ns)} ns"


def times(count: int) -> str:
    """Return `once`, `twice`, `3 times`."""
    return {1: "once", 2: "twice"}.get(count, f"{count} times")
