"""curl_cffi: one span per transfer over HTTP, by ``Curl.perform`` or from ``AsyncCurl.add_handle`` on; retries are spans.

What is streamed is in the span, which ends with the transfer.  A websocket is the request that opens it.
"""

from __future__ import annotations

from typing import Any

from curl_cffi import Curl, CurlInfo, CurlOpt, ffi, lib

from autotrace.families.http import http_attempts, http_handles, http_resends
from autotrace.patching import Instrumentor, Patch

_NAME = "curl_cffi"
_setopt: Any = Curl.setopt


def _write(handle: Any, lines: list[Any] | None) -> None:
    if handle._curl is None:  # noqa: SLF001  closed
        return
    lib.curl_slist_free_all(handle._headers)  # noqa: SLF001  what is set comes behind these
    handle._headers = ffi.NULL  # noqa: SLF001
    _setopt(handle, CurlOpt.HTTPHEADER, lines or [])


def _status(handle: Any) -> tuple[int, Any]:
    return handle.getinfo(CurlInfo.RESPONSE_CODE), handle.getinfo(CurlInfo.HTTP_VERSION)


_handles = http_handles.Handles(_NAME, _write, _status, adding=True)

INSTRUMENTOR = Instrumentor(
    _NAME,
    Patch("curl_cffi.curl:Curl.setopt", _handles.setting()),
    Patch("curl_cffi.curl:Curl.reset", _handles.resetting()),
    Patch("curl_cffi.curl:Curl.duphandle", _handles.duplicating()),
    Patch("curl_cffi.curl:Curl.clean_handles_and_buffers", _handles.clearing(), optional=True),
    Patch("curl_cffi.curl:Curl.clean_after_perform", _handles.clearing(), optional=True),  # its name before 0.12
    Patch("curl_cffi.curl:Curl.perform", _handles.performing()),
    Patch("curl_cffi.curl:Curl.close", _handles.closing()),
    Patch("curl_cffi.aio:AsyncCurl.add_handle", _handles.adding()),
    Patch("curl_cffi.aio:AsyncCurl.set_result", _handles.removing()),
    Patch("curl_cffi.aio:AsyncCurl.set_exception", _handles.removing()),
    Patch("curl_cffi.aio:AsyncCurl.remove_handle", _handles.removing()),
)

REQUESTS = Instrumentor(
    _NAME,
    Patch("curl_cffi.requests.session:Session.request", http_resends.session()),
    Patch("curl_cffi.requests.session:AsyncSession.request", http_attempts.async_session()),
)
