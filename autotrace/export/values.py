"""Attribute values as OTLP bytes.

What OTLP has no form for becomes its ``str()``; nesting deeper than a list of scalars does too.
"""

from __future__ import annotations

from struct import Struct

from autotrace.export.wire import sized, utf8, varint
from autotrace.memory import Memo

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

_double = Struct("<d").pack
_SCALARS = (str, bool, int, float, bytes)
_BYTES = [bytes((number,)) for number in range(0x80)]
_TEXTS = [bytes((size + 2, 0x0A, size)) for size in range(0x7E)]  # the beginnings of values that are texts
_SHORT = 0x70  # bytes of a key that is known to leave room for a number
_FLOAT, _BOOL = -99, -98  # sizes that no number has
_BEFORES = 8192  # what stands before values: of so many names and sizes
_TRUE, _FALSE = b"\x10\x01", b"\x10\x00"


class Values:
    """Encodes attributes, and remembers the keys it has met.

    Args:
        length: most characters of a string and bytes of a byte string, also inside a list; None for no limit.
            OpenTelemetry specification, Common, "Attribute limits".
    """

    __slots__ = ("_befores", "_keys", "_length", "_room")

    def __init__(self, length: int | None = None) -> None:
        self._length = length
        self._keys = Memo(1024, 1 << 18)
        self._befores: dict[str, dict[int, bytes]] = {}  # is emptied in place: whoever encodes has it at hand
        self._room = _BEFORES

    def pairs(self, attributes: Mapping[str, Any], count: int | None = None) -> tuple[list[bytes], int]:
        """Return each attribute as a KeyValue message behind its length, and how many were left out.

        A list begins with an empty item, so that ``tag.join(pairs)`` puts the field's tag before every one.

        Args:
            attributes: None values and empty keys do not count; a value that cannot be turned into text is left out.
            count: most attributes, the first ones; None for no limit.
        """
        names, quick = self._keys.young.get, self._quick
        pairs = [b""]
        dropped = 0
        if count is not None and len(attributes) <= count:
            count = None
        for key, value in attributes.items():
            name = names(key)
            coded = quick(name, value) if name is not None else None
            if coded is None and (value is None or not key):
                continue
            if count is not None and len(pairs) > count:
                dropped += 1
                continue
            if coded is None:
                try:
                    coded = self._pair(key, value)
                except Exception:  # somebody's __str__
                    dropped += 1
                    continue
            pairs.append(coded)
        return pairs, dropped

    def fields(self, attributes: Mapping[str, Any]) -> bytes:
        """Return attributes of which each is new as fields of a Span (tag 9).

        Nothing is remembered but what stands before a value, which its name, its kind and its size decide.

        Args:
            attributes: None values and empty keys do not count.

        Raises:
            Exception: see ``any``.
        """
        known, limit = self._befores, self._length
        coded = b""
        for key, value in attributes.items():
            kind = type(value)
            try:
                if kind is str:
                    if limit is None or len(value) <= limit:
                        text = value.encode()
                        coded += known[key][len(text)] + text
                        continue
                elif kind is int:
                    if 0 <= value < 0x80:
                        coded += known[key][-1] + _BYTES[value]
                        continue
                    if not value >> 63:
                        text = varint(value) if value > 0x3FFF else bytes((value & 0x7F | 0x80, value >> 7))
                        coded += known[key][-len(text)] + text
                        continue
                elif kind is float:
                    coded += known[key][_FLOAT] + _double(value)
                    continue
                elif kind is bool:
                    coded += known[key][_BOOL] + (b"\x01" if value else b"\x00")
                    continue
            except (KeyError, UnicodeEncodeError):
                pass
            if key and value is not None:
                coded += self._field(key, value)
        return coded

    def _field(self, key: str, value: Any) -> bytes:
        """Return an attribute as a field of a Span, and remember what stands before values of its kind and size.

        Texts are remembered by their size, numbers by theirs as a negative one; long names are not remembered.
        """
        field = b"\x4a" + self._pair(key, value)
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
            return field
        if len(field) - length < _SHORT and type(key) is str:
            self._room -= 1
            if not self._room:
                self._befores.clear()
                self._room = _BEFORES
            self._befores.setdefault(key, {})[size] = field[: len(field) - length]
        return field

    def _quick(self, name: bytes, value: Any) -> bytes | None:
        """Return what ``_pair`` does, for the common kinds of values; None for all others.

        PERF: a pair is not remembered: where a value does not come again, that costs more than twice as much as this.

        Args:
            name: the key, encoded.
            value: not None.
        """
        kind = type(value)
        if kind is str:
            size = len(value)
            inner = size + len(name) + 3
            if inner < 0x80 and value.isascii() and (self._length is None or size <= self._length):
                text: bytes = value.encode()
                return _BYTES[inner] + name + _TEXTS[size] + text
        elif kind is int:
            if 0 <= value < 0x4000 and len(name) < _SHORT:
                if value < 0x80:
                    return b"%c%b\x02\x18%c" % (len(name) + 3, name, value)
                return b"%c%b\x03\x18%c%c" % (len(name) + 4, name, value & 0x7F | 0x80, value >> 7)
        elif kind is float:
            if len(name) < _SHORT:
                number: bytes = _double(value)
                return _BYTES[len(name) + 10] + name + b"\x09\x21" + number
        elif kind is bool and len(name) < _SHORT:
            return _BYTES[len(name) + 3] + name + (b"\x02\x10\x01" if value else b"\x02\x10\x00")
        return None

    def _pair(self, key: str, value: Any) -> bytes:
        name = self._keys.young.get(key)
        if name is None:
            name = self._keys.revive(key)
        if name is None:
            name = b"\x0a" + sized(utf8(str(key))) + b"\x12"
            self._keys.put(key, name, 2 * len(name))
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
