"""Opens the SQLite file of the reader side and brings its tables to the current version.

It copes with several readers that open a fresh file at the same moment. It does not cope with a file written by
a newer autotrace, which is refused with a `StoreError` instead of being guessed at.
"""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import contextmanager

from autotrace.store.trust import distrusted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BUSY_SECONDS = 30
"""How long a reader waits for another one that is writing, in seconds."""

APPLICATION_ID = 0x61747263
"""What makes an SQLite file one of ours: "atrc"."""

# One entry for each version: what leads from the version before to it. Never edit an entry that was released.
MIGRATIONS = (
    """
    CREATE TABLE files (          -- how far each inbox file has been taken in; same transaction as its spans
        path        TEXT PRIMARY KEY,
        offset      INTEGER NOT NULL,
        done        INTEGER NOT NULL DEFAULT 0,
        lost_bytes  INTEGER NOT NULL DEFAULT 0
    ) WITHOUT ROWID;

    CREATE TABLE resources (
        id          INTEGER PRIMARY KEY,
        service     TEXT NOT NULL,
        attributes  TEXT NOT NULL UNIQUE
    );

    CREATE TABLE traces (         -- the summary of a trace, kept right while spans trickle in
        id               INTEGER PRIMARY KEY,
        trace_id         TEXT NOT NULL UNIQUE,
        start_ns         INTEGER NOT NULL,
        end_ns           INTEGER NOT NULL,
        span_count       INTEGER NOT NULL DEFAULT 0,
        error_count      INTEGER NOT NULL DEFAULT 0,
        arrived_ns       INTEGER NOT NULL,             -- when its newest span was taken in
        root_name        TEXT NOT NULL DEFAULT '',
        root_service     TEXT NOT NULL DEFAULT '',
        root_parent      INTEGER NOT NULL DEFAULT 2,   -- 0: has no parent, 1: has one, 2: no root yet
        root_start_ns    INTEGER NOT NULL DEFAULT 0,
        root_span_id     TEXT NOT NULL DEFAULT '',
        entry_client     INTEGER NOT NULL DEFAULT 2,   -- 0: an HTTP server span, 1: a client span, 2: none yet
        entry_start_ns   INTEGER NOT NULL DEFAULT 0,
        entry_span_id    TEXT NOT NULL DEFAULT '',
        route            TEXT,
        http_status      INTEGER
    );
    CREATE INDEX traces_by_start ON traces (start_ns);
    CREATE INDEX traces_by_arrival ON traces (arrived_ns);

    CREATE TABLE trace_services (
        service   TEXT NOT NULL,
        trace     INTEGER NOT NULL REFERENCES traces (id) ON DELETE CASCADE,
        start_ns  INTEGER NOT NULL,                    -- of the first span of this service in this trace
        PRIMARY KEY (service, trace)
    ) WITHOUT ROWID;
    CREATE INDEX services_by_trace ON trace_services (trace);

    CREATE TABLE trace_routes (
        route  TEXT NOT NULL,
        trace  INTEGER NOT NULL REFERENCES traces (id) ON DELETE CASCADE,
        PRIMARY KEY (route, trace)
    ) WITHOUT ROWID;
    CREATE INDEX routes_by_trace ON trace_routes (trace);

    CREATE TABLE spans (
        trace               INTEGER NOT NULL REFERENCES traces (id) ON DELETE CASCADE,
        span_id             TEXT NOT NULL,
        parent_id           TEXT,
        resource            INTEGER NOT NULL REFERENCES resources (id),
        scope               TEXT NOT NULL,
        scope_version       TEXT NOT NULL,
        name                TEXT NOT NULL,
        kind                INTEGER NOT NULL,
        start_ns            INTEGER NOT NULL,
        end_ns              INTEGER NOT NULL,
        status              INTEGER NOT NULL,
        status_message      TEXT NOT NULL,
        attributes          TEXT NOT NULL,             -- this and the next two: JSON
        events              TEXT NOT NULL,
        links               TEXT NOT NULL,
        trace_state         TEXT NOT NULL,
        flags               INTEGER NOT NULL,
        dropped_attributes  INTEGER NOT NULL,
        dropped_events      INTEGER NOT NULL,
        dropped_links       INTEGER NOT NULL
    );
    CREATE UNIQUE INDEX spans_by_id ON spans (trace, span_id);
    CREATE INDEX spans_by_resource ON spans (resource);
    """,
    """
    -- the few spans that tell how many were lost before them
    CREATE INDEX spans_after_loss ON spans (resource) WHERE instr(attributes, '"autotrace.dropped_spans":') > 0;
    """,
    """
    -- what the root does, also where its name is only a method; empty for those that were taken in before
    ALTER TABLE traces ADD COLUMN root_operation TEXT NOT NULL DEFAULT '';
    """,
    """
    -- what the root is where it is noise: a health check, a static file, ...
    ALTER TABLE traces ADD COLUMN root_noise TEXT NOT NULL DEFAULT '';
    """,
)


