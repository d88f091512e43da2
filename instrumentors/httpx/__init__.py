"""httpx and httpx2: one span per ``_send_single_request``, which redirects and authentication pass for each request.

Both have the same insides beneath different names; neither is imported for the other.  The request belongs to the program
and is not written to: the transport gets a copy of it with headers of its own.  Transports of the program's own are traced,
and carry the context if they hand on to one of the library.  A websocket is the request that opens it.
"""

from __future__ import annotations

from operator import itemgetter

from autotrace.families.http import http_attempts, http_client, http_resends
from autotrace.patching import Instrumentor, Patch, with_argument

_lowercase = itemgetter(1)  # PERF: of a header line; a loop over the lines would be a twentieth of the cost
_VERSIONS = {"HTTP/1.0": "1.0", "HTTP/1.1": "1.1", "HTTP/2": "2", "HTTP/3": "3"}

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from autotrace.families.calls import Prepared
    from autotrace.patching import Args, Kwargs
    from autotrace.trace.span import Facts


def instrumentor(library: Any) -> Instrumentor:
    """Return the instrumentor of one of the two, given its imported package."""
    name = library.__name__
    headers_of, resends = library.Headers, http_resends.resends
    # PERF: a URL is compared and hashed by putting its text together anew, its parts are a tuple.
    has_parts = str(getattr(library.URL("http://a/b?c"), "_uri_reference", None)) == "http://a/b?c"

    def request(args: Args, kwargs: Kwargs) -> Prepared:
        # The signature is _send_single_request(self, request).
        sent = args[1] if len(args) > 1 else kwargs["request"]
        return (sent.method, sent.url._uri_reference if has_parts else sent.url, resends(name)), None, args  # noqa: SLF001

    def copy(args: Args, kwargs: Kwargs) -> tuple[Any, Args]:
        # The signature is handle_request(self, request); `copy.copy` of a request would leave out its body.
        sent = args[1] if len(args) > 1 else kwargs["request"]
        copied = object.__new__(type(sent))
        copied.__dict__.update(sent.__dict__)
        copied.headers = headers = headers_of(sent.headers)
        if len(args) == 2:
            return _Lines(headers), (args[0], copied)
        return _Lines(headers), with_argument(args, kwargs, 1, "request", copied)

    return Instrumentor(
        name,
        Patch(f"{name}:Client.send", http_resends.session()),
        Patch(f"{name}:AsyncClient.send", http_attempts.async_session()),
        Patch(f"{name}:Client._send_single_request", http_client.call(request, _response)),
        Patch(f"{name}:AsyncClient._send_single_request", http_client.async_call(request, _response)),
        Patch(f"{name}:HTTPTransport.handle_request", http_client.carry(copy)),
        Patch(f"{name}:WSGITransport.handle_request", http_client.carry(copy)),
        Patch(f"{name}:AsyncHTTPTransport.handle_async_request", http_client.async_carry(copy)),
        Patch(f"{name}:ASGITransport.handle_async_request", http_client.async_carry(copy)),
    )


def _response(response: Any) -> Facts:
    return response.status_code, _VERSIONS.get(response.http_version)


class _Lines:
    """The header lines of a copy: name as written, name in lowercase, value.

    PERF: what httpx has for this goes through all headers each time, to see which encoding fits them; a fifth of all cost.
    """

    __slots__ = ("_lines",)

    def __init__(self, headers: Any) -> None:
        self._lines = headers._list  # noqa: SLF001

    def __contains__(self, name: str) -> bool:
        return name.encode() in map(_lowercase, self._lines)

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
