"""Litestar: the route, the handler and what became a 500; the span itself where no server made it.

A middleware that answers does so before there is a route.  Litestar's own OpenTelemetry plugin is off unless the program
sets it up; its spans then are beneath this one.
"""

from __future__ import annotations

from litestar.exceptions import HTTPException, WebSocketException

try:
    from litestar.middleware._internal.exceptions import middleware
except ImportError:  # before 2.9
    from litestar.middleware.exceptions import middleware  # type: ignore[attr-defined]

from autotrace.families.http import asgi, http_routes
from autotrace.patching import Args, Instrumentor, Kwargs, Patch, argument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from autotrace.patching import Call

_FAULT = 500  # the status of exceptions that nobody means as an answer, such as a wrong configuration
_EXCEPTIONS = f"{middleware.__name__}:ExceptionHandlerMiddleware"


def _route(args: Args, kwargs: Kwargs) -> tuple[str, str] | None:
    if _is_mount(args):
        return None
    return argument(args, kwargs, 1, "scope").get("root_path", ""), args[0].path_format


def _view(args: Args, kwargs: Kwargs) -> Any:
    function = argument(args, kwargs, 1, "scope")["route_handler"].fn
    function = getattr(function, "value", function)  # the oldest versions keep it in a box
    function = getattr(function, "func", function)  # a sync one that runs in a thread
    return None if (getattr(function, "__module__", None) or "").partition(".")[0] == "litestar" else function


def _is_mount(args: Args) -> bool:
    handler = getattr(args[0], "route_handler", None)
    return bool(getattr(handler, "is_mount", False) or getattr(handler, "is_static", False))


def _mount(args: Args, kwargs: Kwargs) -> tuple[str, str, str] | None:
    if not _is_mount(args):
        return None
    root = argument(args, kwargs, 1, "scope").get("root_path", "")
    return root, root, args[0].path_format.rstrip("/")


def _route_or_mount(original: Call, scope: str) -> Call:
    return http_routes.mount(_mount)(http_routes.route(_route)(original, scope), scope)


def _error(args: Args, kwargs: Kwargs) -> BaseException | None:
    error: BaseException = kwargs["exc"] if "exc" in kwargs else args[-1]
    answers = isinstance(error, WebSocketException) or (
        isinstance(error, HTTPException) and error.status_code != _FAULT
    )
    return None if answers else error


INSTRUMENTOR = Instrumentor(
    "litestar",
    Patch("litestar.app:Litestar.__call__", asgi.application()),
    Patch("litestar.routes.http:HTTPRoute.handle", http_routes.route(_route, _view)),
    Patch("litestar.routes.websocket:WebSocketRoute.handle", http_routes.route(_route, _view)),
    Patch("litestar.routes.asgi:ASGIRoute.handle", _route_or_mount),
    Patch(f"{_EXCEPTIONS}.handle_request_exception", http_routes.exception(_error)),
    Patch(f"{_EXCEPTIONS}.handle_websocket_exception", http_routes.exception(_error, unhandled=True)),
)
