"""``traceparent`` and ``tracestate``: W3C Trace Context, Level 2.

Quoted titles are those of sections there.  Checked by hand instead of by regular expressions: importing ``re`` would be
a good part of the agent's start-up time.  It adds no member of its own to ``tracestate``, and does not look into the
members of others.
"""

from __future__ import annotations

from autotrace.trace.tracer import Remote

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from autotrace.propagation import Get
    from autotrace.trace.span import Span

FIELDS = ("traceparent", "tracestate")

HEX = b"0123456789abcdef"
_NO_TRACE = "0" * 32
_NO_SPAN = "0" * 16
_KNOWN_FLAGS = 0x01 | 0x02  # sampled, random trace id
_FLAGS = {"00": 0, "01": 1, "02": 2, "03": 3}
_MAX_TRACEPARENT = 512  # characters, as opentelemetry-python has it

_KEY_CHARACTERS = "abcdefghijklmnopqrstuvwxyz0123456789_-*/@"
_MAX_MEMBERS = 32
_MAX_KEY = _MAX_VALUE = 256
_MAX_READ = 8192  # characters, as opentelemetry-python has it
_MAX_SENT = 512  # characters: what everybody should pass on ("tracestate Limits")
_LARGE = 128  # characters: members beyond are the first to go


def extract(get: Get) -> Remote | None:
    """Return the caller's place in its trace; without a valid ``traceparent`` the ``tracestate`` counts for nothing."""
    header = get("traceparent")
    if not header:
        return None
    remote = parse_traceparent(header)
    if remote is not None:
        state = get("tracestate")
        if state:
            remote.tracestate = parse_tracestate(state)
    return remote


def inject(span: Span) -> Sequence[tuple[str, str]]:
    """Return ``traceparent``, and ``tracestate`` if there is one."""
    trace = span.trace
    parent = ("traceparent", f"00-{trace.trace_id}-{span.span_id}{trace.suffix}")
    return (parent, ("tracestate", trace.tracestate)) if trace.tracestate else (parent,)


def parse_traceparent(header: str, hexadecimal: bool = False) -> Remote | None:
    """Return what a ``traceparent`` says, or None if it is invalid; flags not known here are zero.

    Args:
        header: its value.
        hexadecimal: it is known to be of 52 hexadecimal digits, and three dashes, somewhere.
    """
    if len(header) != 55:
        if len(header) > _MAX_TRACEPARENT:
            return None
        header = header.strip(" \t")
        # Later versions may append fields, this one may not.
        if len(header) < 55 or (len(header) > 55 and (header[55] != "-" or header[:2] == "00")):
            return None
        header = header[:55]
    try:
        version, trace_id, span_id, flags = header.split("-")
    except ValueError:  # more fields, or fewer
        return None
    # PERF: a third of what it costs to look at the four fields one by one.
    if (
        len(trace_id) != 32
        or len(span_id) != 16
        or len(flags) != 2
        or not (hexadecimal or (header.isascii() and header.encode().translate(None, HEX) == b"---"))
        or trace_id == _NO_TRACE
        or span_id == _NO_SPAN
        or version == "ff"
    ):
        return None
    known = _FLAGS.get(flags)
    return Remote(trace_id, span_id, int(flags, 16) & _KNOWN_FLAGS if known is None else known)


def parse_tracestate(header: str) -> str:
    """Return a ``tracestate`` as it is sent on, without optional whitespace and empty members; empty if it is invalid.

    One invalid member makes the whole invalid, and so does a thirty-third.  Of a key that comes again the first member is
    kept, which is the newest ("Mutating the tracestate Field").  Beyond 512 characters it is trimmed.
    """
    if len(header) > _MAX_READ:
        return ""
    members: dict[str, str] = {}
    count = 0
    for part in header.split(","):
        member = part.strip(" \t")
        if not member:
            continue
        key, _, value = member.partition("=")
        count += 1
        if count > _MAX_MEMBERS or not _is_key(key) or not _is_value(value):
            return ""
        members.setdefault(key, member)
    return ",".join(_trimmed(list(members.values())))


def _is_key(key: str) -> bool:
    """Tell whether it is a key of Level 2, of which the keys of Level 1 are some ("Key")."""
    return 0 < len(key) <= _MAX_KEY and key[0] not in "_-*/@" and not key.strip(_KEY_CHARACTERS)


def _is_value(value: str) -> bool:
    """Tell whether it is printable ASCII without ``,`` and ``=`` ("Value"); the end is already stripped."""
    return 0 < len(value) <= _MAX_VALUE and value.isascii() and value.isprintable() and "=" not in value


def _trimmed(members: list[str]) -> list[str]:
    """Drop members until 512 characters are left: large ones first, then from the end ("tracestate Limits")."""
    size = sum(map(len, members)) + len(members) - 1
    for limit in (_LARGE, 0):
        for index in range(len(members) - 1, -1, -1):
            if size <= _MAX_SENT:
                return members
            if len(members[index]) > limit:
                size -= len(members[index]) + 1
                del members[index]
    return members
