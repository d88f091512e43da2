"""Django's test clients: each request is a span, which ends when the response has been read where that is a stream."""

from __future__ import annotations

from autotrace.families.http import asgi, http_streams, wsgi
from autotrace.patching import Args, Instrumentor, Kwargs, Patch, argument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def _environ(args: Args, kwargs: Kwargs) -> Any:
    return argument(args, kwargs, 1, "environ")


def _scope(args: Args, kwargs: Kwargs) -> Any:
    return argument(args, kwargs, 1, "scope")


def _status(response: Any) -> int:
    status: int = response.status_code
    return status


INSTRUMENTOR = Instrumentor(
    "django_test_client",
    Patch("django.test.client:ClientHandler.__call__", wsgi.handler(_environ, _status)),
    Patch("django.test.client:AsyncClientHandler.__call__", asgi.handler(_scope, _status)),
    Patch("django.test.client:closing_iterator_wrapper", http_streams.stream()),
    Patch("django.test.client:aclosing_iterator_wrapper", http_streams.async_stream(), optional=True),
)
