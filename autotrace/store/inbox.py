"""Reads inbox files: append-only files of length-prefixed, checksummed OTLP requests, one writer each.

The format, and what of it is known here, stands in `autotrace.signals`. This module finds records and says how
the file ends; it keeps no state. It cannot see past a broken record, since nothing in the format allows to find the next
one; what it does see past is a whole record of a signal, or in a version, that the store has no use for.
"""

from __future__ import annotations

import os
import sys
import time

from autotrace.signals import HEADS, MAGIC, MAX_PAYLOAD, SUFFIX, foreign, is_whole

if sys.platform != "win32":
    import fcntl

TYPE_CHECKING = False
if TYPE_CHECKING:
    from struct import Struct
    from typing import IO

__all__ = ("MAGIC", "SUFFIX", "Chunk", "is_finished", "read_chunk", "settled")

SETTLED_SECONDS = 10.0
"""A file younger than this may belong to a process that is just starting."""

ABANDONED_SECONDS = 3600.0
"""Where there is no `flock`: a file untouched for so long has lost its writer."""


class Chunk:
    """A run of whole records.

    Attributes:
        payloads: serialised requests of traces, in file order.
        skipped: how many whole records were none of these, by what they are.
        offset: where the next record begins, in bytes.
        more: whole records may follow, the size limit was reached.
        lost: bytes at the end that will never become a record (only in a finished file).
        finished: the writer is gone, nothing will be appended.
    """

    __slots__ = ("finished", "lost", "more", "offset", "payloads", "skipped")

    def __init__(self, offset: int, *, finished: bool) -> None:
        self.payloads: list[bytes] = []
        self.skipped: dict[str, int] = {}
        self.offset = offset
        self.more = False
        self.lost = 0
        self.finished = finished


def settled(status: os.stat_result) -> bool:
    """Tell whether a file has not been written to for a while."""
    return time.time() - status.st_mtime > SETTLED_SECONDS


def is_finished(file: IO[bytes]) -> bool:
    """Tell whether the writer of an open file is gone. The answer is taken before reading, else it is worthless."""
    if sys.platform == "win32":
        return time.time() - os.fstat(file.fileno()).st_mtime > ABANDONED_SECONDS
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:  # held by its writer, or a file system without locks: then no file is ever finished
        return False
    fcntl.flock(file, fcntl.LOCK_UN)
    return True


def read_chunk(file: IO[bytes], offset: int, limit: int) -> Chunk:
    """Read whole records from an offset on.

    Args:
        file: an inbox file, open for reading.
        offset: where to start, in bytes; 0 is the beginning of the file.
        limit: stop after the record that reaches this many bytes.
    """
    chunk = Chunk(offset, finished=is_finished(file))
    size = os.fstat(file.fileno()).st_size
    file.seek(0)
    head = HEADS.get(file.read(len(MAGIC)))
    if head is not None:
        chunk.offset = max(offset, len(MAGIC))
        file.seek(chunk.offset)
        end = chunk.offset + limit
        while chunk.offset < end:
            read = _read_record(file, head)
            if read is None:
                break
            what, payload = read
            chunk.offset += head.size + len(payload)
            if what:
                chunk.skipped[what] = chunk.skipped.get(what, 0) + 1
            else:
                chunk.payloads.append(payload)
        else:
            chunk.more = True
            return chunk
    chunk.lost = max(0, size - chunk.offset) if chunk.finished else 0
    return chunk


def _read_record(file: IO[bytes], form: Struct) -> tuple[str, bytes] | None:
    """Return a whole record's payload, and what it is unless it is a request of traces; None where no whole one follows."""
    head = file.read(form.size)
    if len(head) < form.size:
        return None
    length, _, *tags = form.unpack(head)
    # Zeros are what a file system leaves at the end after a power cut, and their checksum would even be right.
    if not 0 < length <= MAX_PAYLOAD:
        return None
    payload = file.read(length)
    return (foreign(*tags), payload) if is_whole(head, payload) else None
