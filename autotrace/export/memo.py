"""A bounded memory of bytes that were already made.

Two generations: what was asked for since the last turn survives the next one.  That costs one dictionary look-up per
hit, where a list of last uses would cost several writes.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Hashable


class Memo:
    """Keys to bytes, at most two generations of ``entries`` entries and ``size`` bytes each.

    Args:
        entries: most entries of one generation.
        size: most bytes of one generation, as the callers of ``put`` count them.

    Attributes:
        young: the newest generation; hot code looks here first, by itself.
    """

    __slots__ = ("_bytes", "_entries", "_old", "_size", "young")

    def __init__(self, entries: int, size: int) -> None:
        self.young: dict[Hashable, bytes] = {}
        self._old: dict[Hashable, bytes] = {}
        self._entries = entries
        self._size = size
        self._bytes = 0

    def revive(self, key: Hashable) -> bytes | None:
        """Return what the older generation knows, and take it over into the younger one."""
        value = self._old.get(key)
        if value is not None:
            self.put(key, value, len(value))
        return value

    def put(self, key: Hashable, value: bytes, size: int) -> None:
        """Remember bytes, unless they alone would fill an eighth of a generation.

        Args:
            key: everything that the bytes depend on.
            value: the bytes.
            size: bytes that key and value hold together, roughly.
        """
        if size * 8 > self._size:
            return
        self._bytes += size
        if len(self.young) >= self._entries or self._bytes > self._size:
            self._old = self.young
            self.young = {}
            self._bytes = size
        self.young[key] = value
