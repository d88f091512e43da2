"""FastAPI: routes of included routers, which have their full path only where they are included.

All else is Starlette's.
"""

from __future__ import annotations

from autotrace.families.http import http_routes
from autotrace.patching import Args, Instrumentor, Kwargs, Patch, argument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def _route(args: Args, kwargs: Kwargs) -> tuple[str, str] | None:
    route = args[0]
    scope = argument(args, kwargs, 1, "scope")
    included = scope.get("fastapi", {}).get("effective_route_context")
    if included is None or included.original_route is not route:
        return None  # it goes on to Starlette's, where it is noted
    methods = included.methods
    if methods and scope.get("method") not in methods:
        return None  # it answers "method not allowed"
    return scope.get("root_path", ""), included.path_format


def _view(args: Args, kwargs: Kwargs) -> Any:
    return args[0].endpoint if _route(args, kwargs) is not None else None


INSTRUMENTOR = Instrumentor("fastapi", Patch("fastapi.routing:APIRoute.handle", http_routes.route(_route, _view)))
