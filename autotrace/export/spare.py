"""Where spans go that a receiver has not taken: to this machine, in a directory of their own, with a note that says why.

The oldest give way where there are more than fit.  Used by one thread; nothing is made before the first span is left over.
"""

from __future__ import annotations

from autotrace.config import paths
from autotrace.export.inbox import Inbox

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from autotrace.export.inbox import InboxSettings

MOST = 32 << 20  # bytes, of all processes together


class Spare:
    """Keeps what was not delivered.

    Args:
        settings: as for the inbox.
        note: notes how many there are so far, and why.
    """

    def __init__(self, settings: InboxSettings, note: Callable[[int, str], object]) -> None:
        self._tell = note
        self._inbox = Inbox(settings, paths.UNDELIVERED, MOST)
        self.forget()

    def forget(self) -> None:
        """Begin anew in a forked child."""
        self._inbox.forget()
        self._kept = self._noted = 0
        self._reason = ""

    def keep(self, payload: bytes, count: int, reason: str) -> None:
        """Keep a request of so many spans that was not delivered, and note that once for each reason."""
        if not self._inbox.export(payload, 0.0).delivered:
            return
        self._kept += count
        if reason != self._reason:
            self._reason = reason
            self._note()

    def close(self) -> None:
        """Note how many there were in the end."""
        if self._kept != self._noted:
            self._note()
        self._inbox.close()

    def _note(self) -> None:
        self._noted = self._kept
        self._tell(self._kept, self._reason)
