"""What the facts of an HTTP client's request mean: semantic conventions 1.44, "HTTP client span".

Facts and outcome are said in ``families.http.http_client``.
"""

from __future__ import annotations

from autotrace.conventions import http
from autotrace.conventions.ends import ended
from autotrace.trace.span import ERROR

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from autotrace.trace.failure import Failure
    from autotrace.trace.span import Attributes, Description, Facts


def describe(facts: Facts, outcome: Facts | None, failure: Failure | None) -> Description:
    """Name a request and tell its attributes (semantic conventions 1.44, HTTP client span)."""
    method, name, original = http.method(facts[0])
    url = http.parse(url_of(facts[1]))
    attributes: Attributes = {"http.request.method": method, "url.full": url.full, "server.address": url.host}
    if original is not None:
        attributes["http.request.method_original"] = original
    if url.port is not None:
        attributes["server.port"] = url.port
    if facts[2]:
        attributes["http.request.resend_count"] = facts[2]
    if failure is None and outcome is not None:
        status, version = outcome
        attributes["http.response.status_code"] = status
        if version is not None:
            attributes["network.protocol.version"] = version
        if status >= 400:
            attributes["error.type"] = str(status)
            return name, attributes, ERROR, ""
    return ended(name, attributes, failure)


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
