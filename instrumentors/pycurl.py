"""pycurl: one span per transfer over HTTP, by ``Curl.perform`` or, driven by ``CurlMulti``, from ``add_handle`` on.

Types of C cannot be patched, so subclasses of the same name take their place.
Not traced: websockets that are spoken by hand (``CONNECT_ONLY``) beyond the request that opens them.
"""

from __future__ import annotations

import pycurl  # type: ignore[import-untyped]

from autotrace.families.http import http_handles
from autotrace.patching import Instrumentor, Patch, subclassing
from autotrace.patching.wrapping import after

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from autotrace.patching import Args, Kwargs

_CURL: Any = pycurl.Curl
_VERSION: int | None = getattr(pycurl, "INFO_HTTP_VERSION", None)


def _write(handle: Any, lines: list[Any] | None) -> None:
    if lines:  # an empty list would change nothing
        _CURL.setopt(handle, pycurl.HTTPHEADER, lines)
    else:
        _CURL.unsetopt(handle, pycurl.HTTPHEADER)


def _status(handle: Any) -> tuple[int, Any]:
    version = _CURL.getinfo(handle, _VERSION) if _VERSION is not None else None
    return _CURL.getinfo(handle, pycurl.RESPONSE_CODE), version


_handles = http_handles.Handles("pycurl", _write, _status, adding=False)


def _read(_args: Args, _kwargs: Kwargs, result: Any) -> Any:
    _, well, ill = result
    for handle in well:
        _handles.ended(handle)
    for handle, code, message in ill:
        _handles.ended(handle, pycurl.error(code, message))
    return result


def _curl(kind: Any, scope: str) -> Any:
    wraps = {name: _handles.setting() for name in ("setopt", "setopt_string", "unsetopt")}
    wraps.update({name: _handles.performing() for name in ("perform", "perform_rb", "perform_rs")})
    wraps.update(duphandle=_handles.duplicating(), reset=_handles.resetting(), close=_handles.closing())
    return subclassing.taking_over(kind, scope, wraps)


def _multi(kind: Any, scope: str) -> Any:
    wraps = {"add_handle": _handles.adding(), "remove_handle": _handles.removing(), "info_read": after(_read)}
    return subclassing.taking_over(kind, scope, wraps)


INSTRUMENTOR = Instrumentor(
    "pycurl",
    Patch("pycurl:Curl", _curl),
    Patch("pycurl:CurlMulti", _multi),
    Patch("pycurl.async_multi:CurlMulti", _multi, optional=True),  # in the newest versions
)
