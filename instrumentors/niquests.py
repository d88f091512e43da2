"""niquests: one span per ``HTTPAdapter.send``, sync and asyncio, which each hop of a redirect passes.

Its urllib3-future, whose place on the disk may be that of ``urllib3``, has the headers of every version of HTTP in one
list; there the context goes in, and not into the prepared request, which is the program's.  Retries that an adapter was
told to make (``max_retries``) are spans; of an ``AsyncSession`` they are in the span of their request.

Of a request that is multiplexed and answered later the span is as long as the sending.
"""

from __future__ import annotations

from niquests.adapters import PoolManager  # type: ignore[import-not-found]

from autotrace.families.http import http_attempts, http_client, http_lines, http_resends
from autotrace.patching import Instrumentor, Patch, argument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from autotrace.families.calls import Prepared
    from autotrace.patching import Args, Kwargs
    from autotrace.trace.span import Facts

_BENEATH = PoolManager.__module__.partition(".")[0]  # urllib3_future, or urllib3 where that has taken its place


def _request(args: Args, kwargs: Kwargs) -> Prepared:
    # The signature is send(self, request, stream, ...).
    prepared = argument(args, kwargs, 1, "request")
    return (prepared.method, prepared.url, http_resends.resends("niquests")), None, args


def _response(response: Any) -> Facts | None:
    if getattr(response, "lazy", False):  # to ask it for anything would be to wait for it
        return None
    return response.status_code, http_client.VERSIONS.get(getattr(response.raw, "version", None))


def _attempt(response: Any) -> Facts | None:
    status = getattr(response, "status", None)  # a promise has none
    return None if status is None else (status, http_client.VERSIONS.get(response.version))


def _follows(_args: Args, kwargs: Kwargs) -> bool:
    return kwargs.get("allow_redirects") is False  # as ``resolve_redirects`` calls it for each hop


INSTRUMENTOR = Instrumentor(
    "niquests",
    Patch("niquests:Session.send", http_resends.session(_follows)),
    Patch("niquests.adapters:HTTPAdapter.send", http_client.call(_request, _response)),
    Patch(f"{_BENEATH}.connectionpool:HTTPConnectionPool.urlopen", http_attempts.again(_attempt)),
    Patch(f"{_BENEATH}.util.retry:Retry.increment", http_attempts.retried(3, _attempt)),
    Patch(f"{_BENEATH}.backend.hface:HfaceBackend.endheaders", http_lines.ending("_HfaceBackend__headers")),
    Patch("niquests:AsyncSession.send", http_attempts.async_session(_follows), optional=True),
    Patch("niquests.adapters:AsyncHTTPAdapter.send", http_client.async_call(_request, _response), optional=True),
    Patch(
        f"{_BENEATH}.backend._async.hface:AsyncHfaceBackend.endheaders",
        http_lines.ending("_AsyncHfaceBackend__headers", awaited=True),
        optional=True,
    ),
)
