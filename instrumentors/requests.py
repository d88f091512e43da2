"""requests: one span per ``HTTPAdapter.send``, which each hop of a redirect passes, and adapters that call it.

A prepared request is the program's and is not written to: the context goes in where the headers leave the connection.
Retries that an adapter was told to make (``max_retries``) are urllib3's, and spans of ours.
"""

from __future__ import annotations

from autotrace.families.http import http_attempts, http_client, http_connection, http_lines, http_resends
from autotrace.patching import Instrumentor, Patch, argument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from autotrace.families.calls import Prepared
    from autotrace.patching import Args, Kwargs
    from autotrace.trace.span import Facts


def _request(args: Args, kwargs: Kwargs) -> Prepared:
    # The signature is send(self, request, stream, ...).
    prepared = argument(args, kwargs, 1, "request")
    return (prepared.method, prepared.url, http_resends.resends("requests")), None, args


def _response(response: Any) -> Facts:
    return response.status_code, http_client.VERSIONS.get(getattr(response.raw, "version", None))


def _attempt(response: Any) -> Facts:
    return response.status, http_client.VERSIONS.get(response.version)


def _follows(_args: Args, kwargs: Kwargs) -> bool:
    return kwargs.get("allow_redirects") is False  # as ``resolve_redirects`` calls it for each hop


INSTRUMENTOR = Instrumentor(
    "requests",
    Patch("requests.sessions:Session.send", http_resends.session(_follows)),
    Patch("requests.adapters:HTTPAdapter.send", http_client.call(_request, _response)),
    Patch("urllib3.connectionpool:HTTPConnectionPool.urlopen", http_attempts.again(_attempt)),
    Patch("urllib3.util.retry:Retry.increment", http_attempts.retried(3, _attempt)),
    Patch("http.client:HTTPConnection.endheaders", http_connection.sent()),
    # of urllib3-future, where that stands in urllib3's place
    Patch("urllib3.backend.hface:HfaceBackend.endheaders", http_lines.ending("_HfaceBackend__headers"), optional=True),
)
