"""uvicorn: each protocol's application is traced, outside of uvicorn's own middleware, for every interface.

``Config.loaded_app`` stays the program's own object: what is traced is what a connection's protocol takes from there.  A
protocol of somebody else's that inherits from none of uvicorn's is not traced; the framework's span takes the place of ours.
The modules of protocols are imported as they are chosen, so each is a part of its own.

For the WSGI interface uvicorn runs the application in a thread, to which the span is carried.
"""

from __future__ import annotations

from autotrace.families.http import applications
from autotrace.patching import Instrumentor, Patch

_VERSIONS = ">=0.18"


def _protocol(target: str) -> Instrumentor:
    patches = (Patch(f"uvicorn.protocols.{target}.__init__", applications.called("app")),)
    return Instrumentor("uvicorn", _VERSIONS, patches)


INSTRUMENTOR = Instrumentor(
    "uvicorn",
    _VERSIONS,
    (Patch("uvicorn.middleware.wsgi:WSGIResponder.__init__", applications.carried("wsgi"), optional=True),),
)

H11 = _protocol("http.h11_impl:H11Protocol")
HTTPTOOLS = _protocol("http.httptools_impl:HttpToolsProtocol")
ZTTP = _protocol("http.zttp_impl:ZttpProtocol")
ZTTP_H2 = _protocol("http.zttp_h2_impl:ZttpH2Protocol")
WEBSOCKETS = _protocol("websockets.websockets_impl:WebSocketProtocol")
WEBSOCKETS_SANSIO = _protocol("websockets.websockets_sansio_impl:WebSocketsSansIOProtocol")
WSPROTO = _protocol("websockets.wsproto_impl:WSProtocol")
