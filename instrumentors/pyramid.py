"""Pyramid: the pattern of the route, the view and what became a 500; the span itself where no server made it.

A view that traversal finds has no route.  A subrequest is part of the request that makes it, whose route and view stay.
"""

from __future__ import annotations

import sys
from functools import update_wrapper

from pyramid.httpexceptions import HTTPException  # type: ignore[import-untyped]
from pyramid.threadlocal import manager  # type: ignore[import-untyped]

from autotrace.families.http import http_routes, wsgi
from autotrace.patching import Args, Instrumentor, Kwargs, Patch, argument
from autotrace.patching.wrapping import after

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def _is_sub(request: Any) -> bool:
    """Tell whether a view of the same application made a request."""
    outer = [each for each in manager.stack[:-1] if each["request"] not in (None, request)]
    return any(each["registry"] is request.registry for each in outer)


def _route(args: Args, _kwargs: Kwargs, result: Any) -> tuple[str, str] | None:
    route = result["route"]
    if route is None or _is_sub(args[1]):
        return None
    return args[1].script_name, "/" + route.pattern.lstrip("/")


def _noted(args: Args, kwargs: Kwargs, result: Any) -> Any:
    """Return what calls a view, such that it notes the view; not where it answers an exception of another one."""
    view, info = args[0], argument(args, kwargs, 1, "info")
    name = info.options.get("attr")
    view = getattr(view, name, view) if name else view

    def called(args: Args, _kwargs: Kwargs) -> Any:
        return None if isinstance(args[0], Exception) or _is_sub(args[1]) else view

    return update_wrapper(http_routes.view(called)(result, "pyramid"), result)


def _error(args: Args, kwargs: Kwargs) -> BaseException | None:
    error = (argument(args, kwargs, 1, "exc_info") or sys.exc_info())[1]
    return None if isinstance(error, HTTPException) else error


INSTRUMENTOR = Instrumentor(
    "pyramid",
    Patch("pyramid.router:Router.__call__", wsgi.application(receiver=True)),
    Patch("pyramid.urldispatch:RoutesMapper.__call__", http_routes.resolved(_route)),
    Patch("pyramid.viewderivers:mapped_view", after(_noted)),
    # Called by a tween, by the program's own, and in 1.10 for what the tweens themselves raise.
    Patch("pyramid.view:ViewMethodsMixin.invoke_exception_view", http_routes.exception(_error)),
)
