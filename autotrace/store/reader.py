"""What every reading command begins with: open the store, take in the inbox, keep the ceilings.

Traced processes that cannot write to their data directory (no home, a read-only disk) leave their files in a private
directory under the temporary one, which belongs to that data directory; it is looked at too, and holds the store where
nothing else can.
"""

from __future__ import annotations

from pathlib import Path

from autotrace.config.paths import UNDELIVERED, temporary_directory, temporary_root
from autotrace.store.ingest import Ingested, ingest
from autotrace.store.retention import Retention, enforce
from autotrace.store.schema import StoreError, open_database
from autotrace.store.trust import distrusted, writable_by_others

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3

INBOX = "inbox"
DATABASE = "traces.sqlite"


class Store:
    """An open store that holds all that had been written when it was opened."""

    __slots__ = ("database", "ingested")

    def __init__(self, database: sqlite3.Connection, ingested: Ingested) -> None:
        self.database = database
        self.ingested = ingested


def open_store(data: Path | None = None, ceiling: Retention | None = None) -> Store:
    """Open the store of a data directory.

    Args:
        data: the data directory, by default that of the settings, as for the traced processes.
        ceiling: what to keep, by default 7 days and 1 GiB.

    Raises:
        StoreError: the store cannot be used.
        sqlite3.Error: it failed underway (a full disk, another reader that holds it for too long).
    """
    directory = _data_directory() if data is None else data
    fallback = _fallback(directory) if data is None else None
    try:
        database = open_database(directory / DATABASE)
    except StoreError:
        if fallback is None:
            raise
        database = open_database(fallback / DATABASE)
    try:
        ingested = Ingested()
        for place in filter(None, (directory, fallback)):
            for inbox in (INBOX, UNDELIVERED):
                ingest(database, place / inbox, report=ingested)
        enforce(database, ceiling or Retention())
    except BaseException:
        database.close()
        raise
    return Store(database, ingested)


def _data_directory() -> Path:
    from autotrace.config import settings

    return Path(settings.load().data_dir).expanduser()


def _fallback(directory: Path) -> Path | None:
    """Return what takes a data directory's place under the temporary one, if it is there and is ours alone."""
    root = Path(temporary_root())
    if not root.is_dir() or distrusted(root) or writable_by_others(root):
        return None
    place = Path(temporary_directory(str(directory)))
    return place if place.is_dir() else None
