"""What every reading command begins with: open the store, take in the inbox, keep the ceilings."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from autotrace.store.ingest import Ingested, ingest
from autotrace.store.paths import data_directory, database_file, inbox_directory
from autotrace.store.retention import Retention, enforce
from autotrace.store.schema import open_database

if TYPE_CHECKING:
    import sqlite3


@dataclass(frozen=True)
class Store:
    """An open store that holds all that had been written when it was opened."""

    database: sqlite3.Connection
    ingested: Ingested
    directory: str


def open_store(data: str | None = None, ceiling: Retention | None = None) -> Store:
    """Open the store of a data directory.

    Args:
        data: the data directory, by default that of the environment.
        ceiling: what to keep, by default 7 days and 1 GiB.

    Raises:
        autotrace.store.schema.StoreError: the store cannot be used.
        sqlite3.Error: it failed underway (a full disk, another reader that holds it for too long).
    """
    directory = data or data_directory()
    database = open_database(Path(database_file(directory)))
    try:
        ingested = ingest(database, Path(inbox_directory(directory)))
        enforce(database, ceiling or Retention())
    except BaseException:
        database.close()
        raise
    return Store(database, ingested, directory)
