"""Tornado's clients: one span per attempt, which is a hop of a redirect where Tornado itself follows it.

The context goes into copies: what Tornado adds to a request's headers the program sees on its own ``HTTPRequest``.
libcurl follows redirects on its own: there all hops are one span.

Not handled: subclasses of ``AsyncHTTPClient`` that are neither of Tornado's two.
"""

from __future__ import annotations

from copy import copy

from tornado import httputil

from autotrace.families.http import http_callbacks, http_client
from autotrace.patching import Instrumentor, Patch, argument, with_argument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from autotrace.families.calls import Prepared
    from autotrace.patching import Args, Kwargs
    from autotrace.trace.span import Facts

_NAME = "tornado_client"
_CONTINUE = 100
_GAVE_UP = 599  # Tornado's own, where there is no answer


class _Headers(httputil.HTTPHeaders):
    """A copy of a request's headers.

    PERF: Tornado's own way to make one looks through every line, though the request is not sent before that is done again.
    """

    @classmethod
    def of(cls, headers: Any) -> _Headers:
        """Return a copy; nobody writes to the lists of lines that the two have in common."""
        if type(headers) is not httputil.HTTPHeaders:
            return cls(headers)
        made = cls.__new__(cls)
        vars(made).update([(name, copy(kept) if type(kept) is dict else kept) for name, kept in vars(headers).items()])
        return made

    def getall(self, name: str, default: Any = None) -> Any:
        return self.get_list(name) or default


def _request(args: Args, kwargs: Kwargs) -> Prepared:
    # The signature is fetch_impl(self, request, callback).
    return _facts(argument(args, kwargs, 1, "request"), args)


def _connecting(args: Args, kwargs: Kwargs) -> Prepared:
    # The signature is __init__(self, client, request, release_callback, final_callback, ...).
    return _facts(argument(args, kwargs, 2, "request"), args)


def _facts(request: Any, args: Args) -> Prepared:
    return (request.method, request.url, 0), request, args


def _redirected(args: Args, kwargs: Kwargs) -> bool:
    # The signature is fetch(self, request, raise_error, **kwargs).
    return hasattr(argument(args, kwargs, 1, "request"), "original_request")


def _answer(response: Any) -> tuple[Facts | None, BaseException | None]:
    if response.code == _GAVE_UP and response.error is not None:
        return None, response.error
    return (response.code, None), None


def _outcome(line: Any) -> Facts | None:
    if line.code == _CONTINUE:
        return None
    return line.code, http_client.VERSIONS.get(int(line.version[5:].replace(".", "") or 0))


def _written(args: Args, kwargs: Kwargs) -> tuple[Any, Args] | None:
    # The signature is write_headers(self, start_line, headers, chunk).
    if not args[0].is_client:
        return None
    headers = _Headers.of(argument(args, kwargs, 2, "headers"))
    return headers, with_argument(args, kwargs, 2, "headers", headers)


def _kept(args: Args, kwargs: Kwargs) -> Any:
    # The signature is _curl_setup_request(self, curl, request, buffer, headers).
    return argument(args, kwargs, 2, "request")


def _copied(args: Args, kwargs: Kwargs) -> tuple[Any, Args]:
    given = argument(args, kwargs, 2, "request")
    request = copy(given.request)
    request.headers = headers = _Headers.of(request.headers)
    return headers, with_argument(args, kwargs, 2, "request", type(given)(request, given.defaults))


INSTRUMENTOR = Instrumentor(
    _NAME, Patch("tornado.httpclient:AsyncHTTPClient.fetch", http_callbacks.called(_redirected))
)

SIMPLE = Instrumentor(
    _NAME,
    Patch(
        "tornado.simple_httpclient:SimpleAsyncHTTPClient.fetch_impl",
        http_callbacks.asked(_request, (2, "callback"), _answer),
    ),
    Patch(
        "tornado.simple_httpclient:_HTTPConnection.__init__",
        http_callbacks.sending(_connecting, (4, "final_callback"), _answer),
    ),
    Patch("tornado.httputil:parse_response_start_line", http_callbacks.answered(_outcome)),
    Patch("tornado.http1connection:HTTP1Connection.write_headers", http_client.carry(_written)),
)

CURL = Instrumentor(
    _NAME,
    Patch(
        "tornado.curl_httpclient:CurlAsyncHTTPClient.fetch_impl",
        http_callbacks.asked(_request, (2, "callback"), _answer),
    ),
    Patch("tornado.curl_httpclient:CurlAsyncHTTPClient._curl_setup_request", http_callbacks.carry(_kept, _copied)),
)
