"""What the facts of an HTTP client's request mean: semantic conventions 1.44, "HTTP client span".

Facts and outcome are said in ``families.http.http_client``.
"""

from __future__ import annotations

from autotrace.conventions import http
from autotrace.conventions.ends import ended
from autotrace.trace.span import ERROR, Parted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from autotrace.trace.failure import Failure
    from autotrace.trace.span import Attributes, Description, Facts, Own


def _split(facts: Facts, outcome: Facts | None) -> tuple[Facts, Own]:
    method, url, resends = facts
    origin, rest = http.divided(url_of(url))
    full = http.parse(origin + rest).full if "@" in origin else origin + http.redact_rest(rest)
    return (method, origin, resends, outcome), {"url.full": full}


def _shared(facts: Facts, failure: Failure | None) -> Description:
    given, origin, resends, outcome = facts
    method, name, original = http.method(given)
    url = http.parse(origin)
    attributes: Attributes = {"http.request.method": method, "server.address": url.host}
    if original is not None:
        attributes["http.request.method_original"] = original
    if url.port is not None:
        attributes["server.port"] = url.port
    if resends:
        attributes["http.request.resend_count"] = resends
    if failure is None and outcome is not None:
        status, version = outcome
        attributes["http.response.status_code"] = status
        if version is not None:
            attributes["network.protocol.version"] = version
        if status >= 400:
            attributes["error.type"] = str(status)
            return name, attributes, ERROR, ""
    return ended(name, attributes, failure)


describe = Parted(_split, _shared)


def url_of(url: Any) -> str:
    """Return a request's URL as text; a target that is a whole URL already (to a proxy) stays as it is."""
    if type(url) is not tuple:
        return http.as_text(url)
    scheme, host, port, target = url
    target = http.as_text(target)
    if target.startswith(("http://", "https://")):
        return target
    if ":" in host and not host.startswith("["):
        host = f"[{host}]"
    location = host if port is None or port == http.DEFAULT_PORTS.get(scheme) else f"{host}:{port}"
    return f"{scheme}://{location}{'' if target.startswith('/') or target == '*' else '/'}{target}"
