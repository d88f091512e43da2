"""Reads inbox files: append-only files of length-prefixed, checksummed OTLP requests, one writer each.

The format: the 8 bytes `MAGIC`, then records of u32 little-endian payload length, u32 little-endian
`zlib.crc32` of the payload, payload (one serialised ExportTraceServiceRequest). A writer holds a shared `flock`
for as long as it may append. This module finds records and says how the file ends; it keeps no state. It cannot
see past a broken record, since nothing in the format allows to find the next one.
"""

from __future__ import annotations

import os
import struct
import sys
import time
import zlib

if sys.platform != "win32":
    import fcntl

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import IO

MAGIC = b"autotrc1"
HEADER = struct.Struct("<II")
SUFFIX = ".spans"
MAX_PAYLOAD = 64 * 1024 * 1024
"""No OTLP request is longer (OTLP/HTTP: 64 MiB before compression), so a bigger length is damage. Bytes."""

SETTLED_SECONDS = 10.0
"""A file younger than this may belong to a process that is just starting."""

ABANDONED_SECONDS = 3600.0
"""Where there is no `flock`: a file untouched for so long has lost its writer."""


class Chunk:
    """A run of whole records.

    Attributes:
        payloads: serialised requests, in file order.
        offset: where the next record begins, in bytes.
        more: whole records may follow, the size limit was reached.
        lost: bytes at the end that will never become a record (only in a finished file).
        finished: the writer is gone, nothing will be appended.
    """

    __slots__ = ("finished", "lost", "more", "offset", "payloads")

    def __init__(self, payloads: list[bytes], offset: int, *, more: bool, lost: int, finished: bool) -> None:
        self.payloads = payloads
        self.offset = offset
        self.more = more
        self.lost = lost
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
    finished = is_finished(file)
    size = os.fstat(file.fileno()).st_size
    payloads: list[bytes] = []
    taken = 0
    if offset < len(MAGIC):
        file.seek(0)
        if file.read(len(MAGIC)) != MAGIC:
            return _ended(payloads, offset, size, finished=finished)
        offset = len(MAGIC)
    file.seek(offset)
    while taken < limit:
        payload = _read_record(file)
        if payload is None:
            return _ended(payloads, offset, size, finished=finished)
        payloads.append(payload)
        offset += HEADER.size + len(payload)
        taken += HEADER.size + len(payload)
    return Chunk(payloads, offset, more=True, lost=0, finished=finished)


def _read_record(file: IO[bytes]) -> bytes | None:
    head = file.read(HEADER.size)
    if len(head) < HEADER.size:
        return None
    length, checksum = HEADER.unpack(head)
    # Zeros are what a file system leaves at the end after a power cut, and their checksum would even be right.
    if not 0 < length <= MAX_PAYLOAD:
        return None
    payload = file.read(length)
    if len(payload) < length or zlib.crc32(payload) != checksum:
        return None
    return payload


def _ended(payloads: list[bytes], offset: int, size: int, *, finished: bool) -> Chunk:
    return Chunk(payloads, offset, more=False, lost=max(0, size - offset) if finished else 0, finished=finished)
