"""What an OTLP receiver's answer means.

Sources: OTLP specification 1.x, "OTLP/HTTP Response" (success, partial success, failures, throttling); RFC 9110, 10.2.3
(Retry-After).
"""

from __future__ import annotations

from autotrace.export import DELIVERED, Result, later, refused
from autotrace.export.wire import fields
from autotrace.trace.clocks import clocks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from autotrace.signals import Signal

RETRIED = frozenset((429, 502, 503, 504))
LONGEST_REST = 300.0  # seconds: whoever asks for more is asked again after five minutes
_MOST_TEXT = 200  # characters of a receiver's message that are repeated


def judge(
    signal: Signal,
    place: str,
    status: int,
    reason: str,
    kind: str,
    body: bytes,
    retry_after: str | None,
    location: str,
) -> Result:
    """Return what an answer means for what was sent.

    Args:
        signal: what that was.
        place: the receiver, for texts.
        status: of HTTP.
        reason: of HTTP.
        kind: the content type of the body.
        body: the whole body, or nothing where it was too long or torn.
        retry_after: the header, if there is one.
        location: the header, for a redirect.
    """
    binary = not kind or kind.partition(";")[0].strip().lower() == "application/x-protobuf"
    if 200 <= status < 300:
        return _partial(signal, place, body) if body and binary else DELIVERED
    text = f"{place} answered {status} {reason}".rstrip()
    said = _message(body, binary)
    if said:
        text += f": {said}"
    if status in RETRIED:
        return later(text, rest(retry_after))
    if 300 <= status < 400:
        return refused(f"{text}; it points to {location!r}, and redirects are not followed: set the endpoint to that")
    if status in (401, 403):
        text += "; set the headers that it asks for"
    elif status in (404, 405):
        text += f"; the endpoint's path is usually {signal.path}"
    return refused(text)


def rest(header: str | None) -> float:
    """Return the seconds that a Retry-After header asks for; 0.0 where there is none, or none that can be read."""
    if not header:
        return 0.0
    header = header.strip()
    if header.isdecimal():
        return min(float(header), LONGEST_REST)
    try:
        from email.utils import mktime_tz, parsedate_tz

        moment = parsedate_tz(header)
        seconds = mktime_tz(moment) - clocks.wall_ns() / 1e9 if moment is not None else 0.0
    except Exception:
        return 0.0
    return min(max(seconds, 0.0), LONGEST_REST)


def _partial(signal: Signal, place: str, body: bytes) -> Result:
    """Read an Export{Trace,Metrics,Logs}ServiceResponse, which are alike; one that cannot be read says nothing."""
    rejected, text = 0, ""
    try:
        for number, _, partial in fields(body):
            if number == 1 and isinstance(partial, bytes):  # partial_success
                for inner, _, value in fields(partial):
                    if inner == 1 and isinstance(value, int):  # rejected_spans and its like, an int64
                        rejected = value if value < 1 << 63 else 0
                    elif inner == 2 and isinstance(value, bytes):  # error_message
                        text = _clean(value)
    except ValueError:
        return DELIVERED
    if not rejected and not text:
        return DELIVERED
    items = signal.items if rejected != 1 else signal.items[:-1]
    lost = f"rejected {rejected} {items}" if rejected else f"took all {items} with a warning"
    return Result(True, False, f"{place} {lost}: {text or 'it did not say why'}", rejected)


def _message(body: bytes, binary: bool) -> str:
    """Return the text of an error's body: a google.rpc.Status, or whatever a proxy wrote."""
    if not binary:
        return _clean(body)
    try:
        texts = [value for number, _, value in fields(body) if number == 2 and isinstance(value, bytes)]
    except ValueError:
        return _clean(body)
    return _clean(texts[-1]) if texts else ""


def _clean(text: bytes) -> str:
    """Return text on one line, without control characters, and not too much of it."""
    said = text[: 4 * _MOST_TEXT].decode("utf-8", "replace")
    line = " ".join("".join([letter if letter.isprintable() else " " for letter in said]).split())
    return line if len(line) <= _MOST_TEXT else line[:_MOST_TEXT] + "..."
