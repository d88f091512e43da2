"""What the workloads ask: an HTTP server, and two that speak as much of Redis' and memcached's protocols as a GET needs.

They answer from memory with as little work as possible, in a process of their own whose CPU time nobody counts.
"""

from __future__ import annotations

import asyncio
import sys

_HTTP = (
    b"HTTP/1.1 200 OK\r\nServer: origin\r\nContent-Type: text/plain; charset=utf-8\r\n"
    b"Content-Length: 10\r\nConnection: keep-alive\r\n\r\nmargherita"
)
_REDIS = {b"GET": b"$10\r\nmargherita\r\n"}


class Http(asyncio.Protocol):
    """Answers every GET alike; bodies are not expected."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._left = b""

    def data_received(self, data: bytes) -> None:
        *whole, self._left = (self._left + data).split(b"\r\n\r\n")
        if whole:
            self._transport.write(_HTTP * len(whole))


class Redis(asyncio.Protocol):
    """Answers arrays of bulk strings by their first word."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._left = b""

    def data_received(self, data: bytes) -> None:
        lines = (self._left + data).split(b"\r\n")
        answers = []
        while lines and lines[0].startswith(b"*"):
            size = 1 + 2 * int(lines[0][1:])
            if len(lines) <= size:  # the last item is what follows the last line's end
                break
            answers.append(_REDIS.get(lines[2].upper(), b"+OK\r\n"))
            del lines[:size]
        self._left = b"\r\n".join(lines)
        self._transport.write(b"".join(answers))


class Memcached(asyncio.Protocol):
    """Answers every GET of one key alike."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._left = b""

    def data_received(self, data: bytes) -> None:
        *whole, self._left = (self._left + data).split(b"\r\n")
        self._transport.write(b"".join(b"VALUE %s 0 10\r\nmargherita\r\nEND\r\n" % line.split()[1] for line in whole))


async def _main() -> None:
    loop = asyncio.get_running_loop()
    ports = []
    for protocol in (Http, Redis, Memcached):
        server = await loop.create_server(protocol, "127.0.0.1", 0)
        ports.append(server.sockets[0].getsockname()[1])
    print("ready", *ports, flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


asyncio.run(_main())
