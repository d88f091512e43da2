"""aiohttp server: the whole of handling a request and sending its response, websockets and streams included."""

from __future__ import annotations

import sys

from aiohttp import WSMsgType

from autotrace.families.http import http_handlers, http_routes, http_server
from autotrace.patching import Args, Instrumentor, Kwargs, Patch, argument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from autotrace.families.http.http_server import Asked, Request


def _asked(args: Args, kwargs: Kwargs) -> Asked | None:
    request = argument(args, kwargs, 1, "request")
    if request.method == "UNKNOWN":
        return None  # it could not be parsed, and no application will see it
    headers = request.headers

    def get(name: str) -> str | None:
        values = headers.getall(name, None)
        return ",".join(values) if values else None

    return _request, (request,), get


def _request(request: Any) -> Request:
    headers = request.headers
    transport = request.transport
    version = request.version
    since = headers.get("X-Request-Start") or headers.get("X-Queue-Start")
    facts = (
        request.method,
        request.scheme,
        request.raw_path,
        None,
        headers.get("Host"),
        _address(transport.get_extra_info("sockname")) if transport is not None else None,
        request.remote,
        headers.get("X-Forwarded-For"),
        headers.get("User-Agent"),
        f"{version.major}.{version.minor}",
    )
    return http_server.waited(facts, since) if since else facts


def _address(name: Any) -> tuple[str, int | None] | None:
    if isinstance(name, tuple):
        return name[0], name[1]
    return (name, None) if name and isinstance(name, str) else None


def _outcome(args: Args, kwargs: Kwargs, result: Any) -> tuple[int | None, str | None, Any]:
    request = argument(args, kwargs, 1, "request")
    if result is None and request.transport is None:
        http_server.disconnected()  # old versions cancel the handler then
    match = getattr(request, "_match_info", None)
    resource = match.route.resource if match is not None else None
    route = resource.canonical if resource is not None else None
    view = match.handler if match is not None and resource is not None else None
    return (result[0].status if result is not None else None), route, view


def _error(args: Args, kwargs: Kwargs) -> BaseException | None:
    error = argument(args, kwargs, 3, "exc") or sys.exc_info()[1]
    transport = argument(args, kwargs, 1, "request").transport
    if isinstance(error, ConnectionError) and (transport is None or transport.is_closing()):
        http_server.disconnected()
        return None  # the client has gone
    return error


def _is_message(message: Any) -> bool:
    return message.type in (WSMsgType.TEXT, WSMsgType.BINARY)


_sending = http_server.message_sent()

INSTRUMENTOR = Instrumentor(
    "aiohttp_server",
    Patch("aiohttp.web_protocol:RequestHandler._handle_request", http_handlers.handler(_asked, _outcome)),
    Patch("aiohttp.web_protocol:RequestHandler.handle_error", http_routes.exception(_error)),
    Patch("aiohttp.web_response:StreamResponse.write", http_server.piece_sent()),
    Patch("aiohttp.web_ws:WebSocketResponse.send_str", _sending),
    Patch("aiohttp.web_ws:WebSocketResponse.send_bytes", _sending),
    Patch("aiohttp.web_ws:WebSocketResponse.receive", http_server.message_received(_is_message)),
)
