"""requests: one span per ``HTTPAdapter.send``, which each hop of a redirect passes, and adapters that call it.

A prepared request is the program's and is not written to: the context goes in where the headers leave the connection.
Retries that an adapter was told to make (``max_retries``) are within one span.
"""

from __future__ import annotations

from autotrace.patching import Instrumentor, Patch, argument
from autotrace.protocols import http_client, http_connection

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from autotrace.patching import Args, Kwargs
    from autotrace.protocols.calls import Prepared
    from autotrace.trace.span import Facts


def _request(args: Args, kwargs: Kwargs) -> Prepared:
    # The signature is send(self, request, stream, ...).
    prepared = argument(args, kwargs, 1, "request")
    return (prepared.method, prepared.url, 0), None, args


def _response(response: Any) -> Facts:
    return response.status_code, http_client.VERSIONS.get(getattr(response.raw, "version", None))


INSTRUMENTOR = Instrumentor(
    library="requests",
    versions=">=2.25",
    patches=(
        Patch("requests.adapters:HTTPAdapter.send", http_client.call(_request, _response)),
        Patch("http.client:HTTPConnection.endheaders", http_connection.sent()),
    ),
)
