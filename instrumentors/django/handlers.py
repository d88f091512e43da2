"""Django's handlers: the route, the view, what became a 500; the span itself where no server made it.

``_get_response`` and ``_get_response_async`` both resolve by ``resolve_request``, and both ask ``make_view_atomic`` for what
they call, right before they do; a middleware that answers before the view is none.
"""

from __future__ import annotations

from autotrace.instrumentors.django.routes import template

from autotrace.families.http import asgi, http_routes, wsgi
from autotrace.patching import Args, Instrumentor, Kwargs, Patch, argument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def _route(args: Args, kwargs: Kwargs, match: Any) -> tuple[str, str]:
    root = argument(args, kwargs, 1, "request").META.get("SCRIPT_NAME")
    return root or "", template(match.route)


def _view(args: Args, kwargs: Kwargs) -> Any:
    view = argument(args, kwargs, 1, "view")
    # ``View.as_view`` leaves its class on the function that it makes; Django REST framework's has another name for it.
    for name in ("view_class", "cls"):
        found = getattr(view, name, None)
        if isinstance(found, type):
            return found
    return view


def _from_middleware(args: Args, kwargs: Kwargs) -> BaseException:
    error: BaseException = argument(args, kwargs, 1, "exception")
    return error


def _uncaught(args: Args, kwargs: Kwargs) -> BaseException:
    error: BaseException = argument(args, kwargs, 2, "exc_info")[1]
    return error


INSTRUMENTOR = Instrumentor(
    "django",
    Patch("django.core.handlers.base:BaseHandler.resolve_request", http_routes.resolved(_route)),
    Patch("django.core.handlers.base:BaseHandler.make_view_atomic", http_routes.view(_view)),
    # An exception that a middleware answers counts where it answers with a server error.
    Patch(
        "django.core.handlers.base:BaseHandler.process_exception_by_middleware",
        http_routes.exception(_from_middleware),
    ),
    Patch("django.core.handlers.exception:handle_uncaught_exception", http_routes.exception(_uncaught)),
)

WSGI = Instrumentor(
    "django_wsgi", Patch("django.core.handlers.wsgi:WSGIHandler.__call__", wsgi.application(receiver=True))
)

ASGI = Instrumentor("django_asgi", Patch("django.core.handlers.asgi:ASGIHandler.__call__", asgi.application()))
