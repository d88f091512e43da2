"""urllib3: one span per attempt; ``urlopen`` calls itself for every retry and redirect.

An attempt ends when ``urlopen`` returns or fails, or where ``Retry.increment`` is asked whether there will be another; the
span has ended then, and the next attempt is not beneath it.
"""

from __future__ import annotations

from autotrace.families.execution import queues
from autotrace.families.http import http_attempts, http_client, http_connection, http_lines, http_resends
from autotrace.patching import Instrumentor, Patch, argument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from autotrace.families.calls import Prepared
    from autotrace.patching import Args, Kwargs
    from autotrace.trace.span import Facts


def _request(args: Args, kwargs: Kwargs) -> Prepared:
    # The signature is urlopen(self, method, url, body, headers, retries, ...).
    pool = args[0]
    url = pool.scheme, pool.host, pool.port, argument(args, kwargs, 2, "url")
    retries = argument(args, kwargs, 5, "retries")
    return (argument(args, kwargs, 1, "method"), url, len(getattr(retries, "history", None) or ())), None, args


def _response(response: Any) -> Facts | None:
    try:
        return response.status, http_client.VERSIONS.get(response.version)
    except AttributeError:  # a promise of urllib3-future's, answered later
        return None


def _follows(_args: Args, _kwargs: Kwargs) -> bool:
    return True  # it calls itself, also through the pool of pools


INSTRUMENTOR = Instrumentor(
    "urllib3",
    Patch("urllib3.poolmanager:PoolManager.urlopen", http_resends.session(_follows)),
    Patch(
        "urllib3.connectionpool:HTTPConnectionPool.urlopen",
        http_attempts.recursive(_request, _response, _follows),
    ),
    Patch("urllib3.util.retry:Retry.increment", http_attempts.retried(3, _response, mine=True)),
    Patch("http.client:HTTPConnection.endheaders", http_connection.sent()),
    Patch("urllib3.connectionpool:HTTPConnectionPool._new_conn", queues.lendable()),
    Patch("urllib3.connectionpool:HTTPSConnectionPool._new_conn", queues.lendable()),
    # of urllib3-future, where that stands in its place
    Patch("urllib3.backend.hface:HfaceBackend.endheaders", http_lines.ending("_HfaceBackend__headers"), optional=True),
)
