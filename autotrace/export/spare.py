"""Where what a receiver has not taken goes: to this machine, in a directory of their own, with a note that says why.

The oldest give way where there are more than fit.  Used by one thread; nothing is made before anything is left over.
"""

from __future__ import annotations

from autotrace.config import paths
from autotrace.export.inbox.writer import Inbox
from autotrace.signals import TRACES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from autotrace.export.inbox.writer import InboxSettings
    from autotrace.signals import Signal

MOST = 32 << 20  # bytes, of all processes together


class Spare:
    """Keeps what was not delivered.

    Args:
        settings: as for the inbox.
        note: notes how many spans there are so far, and why.
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

    def keep(self, signal: Signal, payload: bytes, count: int, reason: str) -> None:
        """Keep a request of so many items that was not delivered, and note that of spans once for each reason."""
        if not self._inbox.export(signal, payload, 0.0).delivered or signal is not TRACES:
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
