"""django-ninja: the function of an operation is the view, and the exception that its handlers turned into a server error.

All else is Django's.
"""

from __future__ import annotations

from ninja.errors import HttpError

from autotrace.families.http import http_routes
from autotrace.patching import Args, Instrumentor, Kwargs, Patch, argument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def _view(args: Args, _kwargs: Kwargs) -> Any:
    return args[0].view_func


def _error(args: Args, kwargs: Kwargs) -> BaseException | None:
    error: BaseException = argument(args, kwargs, 2, "exc")
    return None if isinstance(error, HttpError) else error


_viewed = http_routes.view(_view)

INSTRUMENTOR = Instrumentor(
    "ninja",
    Patch("ninja.operation:Operation.run", _viewed),
    Patch("ninja.operation:AsyncOperation.run", _viewed),
    Patch("ninja.main:NinjaAPI.on_exception", http_routes.exception(_error)),
)
