"""Attribute values as OTLP bytes.

What OTLP has no form for becomes its ``str()``; nesting deeper than a list of scalars does too.
"""

from __future__ import annotations

from struct import Struct

from autotrace.export.wire import sized, utf8, varint

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

_double = Struct("<d").pack
_SCALARS = (str, bool, int, float, bytes)
_BYTES = [bytes((number,)) for number in range(0x80)]
_SHORT = 0x70  # bytes; what is longer and stands before a value is not remembered
_FLOAT, _BOOL = -99, -98  # sizes that no number has
_BEFORES = 8192  # what stands before values: of so many names and sizes
_TRUE, _FALSE = b"\x10\x01", b"\x10\x00"


class Values:
    """Encodes attributes.

    Args:
        length: most characters of a string and bytes of a byte string, also inside a list; None for no limit.
            OpenTelemetry specification, Common, "Attribute limits".
    """

    __slots__ = ("_befores", "_length", "_room")

    def __init__(self, length: int | None = None) -> None:
        self._length = length
        self._befores: dict[str, dict[int, bytes]] = {}  # is emptied in place: whoever encodes has it at hand
        self._room = _BEFORES

    def pairs(self, attributes: Mapping[str, Any], count: int | None = None) -> tuple[list[bytes], int]:
        """Return each attribute as a KeyValue message behind its length, and how many were left out.

        A list begins with an empty item, so that ``tag.join(pairs)`` puts the field's tag before every one.

        PERF: what stands before a value is remembered, by its name, its kind and its size.  The value is not: where it does
        not come again, to remember it costs more than twice as much as to encode it.

        Args:
            attributes: None values and empty keys do not count; a value that cannot be turned into text is left out.
            count: most attributes, the first ones; None for no limit.
        """
        known, limit = self._befores, self._length
        pairs = [b""]
        dropped = 0
        if count is not None and len(attributes) > count:
            counted = [(key, value) for key, value in attributes.items() if key and value is not None]
            attributes, dropped = dict(counted[:count]), len(counted[count:])
        for key, value in attributes.items():
            kind = type(value)
            try:
                if kind is str:
                    if limit is None or len(value) <= limit:
                        text = value.encode()
                        pairs.append(known[key][len(text)] + text)
                        continue
                elif kind is int:
                    if 0 <= value < 0x80:
                        pairs.append(known[key][-1] + _BYTES[value])
                        continue
                    if not value >> 63:
                        text = varint(value) if value > 0x3FFF else bytes((value & 0x7F | 0x80, value >> 7))
                        pairs.append(known[key][-len(text)] + text)
                        continue
                elif kind is float:
                    pairs.append(known[key][_FLOAT] + _double(value))
                    continue
                elif kind is bool:
                    pairs.append(known[key][_BOOL] + (b"\x01" if value else b"\x00"))
                    continue
            except (KeyError, UnicodeEncodeError):
                pass
            if key and value is not None:
                try:
                    pairs.append(self._met(key, value))
                except Exception:  # somebody's __str__
                    dropped += 1
        return pairs, dropped

    def _met(self, key: str, value: Any) -> bytes:
        """Return an attribute as ``pairs`` does, and remember what stands before values of its kind and size.

        Texts are remembered by their size, numbers by theirs as a negative one; long names are not remembered.
        """
        pair = self._pair(key, value)
        kind = type(value)
        if kind is str and (self._length is None or len(value) <= self._length):
            size = length = len(utf8(value))
        elif kind is int and not value >> 63:
            length = len(varint(value))
            size = -length
        elif kind is float:
            size, length = _FLOAT, 8
        elif kind is bool:
            size, length = _BOOL, 1
        else:
            return pair
        if len(pair) - length < _SHORT and type(key) is str:
            self._room -= 1
            if not self._room:
                self._befores.clear()
                self._room = _BEFORES
            self._befores.setdefault(key, {})[size] = pair[: len(pair) - length]
        return pair

    def _pair(self, key: str, value: Any) -> bytes:
        name = b"\x0a" + sized(utf8(str(key))) + b"\x12"
        coded = self.any(value)
        size = len(coded)
        inner = size + len(name)
        if inner < 0x7F:
            return b"%c%b%c%b" % (inner + 1, name, size, coded)
        length = varint(size)
        return varint(inner + len(length)) + name + length + coded

    def any(self, value: Any) -> bytes:
        """Return a value as an AnyValue message, without its length.

        Raises:
            Exception: whatever the ``__str__`` of an unknown type raises.
        """
        kind = type(value)
        if kind is str:
            limit = self._length
            coded = utf8(value if limit is None or len(value) <= limit else value[:limit])
            size = len(coded)
            return (b"\x0a%c%b" % (size, coded)) if size < 0x80 else b"\x0a" + varint(size) + coded
        if kind is bool:  # before int, which it is a kind of
            return _TRUE if value else _FALSE
        if kind is int:
            return self._integer(value)
        if kind is float:
            return b"\x21" + _double(value)
        if kind is bytes:
            return b"\x3a" + sized(value[: self._length])
        if kind is tuple or kind is list:
            return b"\x2a" + sized(self._array(value))
        return self.any(_plain(value))

    def _integer(self, value: int) -> bytes:
        if 0 <= value < 0x80:
            return b"\x18%c" % value
        if -0x8000_0000_0000_0000 <= value <= 0x7FFF_FFFF_FFFF_FFFF:
            return b"\x18" + varint(value & 0xFFFF_FFFF_FFFF_FFFF)
        return self.any(_digits(value))

    def _array(self, values: Any) -> bytes:
        """Return an ArrayValue: values of one type; of several types, their texts.  None stays a hole."""
        items = [item if item is None or type(item) in _SCALARS else _plain(item, nested=True) for item in values]
        if len({type(item) for item in items if item is not None}) > 1:
            items = [item if item is None else str(item) for item in items]
        return b"".join([b"\x0a" + sized(b"" if item is None else self.any(item)) for item in items])


def _plain(value: Any, nested: bool = False) -> Any:
    """Return an instance of a subclass as the type that it is, anything else as its text."""
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        return int.__int__(value)
    if isinstance(value, float):
        return float.__float__(value)
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(memoryview(value))
    if isinstance(value, (tuple, list)) and not nested:
        return tuple(value)
    return str.__str__(str(value))


def _digits(value: int) -> str:
    """Return a number's text, in hexadecimal where Python refuses to write so many digits."""
    try:
        return str(value)
    except ValueError:
        return hex(value)
