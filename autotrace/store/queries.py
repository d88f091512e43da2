"""Answers questions about the store: which traces are there, and everything about one of them.

Reads only. What the answers look like on a screen is the command line's affair.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from autotrace.store.model import KINDS, STATUSES, Span, Trace, assemble
from autotrace.store.units import parse_status

if TYPE_CHECKING:
    import sqlite3

LAST = "last"
_CONSIDERED = 100_000
"""Of so many of the newest traces those to look at are chosen: that takes a tenth of a second."""
_HEX = frozenset("0123456789abcdef")


@dataclass(frozen=True)
class Filter:
    """What to list.

    Attributes:
        service: any span of the trace belongs to it.
        route: any server span of the trace has it, or its path where it has none; `*` stands for anything.
        status: `error`, `ok` (no span failed), or an HTTP status code, which is that of the trace's entry.
        min_duration_ns: shortest duration of the whole trace, ns.
        since_ns: earliest start, ns since the epoch.
        limit: how many at most.
        noise: also health checks, static files and their like, if they did not fail. Where a route or a status is asked
            for, they are there anyway.
    """

    service: str | None = None
    route: str | None = None
    status: str | None = None
    min_duration_ns: int | None = None
    since_ns: int | None = None
    limit: int = 20
    noise: bool = True


@dataclass(frozen=True)
class Summary:
    """One line of the list.

    Attributes:
        duration_ns: of the whole trace, in ns.
        root: the root's name, which is empty only where it has none.
        operation: what the root does: its name, and the path where that is only a method.
        route: of the trace's entry.
        status_code: of HTTP, with which the entry was answered.
        noise: what the root is where it is noise: `health check`, `static file`, ...
    """

    trace_id: str
    start_ns: int
    duration_ns: int
    root: str
    operation: str
    root_service: str
    services: list[str]
    spans: int
    errors: int
    route: str | None
    status_code: int | None
    noise: str | None


class UnknownTraceError(Exception):
    """No trace has this id; the text says so."""


class AmbiguousTraceError(Exception):
    """Several traces have ids that begin so.

    Attributes:
        candidates: the newest of them, at most `AmbiguousTraceError.SHOWN`.
        total: how many there are.
    """

    SHOWN = 10

    def __init__(self, prefix: str, candidates: list[Summary], total: int) -> None:
        super().__init__(f"{total} traces begin with {prefix!r}; give more of the id")
        self.candidates = candidates
        self.total = total


def list_traces(database: sqlite3.Connection, wanted: Filter) -> list[Summary]:
    """List traces, the newest first.

    Raises:
        ValueError: the status is neither `error`, `ok` nor a number.
    """
    where, values = _conditions(wanted)
    return _summaries(database, where, values, wanted.limit)


def count_dropped(database: sqlite3.Connection) -> int:
    """Return how many spans traced processes had to drop, as far as the spans that are kept tell."""
    rows = database.execute(
        "SELECT attributes FROM spans INDEXED BY spans_after_loss "
        """WHERE instr(attributes, '"autotrace.dropped_spans":') > 0"""
    )
    told = [json.loads(row["attributes"]).get("autotrace.dropped_spans") for row in rows]
    return sum(count for count in told if type(count) is int)


def count_traces(database: sqlite3.Connection, wanted: Filter | None = None) -> int:
    """Return how many traces the store holds, or how many of them match whatever the limit.

    Raises:
        ValueError: see `list_traces`.
    """
    where, values = _conditions(wanted) if wanted else ("", ())
    return int(database.execute(f"SELECT count(*) FROM traces {where}", values).fetchone()[0])  # noqa: S608 fixed


def list_services(database: sqlite3.Connection) -> list[str]:
    """Return the names of all services, sorted."""
    return [name for (name,) in database.execute("SELECT DISTINCT service FROM trace_services ORDER BY service")]


def newest(database: sqlite3.Connection) -> int:
    """Return when the newest span was taken in, ns since the epoch; 0 without any."""
    return int(database.execute("SELECT max(arrived_ns) FROM traces").fetchone()[0] or 0)


def find_trace(database: sqlite3.Connection, reference: str) -> str:
    """Find the full id of a trace.

    Args:
        database: the store.
        reference: `last` (the newest that is no noise, if there is one), the beginning of an id, a whole id, or a W3C
            `traceparent`.

    Raises:
        UnknownTraceError: there is none.
        AmbiguousTraceError: there are several.
    """
    if reference == LAST:
        newest = list_traces(database, Filter(limit=1, noise=False)) or _summaries(database, "", (), 1)
        if not newest:
            raise UnknownTraceError("there are no traces yet")
        return newest[0].trace_id
    prefix = reference.lower().replace("-", "")
    if reference.count("-") == 3:  # version-trace-parent-flags, as copied out of a header or a log line
        prefix = reference.lower().split("-")[1]
    if not prefix or not _HEX.issuperset(prefix):
        raise UnknownTraceError(f"{reference!r} is no trace id; give the hex digits it begins with, or `last`")
    # "g" follows the last hex digit, so this is the range of all ids that begin so, and the index serves it.
    where, values = "WHERE trace_id >= ? AND trace_id < ?", (prefix, prefix + "g")
    total = int(database.execute(f"SELECT count(*) FROM traces {where}", values).fetchone()[0])  # noqa: S608 fixed
    if not total:
        raise UnknownTraceError(f"no trace begins with {reference!r}; `autotrace traces` lists those that there are")
    candidates = _summaries(database, where, values, AmbiguousTraceError.SHOWN)
    if total > 1:
        raise AmbiguousTraceError(reference, candidates, total)
    return candidates[0].trace_id


def load_trace(database: sqlite3.Connection, trace_id: str) -> Trace:
    """Load all spans of a trace and link them.

    Args:
        database: the store.
        trace_id: a whole id, as `find_trace` returns it.

    Raises:
        UnknownTraceError: it is not there (any more).
    """
    rows = database.execute(
        "SELECT spans.*, service, resources.attributes AS resource_attributes FROM spans "
        "JOIN resources ON resources.id = spans.resource "
        "WHERE trace = (SELECT id FROM traces WHERE trace_id = ?)",
        (trace_id,),
    ).fetchall()
    if not rows:
        raise UnknownTraceError(f"the trace {trace_id} is not there any more")
    resources: dict[int, dict[str, object]] = {}
    spans = []
    for row in rows:
        if row["resource"] not in resources:
            resources[row["resource"]] = json.loads(row["resource_attributes"])
        spans.append(_span(row, resources[row["resource"]]))
    return assemble(trace_id, spans)


def load_traces(database: sqlite3.Connection, wanted: Filter, most_spans: int) -> list[Trace]:
    """Load traces that match, whole, the newest first; of what is done most, the newest.

    What asks every second whether there is something to do would otherwise leave no room for what people ask: each thing
    that roots do has the same share, and what one does not need the others get.

    Args:
        database: the store.
        wanted: which ones; its limit holds.
        most_spans: a trace is passed over with which there would be more; bounds memory. One trace is always loaded.

    Raises:
        ValueError: see `list_traces`.
    """
    loaded: list[Trace] = []
    spans = 0
    for trace_id, size in _shared_out(database, wanted, most_spans // 2):
        if loaded and spans + size > most_spans:
            continue
        with suppress(UnknownTraceError):  # another reader has just deleted it
            loaded.append(load_trace(database, trace_id))
            spans += size
    return sorted(loaded, key=lambda trace: -trace.start_ns)


def _shared_out(database: sqlite3.Connection, wanted: Filter, large: int) -> list[tuple[str, int]]:
    """Return id and number of spans of the traces to look at: the newest of each operation, the second of each, ...

    Those of more spans than `large` come last, since one of them may take the room of all others.
    """
    where, values = _conditions(wanted)
    rows = database.execute(
        "SELECT trace_id, span_count FROM (SELECT trace_id, span_count, start_ns, id, "  # noqa: S608 built from fixed texts
        "row_number() OVER (PARTITION BY root_service, root_operation, root_name ORDER BY start_ns DESC, id DESC) AS turn "
        f"FROM (SELECT * FROM traces {where} ORDER BY start_ns DESC, id DESC LIMIT ?)) "
        "ORDER BY span_count > ?, turn, start_ns DESC, id DESC LIMIT ?",
        (*values, _CONSIDERED, large, wanted.limit),
    )
    return [(row["trace_id"], row["span_count"]) for row in rows]


def _span(row: sqlite3.Row, resource: dict[str, object]) -> Span:
    return Span(
        span_id=row["span_id"],
        parent_id=row["parent_id"],
        name=row["name"],
        kind=KINDS[row["kind"]] if row["kind"] < len(KINDS) else KINDS[0],
        service=row["service"],
        scope=row["scope"],
        start_ns=row["start_ns"],
        end_ns=max(row["end_ns"], row["start_ns"]),
        status=STATUSES[row["status"]] if row["status"] < len(STATUSES) else STATUSES[0],
        status_message=row["status_message"],
        attributes=_decoded(row["attributes"]),
        events=_decoded(row["events"]) if row["events"] != "[]" else [],
        links=_decoded(row["links"]) if row["links"] != "[]" else [],
        resource=resource,
    )


@lru_cache(maxsize=4096)
def _decoded(text: str) -> Any:
    """Decode JSON; what is told again and again is one object, which nobody changes."""
    return json.loads(text)


def _conditions(wanted: Filter) -> tuple[str, tuple[object, ...]]:
    parts: list[tuple[str, object]] = []
    if wanted.service is not None:
        parts.append(("id IN (SELECT trace FROM trace_services WHERE service = ?)", wanted.service))
    if wanted.route is not None:
        pattern = wanted.route.replace("\\", "\\\\").replace("%", r"\%").replace("_", r"\_").replace("*", "%")
        parts.append((r"id IN (SELECT trace FROM trace_routes WHERE route LIKE ? ESCAPE '\')", pattern))
    status = None if wanted.status is None else parse_status(wanted.status)
    if status in {"error", "ok"}:
        parts.append(("(error_count > 0) = ?", status == "error"))
    elif status is not None:
        parts.append(("http_status = ?", int(status)))
    if wanted.min_duration_ns is not None:
        parts.append(("end_ns - start_ns >= ?", wanted.min_duration_ns))
    if wanted.since_ns is not None:
        parts.append(("start_ns >= ?", wanted.since_ns))
    if not wanted.noise and wanted.route is None and wanted.status is None:
        parts.append(("(root_noise = '' OR error_count > ?)", 0))
    where = "WHERE " + " AND ".join(condition for condition, _ in parts) if parts else ""
    return where, tuple(value for _, value in parts)


def _summaries(database: sqlite3.Connection, where: str, values: tuple[object, ...], limit: int) -> list[Summary]:
    rows = database.execute(
        f"SELECT * FROM traces {where} ORDER BY start_ns DESC, id DESC LIMIT ?",  # noqa: S608 built from fixed texts
        (*values, limit),
    ).fetchall()
    services = "SELECT service FROM trace_services WHERE trace = ? ORDER BY start_ns, service"
    return [
        Summary(
            trace_id=row["trace_id"],
            start_ns=row["start_ns"],
            duration_ns=max(0, row["end_ns"] - row["start_ns"]),
            root=row["root_name"],
            operation=row["root_operation"] or row["root_name"],
            root_service=row["root_service"],
            services=[service for (service,) in database.execute(services, (row["id"],))],
            spans=row["span_count"],
            errors=row["error_count"],
            route=row["route"],
            status_code=row["http_status"],
            noise=row["root_noise"] or None,
        )
        for row in rows
    ]
