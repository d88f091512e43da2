"""CherryPy: the route, the page handler and what became a 500; the span itself where no server made it.

A route is the path through the tree of the program's objects, with the names of parameters for what is left of the path.
``RoutesDispatcher`` does not say what it matched: its requests have no route.
"""

from __future__ import annotations

import sys

import cherrypy  # type: ignore[import-untyped]
from cherrypy._cpdispatch import RoutesDispatcher, punctuation_to_underscores  # type: ignore[import-untyped]

from autotrace.families.http import http_routes, wsgi
from autotrace.patching import Args, Instrumentor, Kwargs, Patch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def _route(args: Args, _kwargs: Kwargs) -> tuple[str, str] | None:
    handler, request = args[0], cherrypy.serving.request
    path = request.path_info
    if isinstance(request.app.find_config(path, "request.dispatch", request.dispatch), RoutesDispatcher):
        return None
    segments = [segment for segment in path.split("/") if segment]
    fixed = max(len(segments) - len(handler.args), 0)
    taken = {value: name for name, value in handler.kwargs.items() if isinstance(value, str)}
    node = request.app.root
    for at, segment in enumerate(segments[:fixed]):
        node = getattr(node, segment.translate(punctuation_to_underscores), None)
        if node is None and segment in taken:  # popargs, or a _cp_dispatch of the program's
            segments[at] = f"{{{taken[segment]}}}"
    segments[fixed:] = _parameters(handler.callable, len(handler.args))
    return request.app.script_name or "", "/" + "/".join(segments)


def _parameters(function: Any, count: int) -> list[str]:
    """Return the names of the first parameters of a function, as a route has them."""
    code = getattr(getattr(function, "__func__", function), "__code__", None)
    first = 1 if hasattr(function, "__self__") else 0
    names = code.co_varnames[first : code.co_argcount][:count] if code is not None else ()
    return [*(f"{{{name}}}" for name in names), *["{}"] * (count - len(names))]


def _view(args: Args, _kwargs: Kwargs) -> Any:
    return args[0].callable


def _error(_args: Args, _kwargs: Kwargs) -> BaseException | None:
    return sys.exc_info()[1]


INSTRUMENTOR = Instrumentor(
    "cherrypy",
    Patch("cherrypy._cptree:Tree.__call__", wsgi.application(receiver=True)),
    Patch("cherrypy._cptree:Application.__call__", wsgi.application(receiver=True)),
    Patch("cherrypy._cpdispatch:PageHandler.__call__", http_routes.route(_route, _view)),
    Patch("cherrypy._cprequest:Request.handle_error", http_routes.exception(_error)),
)
