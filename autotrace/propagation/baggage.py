"""``baggage``: what the program's own services tell one another along the trace (W3C Baggage).

It is passed on as it came and never put on a span: it may hold what must not be stored.  Nothing is decoded, so nothing
has to be encoded again; duplicate keys stay, in their order ("Definition", "baggage-string").
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from autotrace.trace.span import Span

FIELDS = ("baggage",)

_ALPHANUMERIC = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
_TOKEN = _ALPHANUMERIC + "!#$%&'*+-.^_`|~"  # RFC 9110, section 5.6.2
_OCTETS = _TOKEN + "()/:<=>?@[]{}"  # baggage-octet: printable ASCII without space, quote, comma, semicolon, backslash

# The section "Limits" demands 64 members and 8192 bytes; the two others are those of opentelemetry-python.
_MAX_MEMBERS = 180
_MAX_MEMBER = 4096  # bytes
_MAX_BYTES = 8192


def inject(span: Span) -> Sequence[tuple[str, str]]:
    """Return ``baggage`` if there is any."""
    entries = span.trace.baggage
    return (("baggage", entries),) if entries else ()


def parse(header: str) -> str:
    """Return the valid members of a ``baggage`` header, as they are sent on: without optional whitespace.

    An invalid or over-long member is left out, and the others stay.  What is beyond 8192 bytes or 180 members is left
    out from the end, in whole members.
    """
    if len(header) > _MAX_BYTES:
        header = header[: max(0, header.rfind(",", 0, _MAX_BYTES + 1))]
    kept = []
    count = 0
    for part in header.split(","):
        text = part.strip(" \t")
        if not text or len(text) > _MAX_MEMBER or not text.isascii():
            continue
        count += 1
        if count > _MAX_MEMBERS:
            break
        member = _member(text)
        if member:
            kept.append(member)
    return ",".join(kept)


def _member(text: str) -> str:
    """Return ``key=value;property;...``, or nothing if any of its parts is invalid."""
    parts = [_part(part) for part in text.split(";")]
    return ";".join(parts) if all(parts) and "=" in parts[0] else ""


def _part(text: str) -> str:
    """Return ``key=value`` or ``key``, or nothing if it is invalid; the value may be empty."""
    key, equals, value = text.partition("=")
    key = key.strip(" \t")
    value = value.strip(" \t")
    if not key or key.strip(_TOKEN) or value.strip(_OCTETS):
        return ""
    return f"{key}{equals}{value}"
