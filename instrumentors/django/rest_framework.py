"""Django REST framework: the exception that its views turned into a response that is a server error.

All else is Django's.
"""

from __future__ import annotations

from rest_framework.exceptions import APIException  # type: ignore[import-untyped]

from autotrace.families.http import http_routes
from autotrace.patching import Args, Instrumentor, Kwargs, Patch, argument


def _error(args: Args, kwargs: Kwargs) -> BaseException | None:
    error: BaseException = argument(args, kwargs, 1, "exc")
    return None if isinstance(error, APIException) else error


INSTRUMENTOR = Instrumentor(
    "rest_framework", Patch("rest_framework.views:APIView.handle_exception", http_routes.exception(_error))
)
