"""Batches of pulled messages: a loop through one makes each message's span current while its body runs.

Programs look at a batch before they handle it: the last offset, whether there is an error.  A message has one span for each
pull all the same.  Where it was only looked at, for a moment and with nothing beneath it, its span begins anew when it is
taken up again; so the spans of such moments are kept back until the batch is done with.

What copies a batch into a list of its own (a comprehension, ``sorted``, ``gather(*...)``) has looked at every message; what
is done with the copy belongs to no message that we know.  Then the pull's span is what it is beneath, or where one message
came alone, that message's.
"""

from __future__ import annotations

from weakref import ref

from autotrace.families.execution.places import here, leave_stale, live
from autotrace.families.messaging import consuming
from autotrace.families.messaging.consuming import Handling
from autotrace.faults import fault
from autotrace.trace.context import get_current, set_current
from autotrace.trace.failure import hiding_frame
from autotrace.trace.span import Span
from autotrace.trace.tracer import tracer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from autotrace.families.messaging.consuming import Enter, Read
    from autotrace.trace.span import Operation


_LOOK = 1_000_000  # ns; whoever has a message for longer does more than look at it


class Unasked(Span):
    """The span of a message in a batch that nobody has asked for its id: nothing is beneath it.  Who asks makes it plain."""

    __slots__ = ()

    @property
    def span_id(self) -> str:  # type: ignore[override]
        """The id."""
        self.__class__ = Span  # type: ignore[assignment]
        return self.span_id


class Pull:
    """What one pull brought.

    Args:
        handling: the consumer's.
        operation: of the messages' spans.
        read: returns a message's facts and headers.
        single: there is one message only.

    Attributes:
        enter: starts a message's span, where that is not as everywhere.
    """

    __slots__ = (
        "__weakref__",
        "_current",
        "_elsewhere",
        "_generation",
        "_kept",
        "_place",
        "_single",
        "_taken",
        "enter",
        "handling",
        "operation",
        "read",
    )

    def __init__(self, handling: Handling, operation: Operation, read: Read, single: bool) -> None:
        self.handling = handling
        self.operation = operation
        self.read = read
        self.enter: Enter | None = None
        self._single = single
        self._place = ref(here())
        self._elsewhere = False
        self._taken: dict[int, Span] = {}  # by the id of the message
        self._kept: dict[Span, None] = {}  # that have ended, or were only looked at
        self._current: Span | None = None  # the pull's own, where it is current as long as no message is
        self._generation = consuming.generation[0]
        handling.batch = self.close

    def stand_for(self, span: Span) -> None:
        """Make the pull's own span current where nothing else is: what is done for no message that we know is beneath it."""
        if consuming.around(live(get_current())) is None:
            span.previous = None
            self._current = span
            set_current(span)

    def take(self, message: Any, handling: Handling | None = None) -> Span | None:
        """Take up a message, for the first time or again; never raises.

        Args:
            message: out of the batch.
            handling: whose place is where we are; by default the consumer's, whose place that then is.
        """
        try:
            if handling is None:
                handling = self.handling
                self._put_down(handling, here())
                handling.place = ref(here())
            known = self._taken.get(id(message))
            if known is not None and handling.span is known and get_current() is known:
                return known
            if handling.span is not None:
                self._put_down(handling, self._where(handling))
            if known is not None:
                self._resume(handling, known, message)
                return known
            span = handling.begin(self.operation, message, self.read, self.enter)
            if span is not None:
                self._taken[id(message)] = span
                if span.trace.sampled:
                    span.__class__ = Unasked
        except Exception:
            fault(self.operation.scope)
            return None
        return span

    def look(self, message: Any, index: Any) -> None:
        """Take up a message that was looked up by its index, if it has not been handled; never raises.

        One that is counted from the end is looked at (its offset, as a rule), unless it is the only one.
        """
        try:
            known = self._taken.get(id(message))
            if (self._single or index >= 0) and (known is None or type(known) is Unasked):
                self.take(message)
        except Exception:
            fault(self.operation.scope)

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
                self._leave(handling, span)
            consuming.loops.discard(handling)

    def close(self, goes_on: bool) -> None:
        """Be done with the batch, as far as the consumer is concerned; never raises.

        Args:
            goes_on: it only pulls again: who goes through the batch elsewhere may not be done with it.
        """
        span = None
        try:
            span, self._current = self._current, None
            if span is not None:
                if get_current() is span and self._place() is here():
                    set_current(None)
                else:
                    leave_stale(span, self._place)
            if not (goes_on and self._elsewhere):
                self.flush()
        except Exception:
            span, self._current = span or self._current, None
            fault(self.operation.scope)
            if span is not None and get_current() is span:
                set_current(None)

    def _done_elsewhere(self, _goes_on: bool) -> None:
        self.flush()

    def flush(self) -> None:
        """Hand over what has been kept back, unless that is the business of a process that forked."""
        kept, self._kept = self._kept, {}
        if self._generation == consuming.generation[0]:
            for span in kept:
                tracer.submit(span)

    def __del__(self) -> None:
        try:
            self.flush()
        except Exception:  # Python would tell the program
            fault("messaging")

    def _leave(self, handling: Handling, span: Span) -> None:
        """Leave a loop; a message that came alone and was only looked at is still the one that is handled."""
        try:
            only = self._single and handling is self.handling
            if not (only and type(span) is Unasked and tracer.clock() - span.start < _LOOK):
                self._put_down(handling, self._where(handling))
        except Exception:
            fault(self.operation.scope)

    @staticmethod
    def _where(handling: Handling) -> Any:
        return handling.place() if handling.place is not None else None

    def _put_down(self, handling: Handling, where: Any) -> None:
        """Put down what is being handled; where it was only looked at, keep it back."""
        span = handling.span
        if type(span) is Unasked:
            now = tracer.clock()
            if now - span.start < _LOOK:
                self._kept[span] = None
                handling.put_down(None, now, where)
                return
        handling.put_down(None, 0, where)

    def _resume(self, handling: Handling, span: Span, message: Any) -> None:
        if span in self._kept:
            del self._kept[span]
            span.end = 0
            if type(span) is Unasked:
                span.start = tracer.clock()
        handling.resume(span, message)

    def _handling(self) -> Handling:
        """Return the consumer's, or one for a loop in another thread or task, which the next pull does not end."""
        try:
            handling = self.handling
            if self._place() is here() or (handling.span is not None and handling.span is get_current()):
                return handling
            self._elsewhere = True
            consuming.pulls.add(self)
            own = Handling()
            own.place = ref(here())
            own.batch = self._done_elsewhere
            consuming.loops.add(own)
        except Exception:
            fault(self.operation.scope)
            return self.handling
        return own


class Batch(list):  # type: ignore[type-arg]
    """Pulled messages: a list, whose loops make the span of each message current.

    Equal to the plain list, pickled and copied as one.
    """

    _pull: Pull | None = None

    def __iter__(self) -> Iterator[Any]:
        messages = list.__iter__(self)
        return messages if self._pull is None else self._pull.through(messages)

    def __reversed__(self) -> Iterator[Any]:
        messages = list.__reversed__(self)
        return messages if self._pull is None else self._pull.through(messages)

    def __getitem__(self, index: Any) -> Any:
        with hiding_frame:
            found = list.__getitem__(self, index)
        pull = self._pull
        if pull is not None:
            if isinstance(index, slice):
                return batch(found, pull)
            pull.look(found, index)
        return found

    def pop(self, *args: Any) -> Any:
        """Take a message out, and up."""
        with hiding_frame:
            message = list.pop(self, *args)
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
