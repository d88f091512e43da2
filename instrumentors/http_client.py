"""http.client, and with it urllib.request: a span from ``putrequest`` to ``getresponse``.

Where urllib.request follows a redirect, both are attempts of one call.

Not traced: the CONNECT request that opens a tunnel, which is a part of connecting.
"""

from __future__ import annotations

from autotrace.families.http import http_client, http_connection, http_resends
from autotrace.patching import Instrumentor, Patch, argument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from autotrace.families.calls import Prepared
    from autotrace.patching import Args, Kwargs
    from autotrace.trace.span import Facts

_NAME = "http_client"


def _request(args: Args, kwargs: Kwargs) -> Prepared:
    # The signature is putrequest(self, method, url, ...); through a tunnel, the host is the one at its end.
    connection = args[0]
    scheme = "https" if connection.default_port == 443 else "http"
    tunnel = getattr(connection, "_tunnel_host", None)
    host, port = (tunnel, connection._tunnel_port) if tunnel else (connection.host, connection.port)  # noqa: SLF001
    url = scheme, host, port, argument(args, kwargs, 2, "url") or "/"
    return (argument(args, kwargs, 1, "method"), url, http_resends.resends(_NAME)), None, args


def _response(response: Any) -> Facts:
    return response.status, http_client.VERSIONS.get(response.version)


INSTRUMENTOR = Instrumentor(
    _NAME,
    Patch("http.client:HTTPConnection.putrequest", http_connection.opened(_request)),
    Patch("http.client:HTTPConnection.endheaders", http_connection.sent()),
    Patch("http.client:HTTPConnection.getresponse", http_connection.answered(_response)),
    Patch("http.client:HTTPConnection.close", http_connection.closed()),
)

URLLIB = Instrumentor(
    _NAME,
    Patch("urllib.request:OpenerDirector.open", http_resends.session(lambda _args, _kwargs: True)),
)
