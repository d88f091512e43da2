"""Flask: the route and what became a 500; the span itself where no server made it, as under the test client."""

from __future__ import annotations

from flask import request
from werkzeug.exceptions import HTTPException

from autotrace.families.http import http_routes, wsgi
from autotrace.patching import Args, Instrumentor, Kwargs, Patch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def _view(args: Args, _kwargs: Kwargs) -> Any:
    rule = request.url_rule
    view = args[0].view_functions.get(rule.endpoint) if rule is not None else None
    return getattr(view, "view_class", view)


def _route(_args: Args, _kwargs: Kwargs) -> tuple[str, str] | None:
    rule = request.url_rule
    return (request.environ.get("SCRIPT_NAME", ""), rule.rule) if rule is not None else None


def _error(args: Args, kwargs: Kwargs) -> BaseException | None:
    error: BaseException = kwargs["e"] if "e" in kwargs else args[-1]
    return None if isinstance(error, HTTPException) else error


INSTRUMENTOR = Instrumentor(
    "flask",
    ">=2.1",
    (
        Patch("flask.app:Flask.__call__", wsgi.application(receiver=True)),
        Patch("flask.app:Flask.full_dispatch_request", http_routes.route(_route, _view)),
        Patch("flask.app:Flask.handle_user_exception", http_routes.exception(_error)),
        Patch("flask.app:Flask.handle_exception", http_routes.exception(_error)),
    ),
)
