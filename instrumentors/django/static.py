"""Django's own serving of static files, as under ``runserver``: all of them have one route and one view."""

from __future__ import annotations

from django.contrib.staticfiles.views import serve  # type: ignore[import-untyped]

from autotrace.families.http import http_routes
from autotrace.patching import Args, Instrumentor, Kwargs, Patch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def _route(args: Args, _kwargs: Kwargs) -> tuple[str, str]:
    return "", f"{args[0].base_url.path}<path>"


def _view(_args: Args, _kwargs: Kwargs) -> Any:
    return serve


INSTRUMENTOR = Instrumentor(
    "django_static",
    Patch("django.contrib.staticfiles.handlers:StaticFilesHandlerMixin.serve", http_routes.route(_route)),
    Patch("django.contrib.staticfiles.handlers:serve", http_routes.view(_view)),
)
