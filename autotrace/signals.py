"""The signals that OTLP carries, and how a request of each lies in a file of the inbox; for who writes it and who reads it.

A file of the inbox is 8 bytes, ``autotrc`` and the format's number, and then records.  A record is a head, all of whose
numbers are little endian, and a payload, one serialised OTLP request:

- format 1: the payload's length and its ``zlib.crc32``, 32 bits each; an ExportTraceServiceRequest;
- format 2: the payload's length and the ``zlib.crc32`` of all that follows, 32 bits each; the tag of the payload's signal
  and the version of the protocol that it is a request in (1: OTLP 1.x, binary), 8 bits each.

What is written is format 2.  The writer holds a shared lock on its file for as long as it may append; a file that can be
locked exclusively is finished.  Where a file system has no locks, a reader may take a file for unfinished for ever.
"""

from __future__ import annotations

from struct import Struct

MAGIC = b"autotrc2"
SUFFIX = ".spans"
VERSION = 1
MAX_PAYLOAD = 64 << 20  # bytes; OTLP/HTTP has a limit of 64 MiB before compression, so a greater length is damage
HEAD = Struct("<IIBB")
_HEAD_1 = Struct("<II")
HEADS = {b"autotrc1": _HEAD_1, MAGIC: HEAD}


class Signal:
    """A kind of telemetry that OTLP carries; never changed once made.

    Attributes:
        name: as OpenTelemetry calls it.
        tag: what stands for it in a record of the inbox.
        path: of its receiver, below a base URL (OTLP specification, "OTLP/HTTP Request").
        items: what its requests hold, as OTLP counts what a receiver rejects of them.
    """

    __slots__ = ("items", "name", "path", "tag")

    def __init__(self, name: str, tag: int, items: str) -> None:
        self.name = name
        self.tag = tag
        self.path = f"/v1/{name}"
        self.items = items

    def __repr__(self) -> str:
        return f"<Signal {self.name}>"


TRACES = Signal("traces", 1, "spans")
SIGNALS = (TRACES, Signal("metrics", 2, "data points"), Signal("logs", 3, "log records"))


def record(signal: Signal, payload: bytes) -> bytes:
    """Return a request as a record of format 2."""
    from zlib import crc32

    length, tag = len(payload), signal.tag
    return HEAD.pack(length, crc32(payload, crc32(bytes((tag, VERSION)))), tag, VERSION) + payload


def is_whole(head: bytes, payload: bytes) -> bool:
    """Tell whether a payload is what its head, of either format, says of it."""
    from zlib import crc32

    length, checksum = _HEAD_1.unpack_from(head)
    return len(payload) == length and crc32(payload, crc32(head[_HEAD_1.size :])) == int(checksum)


def foreign(tag: int = TRACES.tag, version: int = VERSION) -> str:
    """Return in words what a record is that is no request of traces, by the end of its head; empty for one that is."""
    names = {signal.tag: signal.name for signal in SIGNALS}
    name = names.get(tag, f"signal {tag}")
    if version != VERSION:
        return f"version {version} of {name}"
    return "" if tag == TRACES.tag else name
