"""The inbox of this machine, and the system's files that it is made of.

Fakes of a file system are for the program under test, which cannot swap these for others.

A fake takes the place of ``os`` and ``fcntl`` wherever a module has them by name; what an object holds stays the real one.
Not kept apart: a fake that changes the functions within ``os``.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType


class System:
    """The real modules.

    Attributes:
        os: of its functions those that look at no other module's names; ``os.path`` has some that do.
        locks: ``fcntl``, or None where there is none.
    """

    __slots__ = ("locks", "os")

    def __init__(self) -> None:
        self.os = os
        self.locks: ModuleType | None = None
        try:
            import fcntl
        except ImportError:  # Windows
            return
        self.locks = fcntl


system = System()
