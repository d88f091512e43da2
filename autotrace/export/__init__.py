"""Turning what a signal records into OTLP bytes, and carrying those bytes out of the process.

An encoder (of spans: ``otlp``) makes requests; an exporter carries each of them to one place: the inbox on this machine, a
collector, or the console.  Everything here runs on one worker thread inside the traced program, so modules import what
is heavy only where it is needed.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any, Protocol

    from autotrace.signals import Signal

    class Encoder(Protocol):
        """Makes requests of the items of one signal; used by one thread."""

        def encode(self, items: Sequence[Any]) -> list[bytes]:
            """Return as few requests as hold all the items."""

        def set_resource(self, resource: Mapping[str, Any]) -> None:
            """Describe another process from now on."""

    class Exporter(Protocol):
        """Carries serialised requests to one place; called from one thread, ``hasten`` and ``close`` from any."""

        def export(self, signal: Signal, payload: bytes, deadline: float) -> Result:
            """Deliver one serialised request; never raises.

            Args:
                signal: what it is a request of.
                payload: the bytes that an OTLP receiver takes at the signal's path.
                deadline: when to give up, in seconds of ``clocks.now``.
            """

        def forget(self) -> None:
            """Let go of what was inherited; called in the child after a fork, before anything else."""

        def hasten(self, deadline: float) -> None:
            """Try nothing twice from now on, and end every attempt by a moment (``clocks.now``, seconds)."""

        def close(self) -> None:
            """Stop waiting for anything, now; what is exported afterwards is not delivered."""


class Result:
    """How an export ended.

    Attributes:
        delivered: the receiver has it, perhaps without ``rejected`` of its items.
        retryable: it was not delivered, but the same bytes may be later.
        text: what went wrong, to which place, and what to do about it; empty where nothing did.
        rejected: how many of the items the receiver turned down.  Where nothing was delivered it is 0: all of them.
        retry_after: seconds for which the receiver wants to be left alone; 0.0 where it did not say.
    """

    __slots__ = ("delivered", "rejected", "retry_after", "retryable", "text")

    def __init__(
        self, delivered: bool, retryable: bool = False, text: str = "", rejected: int = 0, retry_after: float = 0.0
    ) -> None:
        self.delivered, self.retryable, self.text = delivered, retryable, text
        self.rejected, self.retry_after = rejected, retry_after

    def __repr__(self) -> str:
        word = "delivered" if self.delivered else "retryable" if self.retryable else "refused"
        return f"<Result {word} rejected={self.rejected} retry_after={self.retry_after} {self.text!r}>"


DELIVERED = Result(True)


def later(text: str, retry_after: float = 0.0) -> Result:
    """Return a failure that may pass: the same bytes can be tried again."""
    return Result(False, True, text, 0, retry_after)


def refused(text: str) -> Result:
    """Return a failure that will not pass: these bytes are lost."""
    return Result(False, False, text)
