"""Loads the traces that findings and the map are made of, within bounds, and tells both as JSON."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from autotrace.insights.judge import edge_as_dict, finding_as_dict, findings
from autotrace.insights.service_map import service_map
from autotrace.store.queries import count_traces, load_traces

if TYPE_CHECKING:
    import sqlite3

    from autotrace.store.model import Trace
    from autotrace.store.queries import Filter

MOST_TRACES = 2000
MOST_SPANS = 100_000
"""What is loaded at most for one look; a span takes about 2 KB of memory."""


@dataclass(frozen=True)
class Looked:
    """The traces that were looked at, the newest first, and how many match in all."""

    traces: list[Trace]
    matching: int


def look(database: sqlite3.Connection, wanted: Filter) -> Looked:
    """Load the newest traces that match.

    Raises:
        ValueError: see `queries.list_traces`.
    """
    return Looked(load_traces(database, wanted, MOST_SPANS), count_traces(database, wanted))


def findings_as_dict(looked: Looked) -> dict[str, Any]:
    """Return what `autotrace insights --json` prints."""
    found = findings(looked.traces, time.time_ns())
    return {
        "traces": len(looked.traces),
        "total": looked.matching,
        "findings": [finding_as_dict(one) for one in found],
    }


def map_as_dict(looked: Looked) -> dict[str, Any]:
    """Return what `autotrace map --json` prints."""
    edges = [edge_as_dict(edge) for edge in service_map(looked.traces)]
    return {"traces": len(looked.traces), "total": looked.matching, "edges": edges}
