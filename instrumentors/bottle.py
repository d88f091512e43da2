"""Bottle: the route, the callback and what became a 500; the span itself where no server made it."""

from __future__ import annotations

from autotrace.families.http import http_routes, wsgi
from autotrace.patching import Args, Instrumentor, Kwargs, Patch, argument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def _route(args: Args, _kwargs: Kwargs, result: Any) -> tuple[str, str]:
    return args[1].get("SCRIPT_NAME", ""), result[0].rule


def _view(_args: Args, _kwargs: Kwargs, result: Any) -> Any:
    route = result[0]
    return None if "mountpoint.target" in route.config else route.callback


def _error(args: Args, kwargs: Kwargs) -> BaseException | None:
    error: BaseException | None = argument(args, kwargs, 3, "exception")
    return error


INSTRUMENTOR = Instrumentor(
    "bottle",
    Patch("bottle:Bottle.__call__", wsgi.application(receiver=True)),
    Patch("bottle:Router.match", http_routes.resolved(_route, _view)),
    Patch("bottle:HTTPError.__init__", http_routes.exception(_error)),
)
