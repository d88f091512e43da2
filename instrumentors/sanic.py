"""Sanic: its own server, and as an ASGI application; the route, the handler, and the exception that became a response.

When its server starts, Sanic compiles ``handle_request`` and others anew from their source and puts the result in their
place, so what is patched here is what calls them and what they call.

Not handled: HTTP/3.
"""

from __future__ import annotations

from sanic.exceptions import SanicException
from sanic.http import Stage
from sanic.request import Request as SanicRequest

from autotrace.families.http import asgi, http_handlers, http_routes, http_server
from autotrace.patching import Args, Instrumentor, Kwargs, Patch, argument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from autotrace.families.http.http_server import Asked, Request
    from autotrace.patching import Call

_ERROR = 500
_SWITCHED = 101


def _asked(args: Args, _kwargs: Kwargs) -> Asked:
    request = _served(args)
    headers = request.headers

    def get(name: str) -> str | None:
        values = headers.getall(name, None)
        return ",".join(values) if values else None

    return _request, (request,), get


def _served(args: Args) -> Any:
    """Return the request, which the own server's handler is given, and the ASGI application has."""
    return args[0] if isinstance(args[0], SanicRequest) else args[0].request


def _request(request: Any) -> Request:
    headers, connection = request.headers, request.conn_info
    since = headers.get("x-request-start") or headers.get("x-queue-start")
    facts = (
        request.method,
        "https" if connection.ssl else "http",
        request.raw_url.decode("latin-1"),
        None,
        headers.get("host"),
        (connection.server, connection.server_port or None) if connection.server else None,
        connection.client_ip or None,
        headers.get("x-forwarded-for"),
        headers.get("user-agent"),
        request.version,
    )
    return http_server.waited(facts, since) if since else facts


def _outcome(args: Args, _kwargs: Kwargs, _result: Any) -> tuple[int | None, str | None, Any]:
    request = _served(args)
    stream, route = request.stream, request.route
    found = (str(route.uri), _answering(request)) if route is not None else (None, None)
    socket = getattr(getattr(stream, "protocol", None), "websocket", None)
    received = socket.ws_proto.close_rcvd if socket is not None else None
    if received is not None:
        http_server.closed(received.code)
    if socket is not None or getattr(stream, "ws", None) is not None:
        return (_SWITCHED, *found)
    if request.conn_info.lost:
        http_server.disconnected()
    response = stream.response
    return (response.status if response is not None else None, *found)


def _answering(request: Any) -> Any:
    handler = request.route.handler
    if _is_socket(handler):
        return handler.args[0]  # a partial of a method of Sanic's
    kind = getattr(handler, "view_class", None)
    return getattr(kind, request.method.lower(), kind) if kind is not None else handler


def _route(args: Args, kwargs: Kwargs) -> tuple[str, str] | None:
    request = _request_of(args, kwargs)
    return ("", str(request.route.uri)) if request.route is not None else None


def _view(args: Args, kwargs: Kwargs) -> Any:
    request = _request_of(args, kwargs)
    return _answering(request) if request.route is not None else None


def _request_of(args: Args, kwargs: Kwargs) -> Any:
    # The signatures are respond(self, ...) and _websocket_handler(self, handler, request, ...).
    return args[0] if isinstance(args[0], SanicRequest) else argument(args, kwargs, 2, "request")


def _is_socket(handler: Any) -> bool:
    return hasattr(handler, "is_websocket")


def _error(args: Args, kwargs: Kwargs) -> BaseException | None:
    # The signature is lookup(self, exception, route_name).
    error: BaseException = argument(args, kwargs, 1, "exception")
    return None if isinstance(error, SanicException) and error.status_code < _ERROR else error


def _is_late(_args: Args, _kwargs: Kwargs) -> bool:
    request = SanicRequest._current.get(None)  # noqa: SLF001  # old versions have none in ASGI mode
    stream = request.stream if request is not None else None
    return stream is not None and stream.stage is not Stage.HANDLER


def _socket_error(args: Args, kwargs: Kwargs) -> BaseException | None:
    # The signature is log(request, exception); what any other handler raised is looked up.
    route = argument(args, kwargs, 0, "request").route
    error: BaseException = argument(args, kwargs, 1, "exception")
    return error if route is not None and _is_socket(route.handler) else None


def _has_data(args: Args, kwargs: Kwargs) -> bool:
    return bool(argument(args, kwargs, 1, "data"))


def _responding(original: Call, scope: str) -> Call:
    # In ASGI mode old versions forget a response as soon as it has begun.
    return _noting(http_server.responded(lambda response: response.status)(original, scope), scope)


_noting = http_routes.route(_route, _view)

INSTRUMENTOR = Instrumentor(
    "sanic",
    Patch("sanic.app:Sanic.__call__", asgi.application()),
    # Sanic's test client has a __call__ of its own.
    Patch("sanic.asgi:ASGIApp.__call__", http_handlers.handler(_asked, _outcome, outermost=False)),
    Patch(
        "sanic.server.protocols.http_protocol:HttpProtocol.__init__",
        http_handlers.kept("request_handler", _asked, _outcome),
    ),
    Patch("sanic.request:Request.respond", _responding),
    Patch("sanic.app:Sanic._websocket_handler", _noting),
    Patch("sanic.handlers:ErrorHandler.lookup", http_routes.exception(_error, _is_late)),
    Patch("sanic.handlers:ErrorHandler.log", http_routes.exception(_socket_error, lambda _args, _kwargs: True)),
    Patch("sanic.response.types:BaseHTTPResponse.send", http_server.piece_sent(_has_data)),
    Patch("sanic.server.websockets.impl:WebsocketImplProtocol.send", http_server.message_sent()),
    Patch(
        "sanic.server.websockets.impl:WebsocketImplProtocol.recv",
        http_server.message_received(lambda message: message is not None),
    ),
)
