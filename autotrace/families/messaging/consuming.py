"""Whose message is being handled: from a pull to the next one, a consumer has one open span, and it is current.

It ends when the next pull is asked for (waiting is not handling), when a loop over what was pulled moves on or ends, when
the consumer is closed, let go of or garbage-collected, and when the process ends.  The exception of a loop's body cannot
be seen from here; where one is in flight when the consumer is closed, or ended the program, the span has failed by it.

Not handled: a loop that is left by ``break`` is not noticed before the next pull, except a loop over a batch.
"""

from __future__ import annotations

import sys
from _thread import get_ident
from weakref import WeakSet, ref

from autotrace import propagation
from autotrace.families import suppression
from autotrace.families.calls import abandon, failed
from autotrace.families.execution import places
from autotrace.families.execution.places import live
from autotrace.faults import fault
from autotrace.trace import forks
from autotrace.trace.context import get_current, set_current
from autotrace.trace.span import LINK_HERE
from autotrace.trace.tracer import tracer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Optional

    from autotrace.families.messaging.batches import Pull
    from autotrace.trace.span import Facts, Operation, Span

    # facts and headers of a message; None for what is no message
    Read = Callable[[Any], Optional[tuple[Facts, Any]]]
    Enter = Callable[[Operation, Facts, Any], Span]

PROCESS, RECEIVE = "messaging.process", "messaging.receive"

_handlings: dict[int, tuple[ref[Any], Handling]] = {}
generation = [0]  # how many forks there were on the way to this process
pulls: WeakSet[Pull] = WeakSet()  # whose batches are gone through elsewhere than where they were pulled
unsettled: set[Handling] = set()  # that are at what lasts until it is settled
loops: set[Handling] = set()  # that go through these now
ELSEWHERE = -1  # no thread: what a consumer pulls is told of by another one that stands on it


