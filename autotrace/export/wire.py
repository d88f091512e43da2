"""The few pieces of the protobuf wire format that OTLP needs, written and read by hand.

Only varints, fixed 32 and 64 bit numbers and length-delimited fields; groups (deprecated in protobuf) are an error.
Source: Protocol Buffers documentation, "Encoding".
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Union

    # A number for varints and fixed fields, bytes for length-delimited ones.
    Value = Union[int, bytes]

VARINT, FIXED64, DELIMITED, FIXED32 = 0, 1, 2, 5


def varint(number: int) -> bytes:
    """Return a number of 0 to 2**64 - 1 in seven-bit groups, lowest first."""
    if number < 0x80:
        return bytes((number,))
    if number < 0x4000:
        return bytes((number & 0x7F | 0x80, number >> 7))
    if number < 0x20_0000:
        return bytes((number & 0x7F | 0x80, number >> 7 & 0x7F | 0x80, number >> 14))
    if number < 0x1000_0000:
        return bytes((number & 0x7F | 0x80, number >> 7 & 0x7F | 0x80, number >> 14 & 0x7F | 0x80, number >> 21))
    low = number & 0x7F | 0x80, number >> 7 & 0x7F | 0x80, number >> 14 & 0x7F | 0x80, number >> 21 & 0x7F | 0x80
    return bytes(low) + varint(number >> 28)


def sized(data: bytes) -> bytes:
    """Return bytes with their length before them."""
    return varint(len(data)) + data


def utf8(text: str) -> bytes:
    """Return a string's UTF-8; a lone surrogate, which has none, becomes a question mark."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace")


def fields(data: bytes) -> Iterator[tuple[int, int, Value]]:
    """Yield field number, wire type and value of each field of a serialised message.

    Raises:
        ValueError: the bytes are no protobuf message.
    """
    position, end = 0, len(data)
    while position < end:
        tag, position = _varint_at(data, position)
        kind = tag & 7
        value: Value
        if kind == VARINT:
            value, position = _varint_at(data, position)
        else:
            if kind == DELIMITED:
                length, position = _varint_at(data, position)
            elif kind in (FIXED64, FIXED32):
                length = 8 if kind == FIXED64 else 4
            else:
                raise ValueError(f"wire type {kind} of field {tag >> 3} is not one of protobuf's")
            if position + length > end:
                raise ValueError(f"field {tag >> 3} ends {position + length - end} bytes behind the message")
            piece = data[position : position + length]
            position += length
            value = piece if kind == DELIMITED else int.from_bytes(piece, "little")
        yield tag >> 3, kind, value


def _varint_at(data: bytes, position: int) -> tuple[int, int]:
    number = shift = 0
    while shift < 70:  # ten groups of seven bits hold 64
        if position >= len(data):
            raise ValueError("the message ends inside a number")
        group = data[position]
        position += 1
        number |= (group & 0x7F) << shift
        if group < 0x80:
            return number & 0xFFFF_FFFF_FFFF_FFFF, position
        shift += 7
    raise ValueError("a number is longer than 64 bits")
