"""Keeps the store below its ceilings: the traces that arrived longest ago go first.

Age is counted from the arrival of a trace's newest span in the store, not from its own clock: whoever looks after
ten days of absence still finds the inbox's traces, and a wrong clock deletes nothing. The size is that of the used
pages, so the file may stay somewhat bigger than the ceiling until SQLite has given pages back.
"""

from __future__ import annotations

import time

from autotrace.store.schema import writing

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3

_BATCH = 50


class Retention:
    """The ceilings: age in seconds, size in bytes."""

    __slots__ = ("max_age_s", "max_bytes")

    def __init__(self, max_age_s: float = 7 * 24 * 3600, max_bytes: int = 1 << 30) -> None:
        self.max_age_s = max_age_s
        self.max_bytes = max_bytes


def enforce(database: sqlite3.Connection, ceiling: Retention, now_ns: int | None = None) -> int:
    """Delete traces until both ceilings hold; two cheap look-ups when nothing is to do.

    Returns:
        how many traces were deleted.
    """
    now = time.time_ns() if now_ns is None else now_ns
    oldest_kept = now - int(ceiling.max_age_s * 1e9)
    deleted = 0
    while _oldest(database) < oldest_kept:
        deleted += _delete(database, "WHERE arrived_ns < ?", (oldest_kept,))
    if used_bytes(database) > ceiling.max_bytes:
        # A tenth below the ceiling, so that a busy machine does not come here at every look.
        while used_bytes(database) > ceiling.max_bytes * 0.9:
            batch = _delete(database, "", ())
            deleted += batch
            if not batch:
                break
    if deleted:
        database.execute("DELETE FROM resources WHERE NOT EXISTS (SELECT 1 FROM spans WHERE resource = resources.id)")
        database.execute("PRAGMA incremental_vacuum").fetchall()
    return deleted


def used_bytes(database: sqlite3.Connection) -> int:
    """Return the size of the pages in use, in bytes."""
    pages, free, size = (
        int(database.execute(f"PRAGMA {name}").fetchone()[0]) for name in ("page_count", "freelist_count", "page_size")
    )
    return (pages - free) * size


def _oldest(database: sqlite3.Connection) -> float:
    found = database.execute("SELECT min(arrived_ns) FROM traces").fetchone()[0]
    return float("inf") if found is None else int(found)


def _delete(database: sqlite3.Connection, where: str, values: tuple[int, ...]) -> int:
    """Delete one batch of the oldest traces; their spans go with them (ON DELETE CASCADE)."""
    with writing(database):
        oldest = f"SELECT id FROM traces {where} ORDER BY arrived_ns, start_ns LIMIT {_BATCH}"  # noqa: S608 fixed texts
        return database.execute(f"DELETE FROM traces WHERE id IN ({oldest})", values).rowcount  # noqa: S608
