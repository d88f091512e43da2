"""Asks a Kafka broker whether it really answers, in its own protocol and with nothing but the standard library.

Three fixed requests (ApiVersions v0, Metadata v1, FindCoordinator v0) on one connection; this is no client. The layouts
are those of the Kafka protocol guide, https://kafka.apache.org/protocol.
"""

from __future__ import annotations

import socket
import struct

_METADATA, _FIND_COORDINATOR, _API_VERSIONS = 3, 10, 18
_NO_ERROR = 0


class NotReady(Exception):
    """The broker answered, and said that it cannot serve yet."""


def _string(text: str) -> bytes:
    raw = text.encode()
    return struct.pack(">h", len(raw)) + raw


def _read(connection: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        chunk = connection.recv(count - len(data))
        if not chunk:
            raise ConnectionError(f"the broker closed the connection after {len(data)} of {count} bytes")
        data += chunk
    return data


def _ask(connection: socket.socket, api: int, version: int, body: bytes) -> bytes:
    request = struct.pack(">hhi", api, version, api) + _string("readiness") + body
    connection.sendall(struct.pack(">i", len(request)) + request)
    (size,) = struct.unpack(">i", _read(connection, 4))
    response = _read(connection, size)
    (correlation,) = struct.unpack_from(">i", response)
    if correlation != api:
        raise ConnectionError(f"the broker answered request {correlation}, not {api}")
    return response[4:]


def probe(host: str, port: int, timeout: float = 5.0) -> int:
    """Return how many brokers the cluster at ``host``:``port`` has, once it can serve clients and consumer groups.

    FindCoordinator is part of it because the first one creates the topic that keeps the groups' offsets: a test that
    comes later shall not wait for that. ``timeout`` is in seconds, for each exchange.

    Raises:
        NotReady: It answers, but no broker is registered or the group coordinator is not there yet.
        OSError: Nothing answers, or what answers does not speak Kafka's protocol.
    """
    try:
        with socket.create_connection((host, port), timeout) as connection:
            (error,) = struct.unpack_from(">h", _ask(connection, _API_VERSIONS, 0, b""))
            if error != _NO_ERROR:
                raise NotReady(f"ApiVersions: error {error}")
            (brokers,) = struct.unpack_from(">i", _ask(connection, _METADATA, 1, struct.pack(">i", 0)))
            if brokers < 1:
                raise NotReady("no broker is registered with the controller yet")
            (error,) = struct.unpack_from(">h", _ask(connection, _FIND_COORDINATOR, 0, _string("readiness")))
            if error != _NO_ERROR:
                raise NotReady(f"the group coordinator is not there yet: error {error}")
            return int(brokers)
    except struct.error as error_:
        raise ConnectionError(f"what answers at {host}:{port} does not speak Kafka's protocol: {error_}") from error_
