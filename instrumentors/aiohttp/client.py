"""aiohttp's client: one span per attempt, which is a hop of a redirect or a retry on a connection that was closed.

``ClientSession._request`` makes attempts in a loop: each takes a connection, sends, and starts to read the answer.  The
headers that are written to are those of aiohttp's own request object, which it makes for each attempt.
"""

from __future__ import annotations

from autotrace.families.http import http_attempts, http_client
from autotrace.patching import Instrumentor, Patch, argument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from autotrace.families.calls import Prepared
    from autotrace.patching import Args, Kwargs
    from autotrace.trace.span import Facts


def _request(args: Args, kwargs: Kwargs) -> Prepared:
    # The signature is connect(self, req, traces, timeout).
    request = argument(args, kwargs, 1, "req")
    return (request.method, request.url, 0), request.headers, args


def _response(response: Any) -> Facts | None:
    if response.method == "CONNECT":  # the tunnel through a proxy, a part of the attempt
        return None
    version = response.version
    return response.status, http_client.VERSIONS.get(version.major * 10 + version.minor) if version else None


INSTRUMENTOR = Instrumentor(
    "aiohttp_client",
    Patch("aiohttp.client:ClientSession._request", http_attempts.async_session()),
    Patch("aiohttp.connector:BaseConnector.connect", http_attempts.async_attempt(_request)),
    Patch("aiohttp.client_reqrep:ClientRequest.send", http_attempts.async_answer(None)),
    Patch("aiohttp.client_reqrep:ClientResponse.start", http_attempts.async_answer(_response)),
)
