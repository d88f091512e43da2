"""Starlette: the routes, through mounts; the span itself where no server made it, as under the test client."""

from __future__ import annotations

from autotrace.families.http import asgi, http_routes
from autotrace.patching import Args, Instrumentor, Kwargs, Patch, argument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_REST = "/{path}"  # what a mount's own path format ends with


def _route(args: Args, kwargs: Kwargs) -> tuple[str, str] | None:
    route = args[0]
    scope = argument(args, kwargs, 1, "scope")
    methods = getattr(route, "methods", None)
    if methods and scope.get("method") not in methods:
        return None  # it answers "method not allowed"
    return scope.get("root_path", ""), route.path_format


def _view(args: Args, _kwargs: Kwargs) -> Any:
    return args[0].endpoint


def _mount(args: Args, kwargs: Kwargs) -> tuple[str, str, str]:
    scope = argument(args, kwargs, 1, "scope")
    root = scope.get("root_path", "")
    return scope.get("app_root_path", ""), root, args[0].path_format[: -len(_REST)]


INSTRUMENTOR = Instrumentor(
    "starlette",
    Patch("starlette.applications:Starlette.__call__", asgi.application()),
    Patch("starlette.routing:Route.handle", http_routes.route(_route, _view)),
    Patch("starlette.routing:WebSocketRoute.handle", http_routes.route(_route, _view)),
    Patch("starlette.routing:Mount.handle", http_routes.mount(_mount)),
)
