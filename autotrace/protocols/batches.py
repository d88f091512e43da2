"""Batches of pulled messages: a loop through one makes each message's span current while its body runs.

Not handled: a program that copies a batch into a list of its own has taken up every message and put it down again; what
it does with the copy belongs to no message.
"""

from __future__ import annotations

from weakref import ref

from autotrace.patching.wall import fault
from autotrace.protocols import consuming
from autotrace.protocols.consuming import Handling
from autotrace.protocols.places import here
from autotrace.trace.context import get_current
from autotrace.trace.failure import hide_frame

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from autotrace.protocols.consuming import Enter, Read
    from autotrace.trace.span import Operation, Span


class Pull:
    """What one pull brought.

    Args:
        handling: the consumer's.
        operation: of the spans.
        read: returns a message's facts and headers.

    Attributes:
        alone: there is one message only, not looked at yet, so that looking at it is taking it up.
        enter: starts a message's span, where that is not as everywhere.
    """

    __slots__ = ("_place", "alone", "enter", "handling", "operation", "read")

    def __init__(self, handling: Handling, operation: Operation, read: Read) -> None:
        self.handling = handling
        self.operation = operation
        self.read = read
        self.alone = False
        self.enter: Enter | None = None
        self._place = ref(here())

    def take(self, message: Any, handling: Handling | None = None) -> Span | None:
        """Take up a message; never raises."""
        try:
            self.alone = False
            return (handling or self.handling).begin(self.operation, message, self.read, self.enter)
        except Exception:
            fault(self.operation.scope)
            return None

    def through(self, messages: Iterator[Any]) -> Iterator[Any]:
        """Go through messages; each one's span is current while the loop's body runs."""
        handling = self._handling()
        span = None
        try:
            for message in messages:
                span = self.take(message, handling)
                yield message
        finally:
            if span is not None and handling.span is span:
                handling.end()
            consuming.loops.discard(handling)

    def _handling(self) -> Handling:
        """Return the consumer's, or one for a loop in another thread or task, which the next pull does not end."""
        try:
            handling = self.handling
            if self._place() is here() or (handling.span is not None and handling.span is get_current()):
                return handling
            own = Handling()
            consuming.loops.add(own)
        except Exception:
            fault(self.operation.scope)
            return self.handling
        return own


class Batch(list):  # type: ignore[type-arg]
    """Pulled messages: a list, whose loops make the span of each message current.

    Equal to the plain list, pickled and copied as one.  An index takes a message up only where it came alone: a program
    may look at the last offset of a batch that it has not handled yet, or has handled already.
    """

    _pull: Pull | None = None

    def __iter__(self) -> Iterator[Any]:
        messages = list.__iter__(self)
        return messages if self._pull is None else self._pull.through(messages)

    def __reversed__(self) -> Iterator[Any]:
        messages = list.__reversed__(self)
        return messages if self._pull is None else self._pull.through(messages)

    def __getitem__(self, index: Any) -> Any:
        try:
            found = list.__getitem__(self, index)
        except BaseException as error:
            hide_frame(error)
            raise
        pull = self._pull
        if pull is not None:
            if isinstance(index, slice):
                return batch(found, pull)
            if pull.alone:
                pull.take(found)
        return found

    def pop(self, *args: Any) -> Any:
        """Take a message out, and up."""
        try:
            message = list.pop(self, *args)
        except BaseException as error:
            hide_frame(error)
            raise
        if self._pull is not None:
            self._pull.take(message)
        return message

    def __reduce_ex__(self, protocol: Any) -> Any:
        return list, (list.__getitem__(self, slice(None)),)


def batch(messages: list[Any], pull: Pull) -> Batch:
    """Return the messages as a Batch of a pull."""
    made = Batch(messages)
    made._pull = pull  # noqa: SLF001
    return made
