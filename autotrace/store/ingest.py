"""Takes the inbox into the store: every record exactly once, however many readers run and wherever one is killed.

The rule that carries it: an inbox file is opened, read, written to the tables and deleted only while the store's
write lock is held, and the offset up to which it was taken stands in the same transaction as its spans. A reader
that dies leaves either both or neither. A file without a row has never been read, since a row goes only after its
file has gone.

Damage (a torn end of a finished file, a record that is no OTLP request) is counted and reported, never raised.
"""

from __future__ import annotations

import errno
import os
import stat
import time
from pathlib import Path

from autotrace.store import inbox
from autotrace.store.schema import writing
from autotrace.store.trust import distrusted

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3
    from typing import IO

CHUNK_BYTES = 4 * 1024 * 1024
"""How much is taken in one transaction: bounds memory, and how long other readers wait."""

# Somebody may put a link, or a pipe that nobody writes to, where there was a file a moment ago.
_FLAGS = os.O_RDWR | sum(getattr(os, name, 0) for name in ("O_CLOEXEC", "O_NOFOLLOW", "O_NONBLOCK", "O_BINARY"))


class Ingested:
    """What one run took in.

    Attributes:
        records: whole records, those that are skipped included.
        spans: spans that were not in the store before.
        refused: records that are no OTLP trace request, and spans without ids.
        skipped: how many records are none of traces, by what they are: a signal, or a version of one; the store keeps none.
        damaged: names of finished files that ended in something unreadable, with the number of bytes lost.
        unreadable: names of files that could not be opened, with the reason.
    """

    __slots__ = ("damaged", "records", "refused", "skipped", "spans", "unreadable")

    def __init__(self) -> None:
        self.records = 0
        self.spans = 0
        self.refused = 0
        self.skipped: dict[str, int] = {}
        self.damaged: dict[str, int] = {}
        self.unreadable: dict[str, str] = {}


def ingest(
    database: sqlite3.Connection, directory: Path, chunk_bytes: int = CHUNK_BYTES, report: Ingested | None = None
) -> Ingested:
    """Take in everything that traced processes have written so far, and delete what is finished.

    Args:
        database: the store, see `schema.open_database`.
        directory: the inbox; it need not exist.
        chunk_bytes: how many bytes of records one transaction takes.
        report: what to add to, where several inboxes are taken in.
    """
    report = report or Ingested()
    paths = _files(directory, report)
    known = {str(row["path"]): row for row in database.execute("SELECT path, offset, done FROM files")}
    for path in paths:
        try:
            if _worth_opening(path, known.get(str(path))):
                while _take(database, path, chunk_bytes, report):
                    pass
        except FileNotFoundError:
            continue
        except OSError as error:
            report.unreadable[path.name] = error.strerror or str(error)
    gone = [path for path in known if not Path(path).exists()]
    if gone:
        _forget(database, gone)
    return report


def _files(directory: Path, report: Ingested) -> list[Path]:
    """Return the files of an inbox, sorted; none where there is no inbox, or it is not ours."""
    try:
        reason = distrusted(directory)
    except (FileNotFoundError, NotADirectoryError):  # nor a place for one
        return []
    except OSError as error:
        reason = error.strerror or str(error)
    try:
        if not reason:
            # Resolved, since the path is what a file's offset is kept by.
            return sorted(path for path in directory.resolve().iterdir() if path.name.endswith(inbox.SUFFIX))
    except OSError as error:
        reason = error.strerror or str(error)
    report.unreadable[str(directory)] = reason
    return []


def _worth_opening(path: Path, row: sqlite3.Row | None) -> bool:
    """Tell, without opening or locking, whether a file may hold something new or may be deleted."""
    status = path.lstat()
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "is a link or no file")
    if status.st_size <= len(inbox.MAGIC) and not inbox.settled(status):
        return False  # its writer may not have taken its lock yet
    if row is None:
        return True
    if row["done"]:
        return inbox.settled(status)
    return bool(status.st_size != row["offset"]) or inbox.settled(status)


def _take(database: sqlite3.Connection, path: Path, chunk_bytes: int, report: Ingested) -> bool:
    """Take one chunk of a file in one transaction; return whether to go on with this file."""
    with writing(database):
        row = database.execute("SELECT offset, done FROM files WHERE path = ?", (str(path),)).fetchone()
        offset, done = (row["offset"], bool(row["done"])) if row else (0, False)
        # Writable, because a file system over the network wants that for LOCK_EX.
        with open(os.open(path, _FLAGS), "r+b") as file:
            if done:
                _delete_if_settled(file, path)
                return False
            chunk = inbox.read_chunk(file, offset, chunk_bytes)
            _store(database, chunk, report)
            done = chunk.finished and not chunk.more
            if chunk.offset != offset or done:
                database.execute(
                    "INSERT INTO files (path, offset, done, lost_bytes) VALUES (?, ?, ?, ?) "
                    "ON CONFLICT DO UPDATE SET offset = excluded.offset, done = excluded.done, "
                    "lost_bytes = excluded.lost_bytes",
                    (str(path), chunk.offset, done, chunk.lost),
                )
            settled = inbox.settled(os.fstat(file.fileno()))
        if chunk.lost:
            report.damaged[path.name] = chunk.lost
    # Deleting is a transaction of its own: what the file held must be on disk first.
    return chunk.more or (done and settled)


def _store(database: sqlite3.Connection, chunk: inbox.Chunk, report: Ingested) -> None:
    for what, count in chunk.skipped.items():
        report.skipped[what] = report.skipped.get(what, 0) + count
        report.records += count
    if not chunk.payloads:
        return  # what decodes is slow to load, and nothing has come since the last look
    from autotrace.store.decode import decode
    from autotrace.store.summary import SpanWriter

    writer = SpanWriter(database, time.time_ns())
    for payload in chunk.payloads:
        groups = decode(payload)
        if groups is None:
            report.refused += 1
            continue
        for group in groups:
            writer.write(group)
            report.refused += group.refused
    writer.finish()
    report.records += len(chunk.payloads)
    report.spans += writer.new_spans


def _delete_if_settled(file: IO[bytes], path: Path) -> None:
    """Delete a file that is wholly in the store, has no writer and is not brand-new."""
    if inbox.is_finished(file) and inbox.settled(os.fstat(file.fileno())):
        path.unlink()


def _forget(database: sqlite3.Connection, gone: list[str]) -> None:
    """Drop the offsets of files that were deleted. A name holds time and process, so no file comes back under it."""
    with writing(database):
        database.executemany("DELETE FROM files WHERE path = ?", [(path,) for path in gone])