class Handling:
    """What one consumer is at.

    Attributes:
        puller: the thread that is inside a pull; 0 where none is; or ELSEWHERE.
        span: the open span, or None.
        began: when the last pull began, on the tracer's clock.
        received: the span of the last pull, or None; see ``receiving``.
        batch: has the batch of the last pull closed, given whether the consumer goes on; or None.
        place: a reference to where messages are taken up; None where nobody comes back there.
    """

    __slots__ = ("_around", "_before", "_message", "batch", "began", "place", "puller", "received", "span")

    def __init__(self) -> None:
        self.place: ref[Any] | None = None
        self._around: Span | None = None  # what is open around the consumer, and ends it at the latest
        self.puller = 0
        self.began = 0
        self.received: Span | None = None
        self.batch: Callable[[bool], object] | None = None
        self.span: Span | None = None
        self._message = 0  # its id: it lives at least as long as the pull that brought it
        self._before = 0  # the id of the exception that was in flight when the span began: not the span's

    def begin(self, operation: Operation, message: Any, read: Read, enter: Enter | None = None) -> Span | None:
        """Take up a message: end what is open, make the new span current; the one that is open stays if it is the same.

        Never raises; None where it fails.

        Args:
            operation: of the span.
            message: what the program gets.
            read: returns its facts and headers.
            enter: starts the span, in place of ``entered``.
        """
        made = None
        try:
            span = self.span
            if span is not None:
                if id(message) == self._message and get_current() is span:
                    return span
                self.put_down()
            found = read(message)
            if found is None:
                return None
            facts, headers = found
            made = entered(operation, facts, headers) if enter is None else enter(operation, facts, headers)
            self._taken(made, message)
        except Exception:
            fault(operation.scope)
            if made is not None and self.span is not made:
                abandon(made)
            return None
        return made

    def resume(self, span: Span, message: Any) -> None:
        """Take up a message again that was put down; whoever calls stands behind the wall."""
        if self.span is span and get_current() is span:
            return
        self.put_down()
        places.revive(span)
        span.previous = live(get_current())
        set_current(span)
        self._taken(span, message)

    def holds(self, message: Any) -> bool:
        """Tell whether a message is the one that is being handled, though not where we are."""
        return self.span is not None and self._message == id(message) and get_current() is not self.span

    def take_over(self, message: Any) -> None:
        """Make current here what was taken up elsewhere; whoever calls stands behind the wall."""
        span = self.span
        if span is not None:
            span.previous = live(get_current())
            set_current(span)
            self.place = ref(places.here())
            self._taken(span, message)

    def _taken(self, span: Span, message: Any) -> None:
        self._message = id(message)
        self._before = id(sys.exc_info()[1])
        self.span = span
        around = span.previous
        if around is None or around.end:
            self._around = None
        if around is not None and around is not self._around:
            self._stand_in(around)

    def _stand_in(self, around: Span | None) -> None:
        """Let what is open around the consumer end, at the latest, what that brought."""
        while around is not None and (around.end or around.operation is suppression.OPERATION or _is_pulled(around)):
            around = around.previous
        if around is not None and around is not self._around:
            around.before_end(self._outlived)
        self._around = around

    def _outlived(self, around: Span) -> None:
        """End what is open since what is around it ends; never raises.

        Whoever goes on with the message after that, in another thread or task, does so beneath it.
        """
        try:
            if self._around is around:
                self._around = self.place = None
                self.end()
        except Exception:
            fault("messaging")

    def put_down(self, error: BaseException | None = None, until: int = 0, where: Any = None) -> None:
        """Put the message down; never raises.

        Args:
            error: what is in flight; it counts where it came up while the message was handled.
            until: the moment at which it ended, where the span is not to be handed over yet.
            where: what runs here, if that is known.
        """
        span = None
        try:
            span, self.span = self.span, None
            if span is None:
                return
            place = self.place
            if place is not None and (get_current() is not span or place() is not (where or places.here())):
                places.leave_stale(span, place)
            if until:
                span.end = span.end or until
                span.outcome = span.failure = None
                if get_current() is span:
                    set_current(span.previous)
            elif error is not None and id(error) != self._before:
                failed(span, error, span.operation.scope)
            else:
                tracer.finish(span)
            # Another consumer's span may be above or below: what has ended must not come back, nor make a chain.
            below = span.previous
            if below is not None:
                below = span.previous = live(below)
                if below is not None and below.end and below.previous is not None:
                    below.previous = _lasting(below.previous)
            current = get_current()
            if current is not None and current.end:
                set_current(live(current))
        except Exception:
            span, self.span = span or self.span, None
            fault(span.operation.scope if span is not None else "messaging")
            if span is not None and get_current() is span:
                set_current(span.previous)

    def end(self, error: BaseException | None = None, *, where: Any = None, goes_on: bool = False) -> None:
        """Put the message down, and be done with the pull that brought it; never raises.

        Args:
            error: see ``put_down``.
            where: see ``put_down``.
            goes_on: the consumer pulls again, while others may still be at the batch.
        """
        try:
            if self.span is not None:
                self.put_down(error, 0, where)
            batch = self.batch
            if batch is not None:
                self.batch = None
                batch(goes_on)
        except Exception:
            fault("messaging")
            span, self.span = self.span, None
            if span is not None and get_current() is span:
                set_current(span.previous)
            batch, self.batch = self.batch, None
            if batch is not None:
                batch(goes_on)


def enter(consumer: Any, scope: str) -> Handling | None:
    """Begin a pull: what was handled until now has been handled; None for a pull within a pull.  Never raises."""
    try:
        found = _handlings.get(id(consumer))
        handling = found[1] if found is not None else _meet(consumer)
        thread = get_ident()
        puller = handling.puller
        if puller and puller in (thread, ELSEWHERE):
            return None
        where = places.here()
        if handling.batch is not None:
            handling.end(where=where, goes_on=True)
        elif handling.span is not None:
            handling.put_down(None, 0, where)
        if handling.place is None or handling.place() is not where:
            handling.place = ref(where)
        handling.puller = thread
        handling.received = None
        handling.began = tracer.clock()
    except Exception:
        fault(scope)
        return None
    return handling


