"""What lies in an inbox after a run: how many spans, and how many of them each request has."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from autotrace.store.inbox import SUFFIX, read_chunk

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# Numbers of fields in OTLP's messages (opentelemetry/proto/trace/v1/trace.proto).
_RESOURCE, _SCOPE, _SPAN = 1, 2, 2
_TRACE_ID, _SPAN_ID, _PARENT, _KIND = 1, 2, 4, 6
_SERVER = 2


def spans_in(inbox: Path) -> int:
    """Count the spans in an inbox."""
    return sum(1 for _ in _spans(inbox))


def requests_in(inbox: Path) -> list[int]:
    """Return for every server span how many spans it has with its own: those for which it is the next server span above."""
    parents: dict[bytes, bytes] = {}
    servers: set[bytes] = set()
    for span in _spans(inbox):
        known = dict(_fields(span))
        name = bytes(known[_TRACE_ID]) + bytes(known[_SPAN_ID])
        parents[name] = bytes(known[_TRACE_ID]) + bytes(known.get(_PARENT, b""))
        if known.get(_KIND) == _SERVER:
            servers.add(name)
    counts = Counter[bytes]()
    for name in parents:
        above = name
        while above in parents and above not in servers:
            above = parents[above]
        counts[above] += above in servers
    return sorted(counts[server] for server in servers)


def _spans(inbox: Path) -> Iterator[bytes]:
    for path in inbox.glob(f"*{SUFFIX}"):
        with path.open("rb") as file:
            requests = read_chunk(file, 0, 1 << 62).payloads
        for request in requests:
            for resource in _messages(request, _RESOURCE):
                for scope in _messages(resource, _SCOPE):
                    yield from _messages(scope, _SPAN)


def _messages(message: bytes, wanted: int) -> Iterator[bytes]:
    return (value for number, value in _fields(message) if number == wanted and isinstance(value, bytes))


def _fields(message: bytes) -> Iterator[tuple[int, bytes | int]]:
    """Yield number and value of a protobuf message's fields: varints as numbers, all else as bytes."""
    at = 0
    while at < len(message):
        tag, at = _number(message, at)
        if tag & 7 == 0:
            value, at = _number(message, at)
            yield tag >> 3, value
            continue
        if tag & 7 == 2:
            length, at = _number(message, at)
        else:
            length = {1: 8, 5: 4}[tag & 7]
        yield tag >> 3, message[at : at + length]
        at += length


def _number(message: bytes, at: int) -> tuple[int, int]:
    number = shift = 0
    while True:
        byte = message[at]
        at += 1
        number |= (byte & 127) << shift
        if byte < 128:
            return number, at
        shift += 7
