"""The service map: who calls whom, how often, how long and how well.

Services, databases, topics and third parties that are not traced are nodes. An edge counts calls as the caller saw
them; an edge from a topic counts messages, and its latency is their wait in the queue.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from autotrace.insights.finding import percentile
from autotrace.insights.queue_wait import wait_of
from autotrace.store.naming import ENTRIES, address, called_service, destination, http_method, text_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from autotrace.store.model import Span, Trace

SERVICE, DATABASE, TOPIC, EXTERNAL, OUTSIDE = "service", "database", "topic", "external", "outside"


@dataclass(frozen=True)
class Node:
    """A party. `kind`: `service`, `database`, `topic`, `external` (a peer that is not traced) or `outside` (callers)."""

    kind: str
    name: str


@dataclass
class Edge:
    """From one party to another. Times in ns."""

    source: Node
    target: Node
    latencies_ns: list[int] = field(default_factory=list)
    calls: int = 0
    errors: int = 0

    def add(self, latency_ns: int | None, *, failed: bool) -> None:
        """Count one call."""
        self.calls += 1
        self.errors += failed
        if latency_ns is not None:
            self.latencies_ns.append(latency_ns)

    def latency_ns(self, share: float) -> int | None:
        """Return a percentile of the latencies, or None where none is known."""
        return percentile(self.latencies_ns, share) if self.latencies_ns else None


def service_map(traces: Sequence[Trace]) -> list[Edge]:
    """Return the edges, the busiest first."""
    edges: dict[tuple[Node, Node], Edge] = {}

    def count(source: Node, target: Node, latency_ns: int | None, *, failed: bool) -> None:
        edges.setdefault((source, target), Edge(source, target)).add(latency_ns, failed=failed)

    for trace in traces:
        by_id = trace.by_id()
        for span in trace.spans:
            service = Node(SERVICE, span.service)
            target = _called(span)
            if target is not None:
                count(service, target, span.duration_ns, failed=span.failed)
            if span.kind == "CONSUMER":
                count(Node(TOPIC, destination(span) or "queue"), service, wait_of(span, by_id), failed=span.failed)
            elif _entered(span):
                above = span.parent
                source = Node(SERVICE, above.service) if above else Node(OUTSIDE, "callers")
                count(source, service, span.duration_ns, failed=span.failed)
    return sorted(edges.values(), key=lambda edge: (-edge.calls, edge.source.name, edge.target.name))


def _called(span: Span) -> Node | None:
    """Return whom a span calls; None where it calls nobody, or whom is not known."""
    if span.kind == "PRODUCER":
        return Node(TOPIC, destination(span) or "queue")
    if span.kind not in {"CLIENT", "INTERNAL"}:
        return None
    system = text_of(span, "db.system.name", "db.system")
    if system:
        return Node(DATABASE, f"{system} {_database(span)}".strip())
    if span.kind != "CLIENT" or destination(span):
        return None
    other = called_service(span)
    if other is not None:
        return Node(SERVICE, other.service)
    where = address(span)
    return (
        Node(EXTERNAL, where)
        if where and (http_method(span) or text_of(span, "rpc.system.name", "rpc.system"))
        else None
    )


def _database(span: Span) -> str:
    """Return the database: on a server by its address, in a file by its name alone."""
    space = text_of(span, "db.namespace", "db.name")
    return address(span) or space.rpartition("/")[2] or space


def _entered(span: Span) -> bool:
    """Tell whether a span begins a service's work in a way that no span of a caller counts."""
    if span.parent is None:
        return span.kind == "SERVER" and span.parent_id is None
    return (
        span.parent.service != span.service
        and span.parent.kind not in {"CLIENT", "PRODUCER"}
        and (span.kind not in ENTRIES or span.kind == "SERVER")
    )
