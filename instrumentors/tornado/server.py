"""Tornado's own server: one span from a request's head to the end of its response, whatever serves it."""

from __future__ import annotations

from autotrace.families.http import http_server, http_serving
from autotrace.patching import Args, Instrumentor, Kwargs, Patch, argument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from autotrace.families.http.http_server import Asked, Request


def _asked(args: Args, kwargs: Kwargs) -> Asked:
    # The signature is _can_keep_alive(self, start_line, headers): what a server asks of a head that it could read.
    headers = argument(args, kwargs, 2, "headers")
    return _request, (args[0], argument(args, kwargs, 1, "start_line"), headers), headers.get


def _request(connection: Any, line: Any, headers: Any) -> Request:
    context = connection.context
    address = getattr(context, "address", None)
    host = headers.get("Host")
    since = headers.get("X-Request-Start") or headers.get("X-Queue-Start")
    facts = (
        line.method,
        getattr(context, "protocol", "http"),
        line.path,
        None,
        host,
        _server(connection) if not host else None,
        address[0] if isinstance(address, tuple) and address else None,
        headers.get("X-Forwarded-For"),
        headers.get("User-Agent"),
        line.version[5:],
    )
    return http_server.waited(facts, since) if since else facts


def _server(connection: Any) -> tuple[str, int | None] | None:
    name = connection.stream.socket.getsockname()
    if isinstance(name, tuple):
        return name[0], name[1]
    return (name, None) if name and isinstance(name, str) else None


def _state(connection: Any) -> tuple[int | None, bool, bool]:
    """Return where a connection stands; see ``http_serving.StateOf``."""
    line = connection._response_start_line  # noqa: SLF001
    status = line.code if line is not None else None
    stream = connection.stream
    if stream is None:
        return status, False, True
    return status, stream.closed() and not connection._write_finished, False  # noqa: SLF001


def _is_piece(args: Args, kwargs: Kwargs) -> bool:
    return bool(argument(args, kwargs, 1, "chunk"))


INSTRUMENTOR = Instrumentor(
    "tornado_server",
    Patch("tornado.http1connection:HTTP1Connection._can_keep_alive", http_serving.received(_asked)),
    Patch("tornado.http1connection:HTTP1Connection._read_message", http_serving.reading(_state)),
    Patch("tornado.http1connection:HTTP1Connection._on_connection_close", http_serving.disconnected()),
    Patch("tornado.http1connection:HTTP1Connection._format_chunk", http_serving.piece_sent(_is_piece)),
)
