"""A bounded memory of what was already made, such as bytes.

Two generations: what was asked for since the last turn survives the next one.  That costs one dictionary look-up per
hit, where a list of last uses would cost several writes.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Hashable
    from typing import Any


class Memo:
    """Keys to values, at most two generations of ``entries`` entries and ``size`` bytes each.

    Args:
        entries: most entries of one generation.
        size: most bytes of one generation, as the callers of ``put`` count them.

    Attributes:
        young: the newest generation; hot code looks here first, by itself.
    """

    __slots__ = ("_bytes", "_entries", "_old", "_size", "young")

    def __init__(self, entries: int, size: int) -> None:
        self.young: dict[Hashable, Any] = {}
        self._old: dict[Hashable, Any] = {}
        self._entries = entries
        self._size = size
        self._bytes = 0

    def revive(self, key: Hashable) -> Any:
        """Return what the older generation knows, or None, and take it over into the younger one."""
        value = self._old.get(key)
        if value is not None:
            self.put(key, value, len(value))
        return value

    def put(self, key: Hashable, value: Any, size: int) -> None:
        """Remember a value, unless it alone would fill an eighth of a generation.

        Args:
            key: everything that the value depends on.
            value: bytes or a text; not None.
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
