"""httpx: one span per ``_send_single_request``, which redirects and authentication pass for each of their requests.

The request belongs to the program and is not written to: the transport gets a copy of it with headers of its own.
Transports of the program's own are traced, and carry the context if they hand on to one of httpx.
"""

from __future__ import annotations

from httpx import URL, Headers

from autotrace.families.http import http_attempts, http_client, http_resends
from autotrace.patching import Instrumentor, Patch, argument, with_argument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from autotrace.families.calls import Prepared
    from autotrace.patching import Args, Kwargs
    from autotrace.trace.span import Facts


def _request(args: Args, kwargs: Kwargs) -> Prepared:
    # The signature is _send_single_request(self, request).
    request = argument(args, kwargs, 1, "request")
    return (request.method, request.url._uri_reference if _HAS_PARTS else request.url, _resends("httpx")), None, args  # noqa: SLF001


def _response(response: Any) -> Facts:
    return response.status_code, _VERSIONS.get(response.http_version)


def _copy(args: Args, kwargs: Kwargs) -> tuple[Any, Args]:
    # The signature is handle_request(self, request); `copy.copy` of a request would leave out its body.
    request = argument(args, kwargs, 1, "request")
    copied = object.__new__(type(request))
    copied.__dict__.update(request.__dict__)
    copied.headers = headers = Headers(request.headers)
    return _Lines(headers), with_argument(args, kwargs, 1, "request", copied)


class _Lines:
    """The header lines of a copy: name as written, name in lowercase, value.

    PERF: what httpx has for this goes through all headers each time, to see which encoding fits them; a fifth of all cost.
    """

    __slots__ = ("_lines",)

    def __init__(self, headers: Headers) -> None:
        self._lines = headers._list  # noqa: SLF001

    def __contains__(self, name: str) -> bool:
        wanted = name.encode()
        return any([lower == wanted for _, lower, _ in self._lines])  # noqa: C419  a generator costs more

    def __setitem__(self, name: str, value: str) -> None:
        # What was there of this name, the family has taken out.
        encoded = name.encode()
        self._lines.append((encoded, encoded, value.encode()))

    def getall(self, name: str, default: None) -> list[str] | None:
        wanted = name.encode()
        return [value.decode("latin-1") for _, lower, value in self._lines if lower == wanted] or default

    def __delitem__(self, name: str) -> None:
        unwanted = name.encode()
        self._lines[:] = [line for line in self._lines if line[1] != unwanted]


# PERF: a URL is compared and hashed by putting its text together anew, its parts are a tuple.
_HAS_PARTS = str(getattr(URL("http://a/b?c"), "_uri_reference", None)) == "http://a/b?c"
_resends = http_resends.resends
_VERSIONS = {"HTTP/1.0": "1.0", "HTTP/1.1": "1.1", "HTTP/2": "2", "HTTP/3": "3"}

INSTRUMENTOR = Instrumentor(
    library="httpx",
    versions=">=0.23",
    patches=(
        Patch("httpx:Client.send", http_resends.session()),
        Patch("httpx:AsyncClient.send", http_attempts.async_session()),
        Patch("httpx:Client._send_single_request", http_client.call(_request, _response)),
        Patch("httpx:AsyncClient._send_single_request", http_client.async_call(_request, _response)),
        Patch("httpx:HTTPTransport.handle_request", http_client.carry(_copy)),
        Patch("httpx:WSGITransport.handle_request", http_client.carry(_copy)),
        Patch("httpx:AsyncHTTPTransport.handle_async_request", http_client.async_carry(_copy)),
        Patch("httpx:ASGITransport.handle_async_request", http_client.async_carry(_copy)),
    ),
)
