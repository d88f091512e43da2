"""What we know about an object of a library's, kept beside it and not in it, for as long as it lives.

The object need not be hashable, but it must allow weak references.
"""

from __future__ import annotations

from weakref import ref

from autotrace.faults import fault

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Beside:
    """Values by the identity of what they belong to.

    Args:
        unknown: the value of an object of which nothing is known.

    Attributes:
        kept: identity to a reference and the value; empty where nothing is known of anything.
    """

    __slots__ = ("_unknown", "kept")

    def __init__(self, unknown: Any = None) -> None:
        self._unknown = unknown
        self.kept: dict[int, tuple[ref[Any], Any]] = {}

    def keep(self, thing: Any, value: Any) -> None:
        """Remember a value of an object, in the place of an earlier one."""
        key, kept = id(thing), self.kept

        def gone(reference: Any) -> None:
            try:
                if kept.get(key, (None, None))[0] is reference:
                    del kept[key]
            except Exception:  # Python would tell the program
                fault("beside")

        kept[key] = ref(thing, gone), value

    def of(self, thing: Any) -> Any:
        """Return the value of an object."""
        found = self.kept.get(id(thing))
        return found[1] if found is not None else self._unknown
