"""Tornado's applications: the route, the handler's method, and the exception that became a response.

The patterns of routes are regular expressions; what is told are templates.
"""

from __future__ import annotations

import re
from functools import lru_cache

from tornado.iostream import StreamClosedError
from tornado.web import Finish, HTTPError, RequestHandler

from autotrace.families.http import http_routes, http_serving
from autotrace.patching import Args, Instrumentor, Kwargs, Patch, argument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_ERROR = 500
_SWITCHED = 101
_NAME = re.compile(r"\(\?P<(\w+)>")
_WORDS = re.compile(r"(?:[^\\.*+?{}|()\[\]^$]|\\[^\w\s])*")  # nothing but text, some of it escaped
_QUANTIFIER = re.compile(r"(?:[*+?]|\{\d*,?\d*\})[?+]?")
_ESCAPED = re.compile(r"\\([^\w\s])")


def _connection(args: Args, _kwargs: Kwargs) -> Any:
    return args[0].request.connection


def _view(args: Args, _kwargs: Kwargs) -> tuple[str, str] | None:
    kind, method = type(args[0]), args[0].request.method
    name = method.lower() if method in args[0].SUPPORTED_METHODS else ""
    function = getattr(kind, name, None)
    if function is None or function is getattr(RequestHandler, name, None):
        return None  # it answers "method not allowed"
    return kind.__module__, f"{kind.__qualname__}.{name}"


def _error(args: Args, kwargs: Kwargs) -> tuple[BaseException | None, bool]:
    # The signature is _handle_request_exception(self, e).
    handler, error = args[0], argument(args, kwargs, 1, "e")
    if isinstance(error, Finish) or (isinstance(error, HTTPError) and error.status_code < _ERROR):
        return None, False
    stream = handler.request.connection.stream
    if isinstance(error, StreamClosedError) and (stream is None or stream.closed()):
        return None, False  # the client has gone
    switched = handler.get_status() == _SWITCHED
    if handler._finished and not switched:  # noqa: SLF001
        return None, False  # the client has its answer
    return error, handler._headers_written  # noqa: SLF001


def _matched(args: Args, _kwargs: Kwargs, result: Any) -> str | None:
    return template(args[0].regex.pattern) if result is not None else None


def _found(_args: Args, _kwargs: Kwargs, result: Any) -> str | None:
    return "" if result is None else None


@lru_cache(1024)
def template(pattern: str) -> str:
    r"""Return a pattern with a name in the place of each group: ``/orders/(?P<id>\d+)/?$`` is ``/orders/{id}``.

    A group without a name is ``{}``, and one in which nothing can vary is its text.  What varies outside of groups stays as
    it is written, but for a slash that may be at the end.
    """
    text = pattern.removeprefix("^")
    text = text[:-1] if text.endswith("$") and not text.endswith("\\$") else text
    text = text.removesuffix("/?") or "/"
    made, at = "", 0
    while at < len(text):
        if text[at] == "\\" or (text[at] == "(" and text.startswith("(?", at) and not _NAME.match(text, at)):
            made += text[at : at + 2]
            at += 2
        elif text[at] == "(":
            end = _end(text, at)
            made += _group(text, at, end)
            at = end
            quantifier = _QUANTIFIER.match(text, at)
            at = quantifier.end() if quantifier else at
        else:
            made += text[at]
            at += 1
    return _ESCAPED.sub(r"\1", made)


def _group(text: str, start: int, end: int) -> str:
    named = _NAME.match(text, start)
    inner = text[named.end() if named else start + 1 : end - 1]
    if _WORDS.fullmatch(inner):
        return inner
    return f"{{{named[1] if named else ''}}}"


def _end(text: str, at: int) -> int:
    """Return where the group ends that begins at a place."""
    depth, within = 0, False  # a set of characters
    while at < len(text):
        sign = text[at]
        if sign == "\\":
            at += 1
        elif within:
            within = sign != "]"
        elif sign == "[":
            within = True
        elif sign in "()":
            depth += 1 if sign == "(" else -1
            if depth == 0:
                return at + 1
        at += 1
    return at


INSTRUMENTOR = Instrumentor(
    "tornado_web",
    Patch("tornado.web:RequestHandler._execute", http_serving.handling(_connection, _view)),
    Patch("tornado.web:RequestHandler._handle_request_exception", http_serving.exception(_connection, _error)),
    Patch("tornado.routing:PathMatches.match", http_routes.found(_matched)),
    Patch("tornado.routing:RuleRouter.find_handler", http_routes.found(_found)),
)
