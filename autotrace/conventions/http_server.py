"""What the facts of a request that is served mean: semantic conventions 1.44, "HTTP server span".

Facts and outcome are said in ``families.http.http_server``.
"""

from __future__ import annotations

from autotrace.conventions import http
from autotrace.conventions.ends import ended
from autotrace.conventions.noise import NOISE, noise_of
from autotrace.trace.span import ERROR, Parted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from autotrace.trace.failure import Failure
    from autotrace.trace.span import Attributes, Description, Facts, Own


# The semantic conventions have no names for these.
PIECES = "autotrace.response.pieces"  # of a body that is sent in more than one
MESSAGES_SENT = "autotrace.websocket.sent"
MESSAGES_RECEIVED = "autotrace.websocket.received"
CLOSE_CODE = "autotrace.websocket.close_code"  # of the client, as far as the server tells: some say 1006 to everything
WAIT = "autotrace.http.wait_ms"  # from when a proxy in front got the request, by two machines' clocks
DISCONNECTED = "autotrace.client.disconnected"  # the client went away before it had everything


def _split(facts: Facts, outcome: Facts | None) -> tuple[Facts, Own]:
    """Part the facts of a request, and ``(status code, route, view)``: a path and who asked are seldom the same twice."""
    method, scheme, path, query, host, server, client, forwarded, agent, version, *since = facts
    if outcome is None:
        outcome = None, None, None
    if query is None:
        path, query = _target(path)
    own = {
        "url.path": http.redact_path(path) or "/",
        "user_agent.original": agent or None,
        NOISE: noise_of(method, path, outcome[0]),
    }
    if query:
        own["url.query"] = http.redact_query(query)
    if forwarded or client:
        _client(own, client, forwarded)
    if since:
        own[WAIT] = _wait_ms(*since)
    return (method, scheme, host, server, version, *outcome), own


def _split_decoded(facts: Facts, outcome: Facts | None) -> tuple[Facts, Own]:
    """Part the facts of a request whose path was decoded on its way here (PEP 3333, "URL Reconstruction")."""
    path = facts[2]
    if not _plain(path):
        from urllib.parse import quote

        path = quote(path.encode("latin-1", "replace"), safe=_SIGNS)
        facts = (*facts[:2], path, *facts[3:])
    return _split(facts, outcome)


def _shared(facts: Facts, failure: Failure | None) -> Description:
    given, scheme, host, server, version, status, route, view = facts
    method, part, original = http.method(given)
    attributes: Attributes = {"http.request.method": method, "url.scheme": scheme}
    if original is not None:
        attributes["http.request.method_original"] = original
    _addresses(attributes, scheme, host, server)
    if version:
        attributes["network.protocol.version"] = version
    if route:
        attributes["http.route"] = route
    if view:
        attributes["code.function.name"] = ".".join(view)
    if status is not None:
        attributes["http.response.status_code"] = status
    name = f"{part} {route}" if route else part
    if failure is None and status is not None and status >= 500:
        attributes["error.type"] = str(status)
        return name, attributes, ERROR, ""
    return ended(name, attributes, failure)


def _wait_ms(since: str, now_ns: int) -> float | None:
    """Return how long a request waited before its server, in ms; None where the header says nothing that can be true.

    Proxies give a moment since 1970, with or without ``t=`` before it, in s (nginx: with three decimals), ms (Heroku) or µs
    (Apache).

    Args:
        since: what the proxy said.
        now_ns: when the server began.
    """
    text = since.partition(",")[0].strip()
    text = text.removeprefix("t=")
    try:
        moment = float(text)
    except ValueError:
        return None
    for unit in (1e9, 1e6, 1e3, 1):
        wait = now_ns - moment * unit
        if 0 <= wait < _LONGEST_NS:
            return round(wait / 1e6, 3)
    return None


_LONGEST_NS = 3600e9  # a moment that is given in another unit is decades away
_SIGNS = "/!$&'()*+,;=:@~"  # pchar of RFC 3986, with those that are always left as they are: "-", "." and "_"
_plain = frozenset(_SIGNS + "-._0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ").issuperset

describe = Parted(_split, _shared)
describe_decoded = Parted(_split_decoded, _shared)


def _target(target: str) -> tuple[str, str]:
    """Split a request target in origin form or absolute form (RFC 9112, section 3.2) into path and query."""
    if not target.startswith("/") and "://" in target:
        url = http.parse(target)
        return url.path, url.query
    path, _, query = target.partition("?")
    return path, query


def _addresses(attributes: Attributes, scheme: str, host: str | None, server: tuple[str, Any] | None) -> None:
    """Say where the request was sent: to the ``Host`` header, or to the socket it came in on."""
    if host:
        address, port = http.host_and_port(host.rpartition("@")[2], scheme)
    elif server is not None:
        address, given = server
        port = http.port_number(str(given))
    else:
        return
    attributes["server.address"] = address
    if port is not None:
        attributes["server.port"] = port


def _client(attributes: dict[str, Any], client: str | None, forwarded: str | None) -> None:
    """Say who asked: the first of the proxies' list, or else the peer."""
    origin = http.host_and_port(forwarded.partition(",")[0].strip())[0] if forwarded else ""
    if origin:
        attributes["client.address"] = origin
        if client:
            attributes["network.peer.address"] = client
    elif client:
        attributes["client.address"] = client
