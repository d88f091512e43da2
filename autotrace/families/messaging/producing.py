"""Sending a message: the call that sends it, the context in its headers, and the broker's answer, which ends the span.

The span is current during the call only; then it waits for the future that the call returned, on whatever thread that is
told.  Nobody waits for it, and it is let go of as soon as it is known, however long the program keeps the future.

Not handled: a serializer of the program that looks at the headers sees ours among them.
"""

from __future__ import annotations

from autotrace import propagation
from autotrace.families.calls import abandon, failed
from autotrace.families.execution.places import live
from autotrace.families.messaging import consuming
from autotrace.faults import fault
from autotrace.patching.model import argument, with_argument
from autotrace.patching.wrapping import around
from autotrace.trace import forks
from autotrace.trace.context import get_current, set_current
from autotrace.trace.failure import hiding_frame
from autotrace.trace.span import LINK_REMOTE
from autotrace.trace.tracer import tracer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any, Optional

    from autotrace.patching import Args, Call, Kwargs, Wrap
    from autotrace.trace.span import Facts, Operation, Span
    from autotrace.trace.tracer import Remote

    # facts; the headers as they are given (pairs or a dictionary), or None where none can be sent; the program's callback
    Prepare = Callable[[Args, Kwargs], Optional[tuple[Facts, Any, Any]]]
    Watch = Callable[[Any, Callable[[Any], None], Callable[[BaseException], None]], None]
    Answer = Callable[[Any], Optional[Facts]]
    # position (receiver included) and name of the argument that takes the headers
    Place = tuple[int, str]

SEND = "messaging.send"
_LINKING = consuming.PROCESS, consuming.RECEIVE  # their links are to whoever sent what came

_unanswered: set[Span] = set()


def sent(
    original: Call,
    operation: Operation,
    prepare: Prepare,
    place: Place,
    watch: Watch,
    answer: Answer,
    awaited: bool = False,
) -> Call:
    """Return the traced form of a function that sends one message and returns its future at once.

    Args:
        original: the function.
        operation: of the spans.
        prepare: see Prepare.
        place: see Place.
        watch: given the future, has the second or third argument called once it succeeded or failed.
        answer: looks at what the future succeeded with.
        awaited: it is a coroutine function, which returns the future.
    """
    scope = operation.scope

    def enter(args: Args, kwargs: Kwargs) -> tuple[Span | None, Args]:
        return begin(operation, prepare, place, args, kwargs)

    def leave(span: Span, future: Any) -> Any:
        hand_over(span, future, watch, answer)
        return future

    return around(enter, leave, lambda span, error: failed(span, error, scope), awaited)(original, scope)


def watch_future(future: Any, succeeded: Callable[[Any], None], failed: Callable[[BaseException], None]) -> None:
    """Watch an asyncio future: a Watch.  That nobody looked at its exception is still asyncio's to say."""

    def done(future: Any) -> None:
        try:
            if future.cancelled():
                succeeded(None)
            elif future._exception is not None:  # noqa: SLF001 - exception() counts as looking at it
                failed(future._exception)  # noqa: SLF001
            else:
                succeeded(future.result())
        except Exception:  # asyncio would tell the program
            fault("messaging")

    future.add_done_callback(done)


def begin(operation: Operation, prepare: Prepare, place: Place, args: Args, kwargs: Kwargs) -> tuple[Span | None, Args]:
    """Start the span, put its context into fresh headers and make it current; never raises."""
    try:
        span, sent, _theirs = started(operation, prepare, place, args, kwargs)
        if span is not None:
            set_current(span)
    except Exception:
        fault(operation.scope)
        return None, args
    return span, sent


def started(
    operation: Operation, prepare: Prepare, place: Place, args: Args, kwargs: Kwargs
) -> tuple[Span | None, Args, Any]:
    """Start the span and put its context into fresh headers; return it, the arguments to send with, and the callback."""
    parent = get_current()
    if parent is not None:
        parent = live(parent)
        if parent is not None and parent.operation.family is SEND and not parent.end:
            return None, args, None
    prepared = prepare(args, kwargs)
    if prepared is None:
        return None, args, None
    facts, given, theirs = prepared
    span = tracer.start(operation, facts, parent)
    if given is not None:
        plain = not given and not isinstance(given, dict)
        carried = propagation.outgoing_bytes(span) or given if plain else _carried(given, span)
        if carried is not given:
            index, name = place
            args = with_argument(args, kwargs, index, name, carried)
    return span, args, theirs


def hand_over(span: Span, future: Any, watch: Watch, answer: Answer) -> None:
    """Let the future end the span, which is not current any more; never raises."""
    try:
        if get_current() is span:
            set_current(span.previous)
        if span.trace.sampled:
            delivery = Delivery(span, answer)
            watch(future, delivery.succeeded, delivery.failed)
        else:
            tracer.finish(span)
    except Exception:
        fault(span.operation.scope)
        abandon(span)


