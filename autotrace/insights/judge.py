"""Everything that is wrong with a set of traces, and the JSON twin of it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from autotrace.insights.broken_edges import broken_edges
from autotrace.insights.error_origin import error_origins
from autotrace.insights.finding import SLOW, worst_first
from autotrace.insights.queue_wait import queue_waits
from autotrace.insights.repeated import repeated_statements
from autotrace.insights.slow_by import slow_by
from autotrace.insights.wrong_consumer import wrong_consumers

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from autotrace.insights.finding import Finding
    from autotrace.insights.service_map import Edge, Node
    from autotrace.store.model import Trace

LEVELS = {3: "failure", 2: "slow", 1: "info"}


def findings(traces: Sequence[Trace], now_ns: int) -> list[Finding]:
    """Return what is wrong, the worst first.

    Args:
        traces: in any order.
        now_ns: ns since the epoch; see `broken_edges`.
    """
    ordered = sorted(traces, key=lambda trace: trace.start_ns)
    return worst_first(
        [
            *error_origins(ordered),
            *_once(list(repeated_statements(ordered)), list(slow_by(ordered))),
            *broken_edges(ordered, now_ns),
            *wrong_consumers(ordered),
            *queue_waits(ordered),
        ]
    )


def _once(repeated: list[Finding], slow: list[Finding]) -> Iterator[Finding]:
    """Tell a loop that makes its route slow once: what is known of the slow ones is evidence of the loop's finding."""
    echoes = set()
    for loop in repeated:
        same = [
            number
            for number, one in enumerate(slow)
            if loop.level == SLOW
            and (one.service, one.route) == (loop.service, loop.route)
            and one.operation in loop.facts["operations"]
        ]
        echoes.update(same)
        yield replace(loop, evidence=[*loop.evidence, *(slow[number].evidence[0] for number in same)])
    yield from (one for number, one in enumerate(slow) if number not in echoes)


def finding_as_dict(finding: Finding) -> dict[str, Any]:
    """Return one entry of `autotrace insights --json`; times in ns. Its shape is a promise to users."""
    return {
        "kind": finding.kind,
        "level": LEVELS[finding.level],
        "confidence": finding.confidence,
        "title": finding.title,
        "service": finding.service,
        "operation": finding.operation,
        "route": finding.route,
        "evidence": finding.evidence,
        "count": finding.count,
        "total": finding.total,
        "traces": finding.traces,
        "facts": finding.facts,
    }


def edge_as_dict(edge: Edge) -> dict[str, Any]:
    """Return one entry of `autotrace map --json`; times in ns. Its shape is a promise to users."""
    return {
        "from": _node_as_dict(edge.source),
        "to": _node_as_dict(edge.target),
        "calls": edge.calls,
        "errors": edge.errors,
        "p50_ns": edge.latency_ns(0.5),
        "p95_ns": edge.latency_ns(0.95),
    }


def _node_as_dict(node: Node) -> dict[str, str]:
    return {"kind": node.kind, "name": node.name}
