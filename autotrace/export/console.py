"""Spans on standard error, for whoever asked for that: one line of OTLP/JSON for each.

A line is a Span message in the JSON encoding of OTLP (ids in hexadecimal, 64-bit numbers as strings), without its
resource.  It is not a format for machines to store: use the inbox for that.
"""

from __future__ import annotations

import sys
from struct import pack, unpack

from autotrace.export import DELIVERED, Result, later, refused
from autotrace.export.wire import fields
from autotrace.signals import TRACES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from autotrace.signals import Signal

    # field number: JSON name, how to read it, whether it is repeated
    Shape = dict[int, tuple[str, Any, bool]]


def _text(value: Any) -> str:
    return bytes(value).decode("utf-8", "replace")


def _hex(value: Any) -> str:
    return bytes(value).hex()


def _signed(value: Any) -> str:
    return str(value - (1 << 64) if value >= 1 << 63 else value)


def _double(value: Any) -> Any:
    number: float = unpack("<d", pack("<Q", value))[0]
    if number != number:  # noqa: PLR0124
        return "NaN"
    if number in (float("inf"), float("-inf")):
        return "Infinity" if number > 0 else "-Infinity"
    return number


def _base64(value: Any) -> str:
    from binascii import b2a_base64

    return b2a_base64(value, newline=False).decode()


_ANY: Shape = {
    1: ("stringValue", _text, False),
    2: ("boolValue", bool, False),
    3: ("intValue", _signed, False),
    4: ("doubleValue", _double, False),
    5: ("arrayValue", {1: ("values", None, True)}, False),
    7: ("bytesValue", _base64, False),
}
_ANY[5][1][1] = ("values", _ANY, True)
_PAIR: Shape = {1: ("key", _text, False), 2: ("value", _ANY, False)}
_EVENT: Shape = {
    1: ("timeUnixNano", str, False),
    2: ("name", _text, False),
    3: ("attributes", _PAIR, True),
    4: ("droppedAttributesCount", int, False),
}
_LINK: Shape = {
    1: ("traceId", _hex, False),
    2: ("spanId", _hex, False),
    3: ("traceState", _text, False),
    6: ("flags", int, False),
}
_SPAN: Shape = {
    1: ("traceId", _hex, False),
    2: ("spanId", _hex, False),
    3: ("traceState", _text, False),
    4: ("parentSpanId", _hex, False),
    5: ("name", _text, False),
    6: ("kind", int, False),
    7: ("startTimeUnixNano", str, False),
    8: ("endTimeUnixNano", str, False),
    9: ("attributes", _PAIR, True),
    10: ("droppedAttributesCount", int, False),
    11: ("events", _EVENT, True),
    12: ("droppedEventsCount", int, False),
    13: ("links", _LINK, True),
    14: ("droppedLinksCount", int, False),
    15: ("status", {2: ("message", _text, False), 3: ("code", int, False)}, False),
    16: ("flags", int, False),
}


class Console:
    """Writes the spans of each request to standard error, as it was when the program started."""

    def __init__(self) -> None:
        self._closed = False

    def export(self, signal: Signal, payload: bytes, deadline: float) -> Result:  # noqa: ARG002
        """Print a request's spans.  The deadline is not looked at: the user's terminal is waited for."""
        if self._closed:
            return later("the console exporter is closed")
        if signal is not TRACES:
            return refused(f"{signal.name} are not printed")
        import json

        try:
            lines = [json.dumps(_message(span, _SPAN), ensure_ascii=False) + "\n" for span in _spans(payload)]
        except Exception as error:
            return refused(f"a request cannot be printed: {error!r}")
        stream = sys.__stderr__
        try:
            if stream is None:
                return refused("there is no standard error to print spans to")
            stream.write("".join(lines))
            stream.flush()
        except Exception as error:  # closed by the program
            return refused(f"standard error cannot be written: {error}")
        return DELIVERED

    def forget(self) -> None:
        """Do nothing: there is nothing to let go of."""

    def hasten(self, deadline: float) -> None:
        """Do nothing: the user's terminal is waited for."""

    def close(self) -> None:
        """Print nothing any more."""
        self._closed = True


def _spans(payload: bytes) -> Iterator[bytes]:
    for number, _, resource_spans in fields(payload):
        if number == 1 and isinstance(resource_spans, bytes):
            for inner, _, scope_spans in fields(resource_spans):
                if inner == 2 and isinstance(scope_spans, bytes):
                    for innermost, _, span in fields(scope_spans):
                        if innermost == 2 and isinstance(span, bytes):
                            yield span


def _message(data: bytes, shape: Shape) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for number, _, raw in fields(data):
        if number not in shape:
            continue
        name, read, repeated = shape[number]
        value = _message(raw, read) if isinstance(read, dict) else read(raw)  # type: ignore[arg-type]
        if repeated:
            found.setdefault(name, []).append(value)
        else:
            found[name] = value
    return found
