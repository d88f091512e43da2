"""Puts decoded spans into the tables and keeps the summary of each trace right while spans trickle in.

Spans of one trace arrive late, in any order, from several processes, and now and then twice. So a summary only
ever moves in one direction: counts add the spans that were new, times take the minimum and maximum, and root and
entry are replaced by a better candidate. The root is the earliest span without a parent, or the earliest span at
all until one arrives; the entry (whose route and HTTP status stand for the trace) is the earliest HTTP server span,
else the earliest HTTP client span.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from autotrace.store.decode import MAX_NS, SERVER

if TYPE_CHECKING:
    import sqlite3

    from autotrace.store.decode import ResourceSpans, SpanRow

ERROR = 2

_INSERT = """
    INSERT OR IGNORE INTO spans VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""

_UPDATE = """
    UPDATE traces SET span_count = span_count + ?, error_count = error_count + ?,
        start_ns = min(start_ns, ?), end_ns = max(end_ns, ?), arrived_ns = ? WHERE id = ?
"""

_UPDATE_ROOT = """
    UPDATE traces SET root_parent = ?1, root_start_ns = ?2, root_span_id = ?3, root_name = ?4, root_service = ?5,
        root_operation = ?6, root_noise = ?7
    WHERE id = ?8 AND (?1, ?2, ?3) < (root_parent, root_start_ns, root_span_id)
"""

_UPDATE_ENTRY = """
    UPDATE traces SET entry_client = ?1, entry_start_ns = ?2, entry_span_id = ?3, route = ?4, http_status = ?5
    WHERE id = ?6 AND (?1, ?2, ?3) < (entry_client, entry_start_ns, entry_span_id)
"""

_UPDATE_SERVICE = """
    INSERT INTO trace_services (service, trace, start_ns) VALUES (?, ?, ?)
    ON CONFLICT DO UPDATE SET start_ns = min(start_ns, excluded.start_ns)
"""


class _Change:
    """What the new spans of one trace change in its summary."""

    def __init__(self, trace: int) -> None:
        self.trace = trace
        self.spans = 0
        self.errors = 0
        self.start_ns = MAX_NS
        self.end_ns = 0
        self.root: tuple[int, int, str, str, str, str, str] | None = None
        self.entry: tuple[int, int, str, str | None, int | None] | None = None
        self.services: dict[str, int] = {}
        self.routes: set[str] = set()

    def add(self, span: SpanRow, service: str) -> None:
        self.spans += 1
        self.errors += span.status == ERROR
        self.start_ns = min(self.start_ns, span.start_ns)
        self.end_ns = max(self.end_ns, span.end_ns)
        self.services[service] = min(self.services.get(service, MAX_NS), span.start_ns)
        known = int(span.parent_id is not None), span.start_ns, span.span_id
        root = (*known, span.name, service, span.operation, span.noise)
        if self.root is None or root < self.root:
            self.root = root
        if span.through is not None:
            self.routes.add(span.through)
        if span.route is None and span.http_status is None:
            return
        entry = (int(span.kind != SERVER), span.start_ns, span.span_id, span.route, span.http_status)
        if self.entry is None or entry[:3] < self.entry[:3]:
            self.entry = entry

    def store(self, database: sqlite3.Connection, now_ns: int) -> None:
        update = (self.spans, self.errors, self.start_ns, self.end_ns, now_ns, self.trace)
        database.execute(_UPDATE, update)
        if self.root:
            database.execute(_UPDATE_ROOT, (*self.root, self.trace))
        if self.entry:
            database.execute(_UPDATE_ENTRY, (*self.entry, self.trace))
        database.executemany(_UPDATE_SERVICE, [(name, self.trace, start) for name, start in self.services.items()])
        routes = [(route, self.trace) for route in self.routes]
        database.executemany("INSERT OR IGNORE INTO trace_routes (route, trace) VALUES (?, ?)", routes)


class SpanWriter:
    """Writes spans within one transaction of the caller; `finish` before it commits."""

    def __init__(self, database: sqlite3.Connection, now_ns: int) -> None:
        self._database = database
        self._now_ns = now_ns
        self._traces: dict[str, int] = {}
        self._changes: dict[int, _Change] = {}
        self.new_spans = 0

    def write(self, group: ResourceSpans) -> None:
        """Insert the spans of one resource; those that are there already are passed over."""
        if not group.spans:
            return
        resource = self._resource(group)
        for span in group.spans:
            trace = self._trace(span)
            row = (
                *(trace, span.span_id, span.parent_id, resource, span.scope, span.scope_version, span.name, span.kind),
                *(span.start_ns, span.end_ns, span.status, span.status_message),
                *(span.attributes, span.events, span.links, span.trace_state, span.flags),
                *(span.dropped_attributes, span.dropped_events, span.dropped_links),
            )
            if self._database.execute(_INSERT, row).rowcount > 0:
                self.new_spans += 1
                self._changes.setdefault(trace, _Change(trace)).add(span, group.service)

    def finish(self) -> None:
        """Bring the summaries of all touched traces up to date."""
        for change in self._changes.values():
            change.store(self._database, self._now_ns)
        self._changes.clear()

    def _resource(self, group: ResourceSpans) -> int:
        self._database.execute(
            "INSERT OR IGNORE INTO resources (service, attributes) VALUES (?, ?)", (group.service, group.attributes)
        )
        found = self._database.execute("SELECT id FROM resources WHERE attributes = ?", (group.attributes,))
        return int(found.fetchone()[0])

    def _trace(self, span: SpanRow) -> int:
        known = self._traces.get(span.trace_id)
        if known is None:
            self._database.execute(
                "INSERT OR IGNORE INTO traces (trace_id, start_ns, end_ns, arrived_ns) VALUES (?, ?, ?, ?)",
                (span.trace_id, span.start_ns, span.end_ns, self._now_ns),
            )
            found = self._database.execute("SELECT id FROM traces WHERE trace_id = ?", (span.trace_id,))
            known = self._traces[span.trace_id] = int(found.fetchone()[0])
        return known
