"""The store stays below its ceilings."""

from __future__ import annotations

import time

from autotrace.store.ingest import ingest
from autotrace.store.queries import Filter, list_traces
from autotrace.store.retention import Retention, enforce, used_bytes
from unit.store.inboxes import Sent, request, write

DAY_NS = 86400 * 10**9


def fill(database, inbox, first, count, payload="x"):
    spans = [Sent("s", n, n + 1, trace=f"{n + 1:032x}", attributes={"p": payload}) for n in range(first, first + count)]
    write(inbox, request(*spans), name=f"{first}-1-0.spans")
    ingest(database, inbox)


def counts(database):
    tables = ("traces", "spans", "trace_services", "resources")
    return [database.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in tables]


def test_age(database, inbox):
    """Traces that came long ago go with all that belongs to them; those that came later stay."""
    fill(database, inbox, 0, 3)
    database.execute("UPDATE traces SET arrived_ns = arrived_ns - ?", (8 * DAY_NS,))
    fill(database, inbox, 10, 2)
    assert enforce(database, Retention()) == 3
    assert counts(database) == [2, 2, 2, 1]
    assert enforce(database, Retention(), now_ns=time.time_ns() + 8 * DAY_NS) == 2
    assert counts(database) == [0, 0, 0, 0]


def test_size(database, inbox):
    """Above the ceiling the oldest go first, until a tenth is free again."""
    fill(database, inbox, 0, 300, "x" * 4000)
    fill(database, inbox, 1000, 300, "x" * 4000)
    ceiling = used_bytes(database) * 3 // 4
    deleted = enforce(database, Retention(max_bytes=ceiling))
    assert 150 <= deleted <= 300
    assert used_bytes(database) <= ceiling * 0.9
    kept = list_traces(database, Filter(limit=1000))
    assert [int(line.trace_id, 16) for line in kept][:300] == list(range(1300, 1000, -1))
    assert [int(line.trace_id, 16) for line in kept][300:] == list(range(300, deleted, -1))


def test_nothing_to_do(database, inbox):
    """Below the ceilings nothing is written."""
    fill(database, inbox, 0, 3)
    before = database.total_changes
    assert enforce(database, Retention()) == 0
    assert database.total_changes == before


def test_an_impossible_ceiling_ends(database, inbox):
    """A ceiling below an empty database deletes what there is and stops."""
    fill(database, inbox, 0, 3)
    assert enforce(database, Retention(max_bytes=1)) == 3