_TABLES = {"files", "resources", "traces", "trace_services", "trace_routes", "spans"}


class StoreError(Exception):
    """The store cannot be read or written; the text says why and what to do."""


def open_database(path: Path) -> sqlite3.Connection:
    """Open the store, creating it (readable by its owner only) or bringing it to the current version.

    Args:
        path: the SQLite file; its directory is created if it is missing.

    Raises:
        StoreError: the file is newer than this autotrace, is no database, or cannot be opened.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _refuse_strangers(path)
        # SQLite gives its -wal and -shm files the mode of the database, so creating this one first covers all.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        database = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)
    except (OSError, sqlite3.Error) as error:
        raise StoreError(f"cannot open {path}: {error}. Set AUTOTRACE_DATA_DIR to a directory you own") from error
    try:
        database.row_factory = sqlite3.Row
        _refuse_other_programs(database, path)
        _configure(database)
        _migrate(database, path)
    except sqlite3.Error as error:
        database.close()
        raise StoreError(f"cannot use {path}: {error}. Move the file away to start a fresh one") from error
    except StoreError:
        database.close()
        raise
    return database


def _refuse_strangers(path: Path) -> None:
    """Look at the files that SQLite would open, each of which could lead it to another."""
    for ending in ("", "-wal", "-shm", "-journal"):
        file = path.with_name(path.name + ending)
        try:
            reason = distrusted(file)
        except FileNotFoundError:
            continue
        if reason:
            raise StoreError(f"{file} {reason}, and is not used: move it away, or set AUTOTRACE_DATA_DIR")


@contextmanager
def writing(database: sqlite3.Connection) -> Iterator[None]:
    """Hold the store's one write lock for the length of a transaction; roll back on any exception."""
    database.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        database.execute("ROLLBACK")
        raise
    database.execute("COMMIT")


def _refuse_other_programs(database: sqlite3.Connection, path: Path) -> None:
    """Look whose file it is before anything is changed in it: a new one has nothing, ours has our mark."""
    if int(database.execute("PRAGMA application_id").fetchone()[0]) == APPLICATION_ID:
        return
    tables = {row[0] for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if tables and not tables >= _TABLES:  # before there was a mark, the tables had to do
        raise StoreError(
            f"{path} is the SQLite file of another program, and is not used: move it away, or set AUTOTRACE_DATA_DIR"
        )


def _configure(database: sqlite3.Connection) -> None:
    database.execute("PRAGMA auto_vacuum = INCREMENTAL")  # takes effect only before the first table exists
    # Switching to WAL needs the file alone and does not wait by itself when another reader opens it just now.
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            database.execute("PRAGMA journal_mode = WAL")
            break
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
    if int(database.execute("PRAGMA application_id").fetchone()[0]) != APPLICATION_ID:
        database.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    database.execute("PRAGMA foreign_keys = ON")
    database.execute("PRAGMA journal_size_limit = 16777216")


def _migrate(database: sqlite3.Connection, path: Path) -> None:
    if _version(database) == len(MIGRATIONS):
        return
    with writing(database):
        version = _version(database)  # again: another reader may have been quicker
        if version > len(MIGRATIONS):
            raise StoreError(
                f"{path} was written by a newer autotrace (schema {version}, this one knows {len(MIGRATIONS)}). "
                "Upgrade autotrace, or move the file away to start a fresh one"
            )
        for script in MIGRATIONS[version:]:
            for statement in _statements(script):
                database.execute(statement)
        database.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")


def _version(database: sqlite3.Connection) -> int:
    return int(database.execute("PRAGMA user_version").fetchone()[0])


def _statements(script: str) -> Iterator[str]:
    """Split a script, since `executescript` would commit the transaction that guards it."""
    pending = ""
    for line in script.splitlines(keepends=True):
        pending += line
        if sqlite3.complete_statement(pending):
            yield pending
            pending = ""