def entered(operation: Operation, facts: Facts, headers: Any) -> Span:
    """Start the span of a message that is being handled, and make it current.

    Its parent is whoever sent the message; what is current here is then linked (semantic conventions, messaging spans,
    "Trace structure").
    """
    current = ambient = get_current()
    if current is not None:
        current = live(current)
        ambient = around(current)
    remote = propagation.incoming_bytes(headers)
    if remote is not None and remote.trace_id:
        span = tracer.start(operation, facts, ambient, "", remote)
        if ambient is not None and ambient.trace.sampled:
            above = ambient.trace
            link(span, above.trace_id, ambient.span_id, above.flags | LINK_HERE, above.tracestate)
    else:
        span = tracer.enter(operation, facts, remote, ambient)
    span.previous = current
    set_current(span)
    return span


def around(current: Span | None) -> Span | None:
    """Return what is around a consumer, given what is current there: that is no pull of another batch."""
    span = suppression.recorded(current)
    while span is not None and span.operation.family is RECEIVE:
        span = suppression.recorded(span.previous)
    return span


def pulled_by(consumer: Any) -> Handling | None:
    """Return what a consumer is at; None where it has not pulled yet."""
    found = _handlings.get(id(consumer))
    return found[1] if found is not None else None


def holding(message: Any) -> tuple[Any, Handling | None]:
    """Return who is at a message elsewhere than here, and its handling."""
    for reference, handling in tuple(_handlings.values()):
        if handling.holds(message):
            return reference(), handling
    return None, None


def leave(consumer: Any) -> None:
    """Let a consumer's pulls be untraced: another one, which stands on it, tells of them."""
    _meet(consumer).puller = ELSEWHERE


def release(consumer: Any) -> None:
    """End what a consumer is at, with the exception that is in flight if there is one; never raises."""
    try:
        found = _handlings.get(id(consumer))
        if found is not None:
            found[1].end(sys.exc_info()[1])
    except Exception:
        fault("messaging")
        put_away(consumer)


def put_away(consumer: Any) -> None:
    """Let what a consumer is at be current no more, without ending it; never raises."""
    try:
        found = _handlings.get(id(consumer))
        span = found[1].span if found is not None else None
        if span is not None and get_current() is span:
            set_current(live(span.previous))
    except Exception:
        fault("messaging")


def _lasting(span: Span | None) -> Span | None:
    """Return the first span that is no message which has been handled, of those below."""
    while span is not None and span.end and span.operation.family is PROCESS:
        span = span.previous
    return span


def link(span: Span, trace_id: str, span_id: str, flags: int, tracestate: str) -> None:
    """Link a span that is recorded to another, which may be in another process."""
    if span.trace.sampled:
        span.more().links.append((trace_id, span_id, flags, tracestate))


def watch() -> None:
    """Once a process: end what is open when it ends, and leave it to the parent where it forks."""
    forks.until_the_end(_end_all, _forget)


def _meet(consumer: Any) -> Handling:
    """Remember a consumer by its identity, for as long as it lives; it need not be hashable."""
    handling = Handling()
    key = id(consumer)

    def gone(_reference: Any) -> None:
        try:
            _handlings.pop(key, None)
            handling.end()
        except Exception:  # Python would tell the program
            fault("messaging")

    _handlings[key] = ref(consumer, gone), handling
    return handling


def _end_all() -> None:
    """End what is open at the end of the process; the exception that ended the main thread is its failure there."""
    error = getattr(sys, "last_value", None)
    for handling in _all():
        span = handling.span
        handling.end(error if span is not None and get_current() is span else None)
    for pull in tuple(pulls):
        pull.flush()


def _is_pulled(span: Span) -> bool:
    """Tell whether a consumer is at a message: then it is not for another consumer to end with it."""
    return span.operation.family is PROCESS and any(handling.span is span for handling in _all())


def _forget() -> None:
    generation[0] += 1
    pulls.clear()
    unsettled.clear()
    for handling in _all():
        handling.span = handling.batch = None
        if handling.puller != ELSEWHERE:
            handling.puller = 0


def _all() -> list[Handling]:
    while True:
        try:
            return [handling for _reference, handling in list(_handlings.values())] + list(loops)
        except RuntimeError:  # a consumer was collected meanwhile
            continue
