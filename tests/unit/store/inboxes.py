"""Writes inboxes the way traced processes do, with the official protobuf classes: what the reader's tests read."""

from __future__ import annotations

import fcntl
import os
import struct
import zlib
from dataclasses import dataclass, field

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

KINDS = ("UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER")
MS = 1_000_000
MAGIC, MAGIC_1 = b"autotrc2", b"autotrc1"
NOON = 1_790_000_000_000_000_000
"""Where the clock of these tests starts, ns since the epoch."""


@dataclass
class Sent:
    """A span as a process sends it; times in ms from NOON."""

    name: str
    start: float
    end: float
    service: str = "shop"
    kind: str = "INTERNAL"
    span_id: int = 1
    parent: int | None = None
    trace: str = "5b8aa5a2d2c872e8321cf37308d69df2"
    attributes: dict = field(default_factory=dict)
    error: tuple[str, str] | None = None
    failed: bool = False
    links: list = field(default_factory=list)


def request(*spans: Sent) -> bytes:
    """One ExportTraceServiceRequest, a resource for each service."""
    made = ExportTraceServiceRequest()
    groups = {}
    for sent in spans:
        if sent.service not in groups:
            resource_spans = made.resource_spans.add()
            _fill(resource_spans.resource.attributes, {"service.name": sent.service, "process.pid": 4711})
            groups[sent.service] = resource_spans.scope_spans.add()
            groups[sent.service].scope.name = "autotrace.test"
        _add(groups[sent.service].spans.add(), sent)
    return made.SerializeToString()


def record(payload: bytes, signal: int = 1, version: int = 1) -> bytes:
    """A payload as a record of format 2, by default of traces in the version that is known."""
    tagged = bytes((signal, version)) + payload
    return struct.pack("<II", len(payload), zlib.crc32(tagged)) + tagged


def record_1(payload: bytes) -> bytes:
    """A payload as a record of format 1."""
    return struct.pack("<II", len(payload), zlib.crc32(payload)) + payload


def write(inbox, *payloads: bytes, name: str = "1-1-0.spans", tail: bytes = b"", age: float = 0):
    """Write a finished file; `age` in seconds puts its modification time back."""
    inbox.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = inbox / name
    path.write_bytes(MAGIC + b"".join(record(payload) for payload in payloads) + tail)
    if age:
        put_back(path, age)
    return path


def put_back(path, age: float) -> None:
    """Make a file look untouched for `age` seconds."""
    then = path.stat().st_mtime - age
    os.utime(path, (then, then))


class Writer:
    """A traced process that is still alive: holds the shared lock and appends."""

    def __init__(self, inbox, name: str = "2-2-0.spans", magic: bytes = MAGIC):
        inbox.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.path = inbox / name
        self._file = self.path.open("ab", buffering=0)
        fcntl.flock(self._file, fcntl.LOCK_SH)
        self.raw(magic)

    def append(self, *spans: Sent) -> None:
        """Append one record."""
        self.raw(record(request(*spans)))

    def raw(self, data: bytes) -> None:
        """Append anything."""
        self._file.write(data)

    def close(self) -> None:
        """End the process."""
        self._file.close()


def _add(span, sent: Sent) -> None:
    span.trace_id = bytes.fromhex(sent.trace)
    span.span_id = sent.span_id.to_bytes(8, "big")
    span.parent_span_id = b"" if sent.parent is None else sent.parent.to_bytes(8, "big")
    span.name = sent.name
    span.kind = KINDS.index(sent.kind)
    span.start_time_unix_nano = NOON + round(sent.start * MS)
    span.end_time_unix_nano = NOON + round(sent.end * MS)
    _fill(span.attributes, sent.attributes)
    if sent.error:
        event = span.events.add()
        event.name = "exception"
        event.time_unix_nano = NOON + round(sent.end * MS)
        kind, message = sent.error
        trace = f'Traceback (most recent call last):\n  File "kitchen.py", line 41, in bake\n{kind}: {message}\n'
        _fill(
            event.attributes,
            {"exception.type": kind, "exception.message": message, "exception.stacktrace": trace},
        )
        span.status.message = message
    if sent.error or sent.failed:
        span.status.code = 2
    for trace, span_id in sent.links:
        link = span.links.add()
        link.trace_id = bytes.fromhex(trace)
        link.span_id = span_id.to_bytes(8, "big")


def _fill(pairs, values: dict) -> None:
    for key, value in values.items():
        pair = pairs.add()
        pair.key = key
        _put(pair.value, value)


def _put(any_value, value) -> None:
    if isinstance(value, bool):
        any_value.bool_value = value
    elif isinstance(value, int):
        any_value.int_value = value
    elif isinstance(value, float):
        any_value.double_value = value
    elif isinstance(value, bytes):
        any_value.bytes_value = value
    elif isinstance(value, list):
        for item in value:
            _put(any_value.array_value.values.add(), item)
    elif isinstance(value, dict):
        _fill(any_value.kvlist_value.values, value)
    else:
        any_value.string_value = value
