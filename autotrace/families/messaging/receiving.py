"""The spans of pulls (``receive``), and whose children the messages of a batch are.

A pull that brings nothing has no span, one that raises has.  One that brings a single message has one only where a span
is current around the consumer, other than of another message (a program may take turns between consumers): elsewhere it
would be a trace of one span beside each message's own.  One that brings several messages always has one, linked to every
producer: nothing else tells that they came together.  ``receive_spans`` changes that.

Where nothing else is current, the span of a pull that brought several messages is, as long as none of them is taken up.

A message that came alone is beneath whoever sent it.  So are those of a batch, unless ``batch_parent`` is ``ambient``: then
they are beneath the span around the consumer, or where there is none beneath the pull's, and linked to whoever sent them.

Not handled: links beyond ``link_count`` are counted, not told.
"""

from __future__ import annotations

from functools import partial

from autotrace import propagation
from autotrace.families.execution.places import live
from autotrace.families.messaging import consuming, pull_settings
from autotrace.faults import fault
from autotrace.trace.context import get_current, set_current
from autotrace.trace.span import LINK_REMOTE, Trace
from autotrace.trace.tracer import tracer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any, Optional

    from autotrace.families.messaging.batches import Pull
    from autotrace.families.messaging.consuming import Handling, Read
    from autotrace.trace.span import Facts, Operation, Span

    # a message's destination, partition and headers; None for what is no message
    Place = Callable[[Any], Optional[tuple[str, Optional[int], Any]]]

RECEIVE = consuming.RECEIVE


def alone(handling: Handling, message: Any, operation: Operation, read: Read) -> None:
    """Tell of a pull that brought one message, where that is wanted; never raises."""
    try:
        ambient = consuming.around(live(get_current()))
        wanted = pull_settings.chosen.receive_spans
        if ambient is not None and not ambient.trace.sampled:
            return
        if wanted != "always" and (
            wanted == "never" or ambient is None or ambient.operation.family is consuming.PROCESS
        ):
            return
        found = read(message)
        if found is None:
            return
        facts, headers = found
        destination, partition, offset, key, empty, _wait, *client = facts
        span = tracer.start(operation, (destination, partition, offset, key, empty, 1, *client), ambient)
        _finish(handling, span, (headers,))
    except Exception:
        fault(operation.scope)


def several(pull: Pull, messages: Sequence[Any], operation: Operation, place: Place, client: Facts) -> None:
    """Tell of a pull that brought several messages, and what they are beneath; never raises.

    Args:
        pull: what will hand them out.
        messages: all that came.
        operation: of the pull's span.
        place: see Place.
        client: facts of the consumer.
    """
    try:
        span = None
        ambient = consuming.around(live(get_current()))
        if pull_settings.chosen.receive_spans != "never" and (ambient is None or ambient.trace.sampled):
            span = _of_batch(pull.handling, messages, operation, place, client, ambient)
        if pull_settings.chosen.batch_parent == "ambient":
            pull.enter = partial(_beneath, span)
        if span is not None:
            pull.stand_for(span)
    except Exception:
        fault(operation.scope)


def failed(handling: Handling, error: Exception, operation: Operation, client: Facts, names: tuple[str, ...]) -> None:
    """Tell of a pull that raised; whoever calls stands behind the wall.

    Args:
        handling: the consumer's.
        error: what the library raised.
        operation: of the pull's span.
        client: facts of the consumer.
        names: what it has subscribed to.
    """
    ambient = consuming.around(live(get_current()))
    if pull_settings.chosen.receive_spans == "never" or (ambient is not None and not ambient.trace.sampled):
        return
    destination = names[0] if len(names) == 1 else None
    span = tracer.start(operation, (destination, None, None, None, None, 0, *client), ambient)
    span.start = handling.began or span.start
    tracer.fail(span, error)


def _of_batch(
    handling: Handling, messages: Sequence[Any], operation: Operation, place: Place, client: Facts, ambient: Span | None
) -> Span | None:
    span = tracer.start(operation, (), ambient)
    if not span.trace.sampled:
        tracer.finish(span)
        return span
    destinations, partitions, headers = set(), set(), []
    for message in messages:
        found = _found(place, message, operation.scope)
        if found is not None:
            destinations.add(found[0])
            partitions.add(found[1])
            headers.append(found[2])
    count = len(headers)
    if not count:
        return None
    destination = destinations.pop() if len(destinations) == 1 else None
    partition = partitions.pop() if destination is not None and len(partitions) == 1 else None
    span.facts = destination, partition, None, None, None, count, *client
    _finish(handling, span, headers)
    return span


def _found(place: Place, message: Any, scope: str) -> tuple[str, int | None, Any] | None:
    """Look at a message; what cannot be looked at is left out."""
    try:
        return place(message)
    except Exception:
        fault(scope)
        return None


def _finish(handling: Handling, span: Span, headers: Sequence[Any]) -> None:
    """End a pull's span, which began when the pull did, and link it to whoever sent what it brought."""
    span.start = handling.began or span.start
    if span.trace.sampled:
        room = pull_settings.chosen.link_count
        for one in headers[:room]:
            _link(span, propagation.incoming_bytes(one))
        if len(headers) > room:
            span.more().dropped_links += len(headers) - room
    handling.received = span
    tracer.finish(span)


def _beneath(received: Span | None, operation: Operation, facts: Facts, headers: Any) -> Span:
    """Start the span of a message of a batch beneath what is around the consumer; see ``consuming.entered``."""
    current = live(get_current())
    ambient = consuming.around(current)
    remote = propagation.incoming_bytes(headers)
    span = tracer.start(operation, facts, ambient if ambient is not None else received)
    span.previous = current
    if remote is not None and remote.baggage and not span.trace.baggage:
        trace = span.trace
        span.trace = Trace(trace.trace_id, trace.flags, trace.tracestate, remote.baggage)
    _link(span, remote)
    set_current(span)
    return span


def _link(span: Span, remote: Any) -> None:
    if remote is not None and remote.trace_id:
        consuming.link(span, remote.trace_id, remote.span_id, remote.flags | LINK_REMOTE, remote.tracestate)
