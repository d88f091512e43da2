"""What the page asks for, answered as JSON: the twins of what the commands print, and what a picture needs beside."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from autotrace.insights.look import MOST_TRACES, findings_as_dict, look, map_as_dict
from autotrace.store.asjson import summary_as_dict, trace_as_dict
from autotrace.store.critical import critical_path
from autotrace.store.failure import told_failure
from autotrace.store.naming import destination, operation
from autotrace.store.nothing import nothing_yet
from autotrace.store.queries import Filter, count_traces, find_trace, list_services, list_traces, load_trace, newest
from autotrace.store.reader import open_store
from autotrace.store.units import parse_duration

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from autotrace.store.model import Trace

FRESH_SECONDS = 10
"""For so long what was found in the same traces is not looked for again; longer, since traces settle meanwhile."""
REST = 10
"""So many times as long as a look took nobody looks again, whatever arrives; the answer then says that it is stale."""
MOST_LISTED = 500


@dataclass(frozen=True)
class _Kept:
    """An answer: to which state of the store, when it was ready and how long that took, in seconds."""

    version: str
    at: float
    took: float
    told: dict[str, Any]


class Answers:
    """Answers questions, on any thread.

    Args:
        data: the data directory, by default that of the settings.
    """

    def __init__(self, data: Path | None = None) -> None:
        self._data = data
        self._lock = threading.Lock()
        self._kept: dict[tuple[str | None, ...], _Kept] = {}

    def answer(self, path: str, query: Mapping[str, str]) -> dict[str, Any]:
        """Answer one question.

        Args:
            path: what stands behind `/api/`.
            query: the parameters, which are the options of the commands.

        Raises:
            LookupError: there is no such question.
            UnknownTraceError: there is no such trace.
            AmbiguousTraceError: there are several.
            ValueError: a parameter cannot be read.
            StoreError: the store cannot be used; so does a `sqlite3.Error`.
        """
        name, _, rest = path.partition("/")
        database = open_store(self._data).database
        try:
            if name == "state" and not rest:
                return _state(database)
            if name == "traces" and not rest:
                return _traces(database, query)
            if name == "traces":
                return _trace(load_trace(database, find_trace(database, rest)))
            if name == "findings" and not rest:
                return self._findings(database, query)
            if name == "map" and not rest:
                return self._recent(name, database, query, lambda wanted: map_as_dict(look(database, wanted)))
        finally:
            database.close()
        raise LookupError(path)

    def _findings(self, database: sqlite3.Connection, query: Mapping[str, str]) -> dict[str, Any]:
        told = self._recent("findings", database, query, lambda wanted: findings_as_dict(look(database, wanted)))
        return told if count_traces(database) else {**told, "nothing": nothing_yet(str(self._data or ""))}

    def _recent(
        self,
        name: str,
        database: sqlite3.Connection,
        query: Mapping[str, str],
        ask: Callable[[Filter], dict[str, Any]],
    ) -> dict[str, Any]:
        """Answer from memory what was asked a moment ago: it is dear, and every open page asks it when spans arrive."""
        key = (name, query.get("service"), query.get("since"))
        with self._lock:
            version, began = _version(database), time.monotonic()
            kept = self._kept.get(key)
            if kept is not None:
                age = began - kept.at
                same = kept.version == version
                if (same and age < FRESH_SECONDS) or age < kept.took * REST:
                    return {**kept.told, "stale": not same}
            told = ask(_filter(query, MOST_TRACES, MOST_TRACES))
            ended = time.monotonic()
            self._kept = {old: one for old, one in self._kept.items() if ended - one.at < 60}
            self._kept[key] = _Kept(version, ended, ended - began, told)
            return {**told, "stale": False}


def _state(database: sqlite3.Connection) -> dict[str, Any]:
    return {"version": _version(database), "traces": count_traces(database), "services": list_services(database)}


def _version(database: sqlite3.Connection) -> str:
    """Return a text that changes with the store."""
    return f"{newest(database)}-{count_traces(database)}"


def _traces(database: sqlite3.Connection, query: Mapping[str, str]) -> dict[str, Any]:
    wanted = replace(_filter(query, 50, MOST_LISTED), noise=bool(query.get("noise")))
    listed = [summary_as_dict(one) for one in list_traces(database, wanted)]
    total = count_traces(database, wanted)
    return {"traces": listed, "total": total, "noise": count_traces(database, replace(wanted, noise=True)) - total}


def _filter(query: Mapping[str, str], limit: int, most: int) -> Filter:
    since, shortest = query.get("since"), query.get("min_duration")
    return Filter(
        service=query.get("service") or None,
        route=query.get("route") or None,
        status=query.get("status") or None,
        min_duration_ns=parse_duration(shortest) if shortest else None,
        since_ns=time.time_ns() - parse_duration(since) if since else None,
        limit=max(1, min(most, int(query.get("limit") or limit))),
    )


def _trace(trace: Trace) -> dict[str, Any]:
    """Return a trace as `autotrace show --json` tells it, and what its picture is drawn from."""
    by_id = trace.by_id()
    path = critical_path(trace)
    waits = {}
    for span in trace.spans:
        producer = span.waited_for(by_id)
        if producer is not None:
            waits[span.span_id] = {"from_ns": producer.end_ns, "in": destination(span) or "the queue"}
    return {
        **trace_as_dict(trace),
        "picture": {
            "tops": [span.span_id for span in trace.tops],
            "children": {span.span_id: [child.span_id for child in span.children] for span in trace.spans},
            "names": {span.span_id: operation(span) for span in trace.spans},
            "failures": {span.span_id: told_failure(span) for span in trace.spans if told_failure(span)},
            "waits": waits,
            "segments": [[one.span.span_id, one.start_ns, one.end_ns, one.waiting] for one in path.segments],
            "by_service": path.by_service(),
            "waited_ns": path.waited_ns(),
        },
    }
