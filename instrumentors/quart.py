"""Quart: the route, the view and what became a 500, also of websockets; the span itself where no server made it."""

from __future__ import annotations

from quart import request, websocket
from werkzeug.exceptions import HTTPException

from autotrace.families.http import asgi, http_routes
from autotrace.patching import Args, Instrumentor, Kwargs, Patch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from autotrace.patching import Wrap


def _found(current: Any) -> Wrap:
    """Note route and view of what is current: a request or a websocket."""

    def route(_args: Args, _kwargs: Kwargs) -> tuple[str, str] | None:
        rule = current.url_rule
        return (current.scope.get("root_path", ""), rule.rule) if rule is not None else None

    def view(args: Args, _kwargs: Kwargs) -> Any:
        rule = current.url_rule
        found = args[0].view_functions.get(rule.endpoint) if rule is not None else None
        return getattr(found, "view_class", found)

    return http_routes.route(route, view)


def _error(args: Args, kwargs: Kwargs) -> BaseException | None:
    error: BaseException = kwargs["error"] if "error" in kwargs else args[-1]
    return None if isinstance(error, HTTPException) else error


INSTRUMENTOR = Instrumentor(
    "quart",
    ">=0.18",
    (
        Patch("quart.app:Quart.__call__", asgi.application()),
        Patch("quart.app:Quart.full_dispatch_request", _found(request)),
        Patch("quart.app:Quart.full_dispatch_websocket", _found(websocket)),
        Patch("quart.app:Quart.handle_user_exception", http_routes.exception(_error)),
        Patch("quart.app:Quart.handle_exception", http_routes.exception(_error)),
        Patch("quart.app:Quart.handle_websocket_exception", http_routes.exception(_error, unhandled=True)),
    ),
)
