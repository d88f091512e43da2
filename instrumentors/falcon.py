"""Falcon: the template of the route, the responder and what became a 500; the span itself where no server made it.

What Falcon itself answers has no view: to a method that a resource has not, which has no route either, and for files.
"""

from __future__ import annotations

from falcon.http_error import HTTPError
from falcon.http_status import HTTPStatus

from autotrace.families.http import asgi, http_routes, wsgi
from autotrace.patching import Args, Instrumentor, Kwargs, Patch, argument
from autotrace.patching.wrapping import with_signature

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def _route(args: Args, kwargs: Kwargs, result: Any) -> tuple[str, str] | None:
    responder, _, _, template = result
    if not template:
        prefix = getattr(responder, "_prefix", None)  # of a directory of files
        template = f"{prefix.rstrip('/')}/{{path}}" if isinstance(prefix, str) else None
    elif _view(args, kwargs, result) is None:
        template = None
    return (getattr(args[1], "root_path", "") or "", template) if template else None


def _view(_args: Args, _kwargs: Kwargs, result: Any) -> Any:
    responder = result[0]
    home = getattr(responder, "__module__", None) or type(responder).__module__
    return None if home.startswith("falcon.") else responder


def _error(args: Args, kwargs: Kwargs) -> BaseException | None:
    error: BaseException = argument(args, kwargs, 3, "ex")
    return None if isinstance(error, (HTTPError, HTTPStatus)) else error


def _of_websocket(args: Args, kwargs: Kwargs) -> BaseException | None:
    return None if argument(args, kwargs, 2, "resp") is not None else argument(args, kwargs, 3, "error")


INSTRUMENTOR = Instrumentor(
    "falcon",
    # Its test client tells WSGI from ASGI by the number of arguments.
    Patch("falcon.app:App.__call__", with_signature(wsgi.application(receiver=True))),
    Patch("falcon.app:App._get_responder", http_routes.resolved(_route, _view)),
    Patch("falcon.app:App._handle_exception", http_routes.exception(_error)),
)

ASGI = Instrumentor(
    "falcon",
    Patch("falcon.asgi.app:App.__call__", asgi.application()),
    Patch("falcon.asgi.app:App._handle_exception", http_routes.exception(_error)),
    Patch("falcon.asgi.app:App._python_error_handler", http_routes.exception(_of_websocket, unhandled=True)),
)
