"""httplib2: one span per ``Http._conn_request``, which redirects, authentication and the validation of its cache pass.

What it answers from its cache without a question is no request.  Where a connection turns out to be stale it makes another
attempt in there, which is a span, too.
"""

from __future__ import annotations

from autotrace.families.http import http_attempts, http_client, http_connection, http_resends
from autotrace.patching import Instrumentor, Patch, argument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from autotrace.families.calls import Prepared
    from autotrace.patching import Args, Kwargs
    from autotrace.trace.span import Facts


def _request(args: Args, kwargs: Kwargs) -> Prepared:
    # The signature is _conn_request(self, conn, request_uri, method, body, headers).
    connection, target = argument(args, kwargs, 1, "conn"), argument(args, kwargs, 2, "request_uri")
    scheme = "https" if connection.default_port == 443 else "http"
    method = argument(args, kwargs, 3, "method")
    return (method, (scheme, connection.host, connection.port, target), http_resends.resends("httplib2")), None, args


def _response(answer: Any) -> Facts:
    return _attempt(answer[0])  # with the body


def _attempt(response: Any) -> Facts:
    return response.status, http_client.VERSIONS.get(response.version)


INSTRUMENTOR = Instrumentor(
    "httplib2",
    Patch("httplib2:Http.request", http_resends.session(lambda _args, _kwargs: True)),
    Patch("httplib2:Http._conn_request", http_attempts.attempts(_request, _response)),
    Patch("http.client:HTTPConnection.request", http_attempts.attempt()),
    Patch("http.client:HTTPConnection.getresponse", http_attempts.attempted(_attempt)),
    Patch("http.client:HTTPConnection.endheaders", http_connection.sent()),
)