class Delivery:
    """Ends a producer's span once, when the broker has answered; on whatever thread tells, and also if nobody does."""

    __slots__ = ("_answer", "_span")

    def __init__(self, span: Span, answer: Answer) -> None:
        self._span: Span | None = span
        self._answer = answer
        _unanswered.add(span)

    def succeeded(self, result: Any) -> None:
        """End the span with what the broker said; never raises."""
        span = self.take()
        if span is None:
            return
        try:
            tracer.finish(span, self._answer(result))
        except Exception:
            fault(span.operation.scope)
            abandon(span)

    def failed(self, error: BaseException) -> None:
        """End the span with why the message was not delivered; never raises."""
        span = self.take()
        if span is not None:
            failed(span, error, span.operation.scope)

    def take(self) -> Span | None:
        """Let go of the span, and return it to the first who asks, in the process that sent the message; never raises."""
        try:
            span = self._span
            if span is None:
                return None
            self._span = None
            _unanswered.remove(span)
        except KeyError:
            return None
        except Exception:
            fault("messaging")
            return None
        return span

    def __del__(self) -> None:
        try:
            if self._span is not None:
                span = self.take()
                if span is not None:
                    tracer.finish(span)
        except Exception:
            return


def watch() -> None:
    """Once a process: end what is unanswered when it ends, and leave it to the parent where it forks."""
    forks.until_the_end(_end_all, _unanswered.clear)


def _end_all() -> None:
    """End what the library could not bring to an end in its own exit handlers, which run before ours."""
    try:
        while _unanswered:
            tracer.finish(_unanswered.pop())
    except Exception:  # another thread was told of the last one
        fault("messaging")


def fit(limit: Callable[[Args], int], place: Place) -> Wrap:
    """Wrap the function that estimates a message's size: ours must not be what makes it too large to be sent.

    Args:
        limit: the most bytes that a message may have, from the arguments.
        place: where the headers are that will be sent; ours are taken out of them in place.
    """

    def wrap(original: Call, scope: str) -> Call:
        def traced(*args: Any, **kwargs: Any) -> Any:
            with hiding_frame:
                size = original(*args, **kwargs)
                if _unburdened(size, limit, args, kwargs, place, scope):
                    size = original(*args, **kwargs)  # it only adds up
            return size

        return traced

    return wrap


def _carried(given: Any, span: Span) -> Any:
    """Return fresh headers with the context, or the given ones where there is nothing to add; see ``_replaced``."""
    if isinstance(given, dict):
        return put_into(given, span) or given
    replaced = _replaced(given, span)
    ours = propagation.outgoing_bytes(span)
    if replaced is None or not ours:
        return given
    theirs = [pair for pair in given if _name(pair) not in replaced]
    taken = {_name(pair) for pair in theirs}
    return theirs + [pair for pair in ours if pair[0] not in taken]


def put_into(headers: Mapping[str, Any] | None, span: Span) -> dict[str, Any] | None:
    """Return fresh headers, by their names, with the context; None where there is nothing to add.  See ``_replaced``."""
    ours = dict(propagation.outgoing(span))
    if not headers or not ours:
        return ours or None
    replaced = _replaced(headers, span)
    if replaced is None:
        return None
    theirs = {name: value for name, value in headers.items() if str(name).lower() not in replaced}
    taken = {str(name).lower() for name in theirs}
    return {**theirs, **{name: value for name, value in ours.items() if name not in taken}}


def _replaced(headers: Any, span: Span) -> set[str] | None:
    """Return the names of the headers whose place ours take; None where what is there stays.

    A context that the program put there stays, and is linked (semantic conventions, messaging spans, "Producer spans").  One
    that came with the message which is being handled does not: it was the last sender's, and now this is who sends.  Nor
    does a broken one.  Baggage stays where the program has changed it.
    """
    remote = propagation.incoming_bytes(headers)
    known = remote is not None and remote.trace_id != ""
    if remote is not None and known and not _came_in(remote, span):
        consuming.link(span, remote.trace_id, remote.span_id, remote.flags | LINK_REMOTE, remote.tracestate)
        return None
    names = set(propagation.fields())
    if not known or (remote is not None and remote.baggage != span.trace.baggage):
        names.discard("baggage")
    return names


def _came_in(remote: Remote, span: Span) -> bool:
    """Tell whether a context came in with what is being done here: a request, a message, or one of those of a pull."""
    above: Span | None = span
    while above is not None:
        if above.remote and above.parent_id == remote.span_id and above.trace.trace_id == remote.trace_id:
            return True
        if above.extras is not None and above.operation.family in _LINKING:
            for trace_id, span_id, flags, _state in above.extras.links:
                if span_id == remote.span_id and trace_id == remote.trace_id and flags & LINK_REMOTE == LINK_REMOTE:
                    return True
        above = above.previous
    return False


def _name(pair: Any) -> str:
    return str(pair[0]).lower() if isinstance(pair, (tuple, list)) and pair else ""


def _unburdened(size: int, limit: Callable[[Args], int], args: Args, kwargs: Kwargs, place: Place, scope: str) -> bool:
    """Take our headers out of a message that they make too large; tell whether they were there.  Never raises."""
    try:
        headers = argument(args, kwargs, *place)
        if not headers or size <= limit(args):
            return False
        span = get_current()
        if span is None or span.operation.family is not SEND:
            return False
        ours = propagation.outgoing_bytes(span)
        if not ours or headers[-len(ours) :] != ours:
            return False
        del headers[-len(ours) :]
    except Exception:
        fault(scope)
        return False
    return True
