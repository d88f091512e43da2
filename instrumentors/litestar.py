"""Litestar: the route, the handler and what became a 500, also of websockets; the span itself where no server made it."""

from __future__ import annotations

from litestar.exceptions import HTTPException

from autotrace.families.http import asgi, http_routes
from autotrace.patching import Args, Instrumentor, Kwargs, Patch, argument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def _route(args: Args, kwargs: Kwargs) -> tuple[str, str]:
    return argument(args, kwargs, 1, "scope").get("root_path", ""), args[0].path_format


def _view(args: Args, kwargs: Kwargs) -> Any:
    scope = argument(args, kwargs, 1, "scope")
    function = scope["route_handler"].fn
    return getattr(function, "value", function)  # before 2.3 they were in a box


def _error(args: Args, kwargs: Kwargs) -> BaseException | None:
    error: BaseException = argument(args, kwargs, 5, "exc")
    return None if isinstance(error, HTTPException) else error


_VERSIONS = ">=2,<3"
_handle = http_routes.route(_route, _view)


def _exceptions(module: str) -> Instrumentor:
    target = f"{module}:ExceptionHandlerMiddleware.handle_request_exception"
    return Instrumentor("litestar", _VERSIONS, (Patch(target, http_routes.exception(_error), optional=True),))


INSTRUMENTOR = Instrumentor(
    "litestar",
    _VERSIONS,
    (
        Patch("litestar.app:Litestar.__call__", asgi.application()),
        Patch("litestar.routes.http:HTTPRoute.handle", _handle),
        Patch("litestar.routes.websocket:WebSocketRoute.handle", _handle),
        Patch("litestar.routes.asgi:ASGIRoute.handle", _handle),
    ),
)
# Where the oldest versions have it, the newest have another name for it.
EXCEPTIONS = _exceptions("litestar.middleware._internal.exceptions.middleware")
EXCEPTIONS_BEFORE = _exceptions("litestar.middleware.exceptions.middleware")
