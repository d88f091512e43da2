"""What a span is called before people: its operation, whom it called, the request that it was part of."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, Protocol

    from autotrace.store.model import Span, Trace

    class Named(Protocol):
        """What a name is made of; a `Span` is one of these."""

        @property
        def name(self) -> str:
            """Its name."""

        @property
        def kind(self) -> str:
            """One of `model.KINDS`."""

        @property
        def attributes(self) -> Mapping[str, Any]:
            """Its attributes."""


ENTRIES = frozenset({"SERVER", "CONSUMER"})
"""Kinds of spans with which work comes into a service."""

# The longest first: a UUID that begins with a digit is one id, and not a number and more.
_NUMBERS = re.compile(
    r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}|\b(?=[a-f]*\d)[0-9a-f]{8,}\b|(?<![A-Za-z])\d+"
)


def text_of(span: Named, *names: str) -> str:
    """Return the first of these attributes that is a text and not empty, else an empty text."""
    for name in names:
        value = span.attributes.get(name)
        if isinstance(value, str) and value:
            return value
    return ""


def http_method(span: Named) -> str:
    """Return the HTTP method, or an empty text where the span is no HTTP."""
    return text_of(span, "http.request.method", "http.method")


def address(span: Named) -> str:
    """Return whom a client called: host and port, as far as they are known."""
    url = text_of(span, "url.full", "http.url")
    if "://" in url:
        return peer(span).partition("/")[0]
    host = text_of(span, "server.address", "net.peer.name", "network.peer.address")
    port = span.attributes.get("server.port", span.attributes.get("net.peer.port"))
    return f"{host}:{port}" if host and port else host


def peer(span: Named) -> str:
    """Return whom an HTTP client called: host, port and path, without scheme and query."""
    url = text_of(span, "url.full", "http.url")
    if "://" in url:
        authority, slash, path = re.split("[?#]", url.split("://", 1)[1], maxsplit=1)[0].partition("/")
        return authority.rpartition("@")[2] + slash + path
    return address(span)


def destination(span: Named) -> str:
    """Return the topic or queue that a span sends to or takes from, or an empty text; all that are made up are one."""
    if span.attributes.get("messaging.destination.anonymous") is True:
        return "(temporary)"
    return text_of(span, "messaging.destination.template", "messaging.destination.name", "messaging.destination")


def served_path(span: Named) -> str:
    """Return the path that an HTTP server was asked for, without its query."""
    path = text_of(span, "url.path", "http.target") or text_of(span, "url.full", "http.url").partition("://")[2]
    return path[path.find("/") :].split("?", 1)[0].split("#", 1)[0] if "/" in path else ""


def where(span: Named) -> str:
    """Return where an HTTP request went that no route is known of; empty where its name says that, or it is none.

    That of a client is the host and the path, that of a server the path; with `{n}` for what looks like an id.
    """
    if not span.name or span.name != http_method(span):
        return ""
    if span.kind == "CLIENT":
        return without_ids(peer(span))
    return without_ids(served_path(span)) if span.kind == "SERVER" else ""


def operation(span: Named) -> str:
    """Name what a span does so that spans that do the same have the same name: also of requests without a route."""
    return f"{span.name} {where(span)}".rstrip()


def same_work(span: Span) -> tuple[str, ...]:
    """Return what all spans share that do the same: a `GET` of HTTP is none of a cache, nor what asks what answers."""
    system = text_of(span, "db.system.name", "db.system") or text_of(span, "messaging.system")
    return span.service, span.kind, system, operation(span)


def without_ids(place: str) -> str:
    """Put `{n}` for what looks like an id in a path, or in that behind a host."""
    host, slash, path = place.partition("/")
    return host + slash + _NUMBERS.sub("{n}", path)


def request_of(span: Span) -> Span:
    """Return the span with which the work came into the service: a server, a consumer, or the topmost of the service."""
    while span.kind not in ENTRIES and span.parent is not None and span.parent.service == span.service:
        span = span.parent
    return span


def requests_of(trace: Trace) -> dict[str, Span]:
    """Return `request_of` for all spans of a trace at once, by their ids."""
    found: dict[str, Span] = {}
    pending = list(trace.tops)
    while pending:
        span = pending.pop()
        inside = span.parent is not None and span.parent.service == span.service and span.kind not in ENTRIES
        found[span.span_id] = found[span.parent.span_id] if inside and span.parent is not None else span
        pending.extend(span.children)
    return found


def called_service(span: Span) -> Span | None:
    """Return the span of the other side of a call or of a sent message, if it is traced and has arrived."""
    return next((child for child in span.children if child.kind in ENTRIES), None)
