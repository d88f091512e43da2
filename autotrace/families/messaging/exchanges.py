"""Messages that are published to an exchange and taken from a queue: AMQP 0-9-1.

A PRODUCER span for each message that is published, which ends when the call does: where the broker confirms, a library may
wait for that or not.  A CONSUMER span while the program handles one, whether it is called back or takes it.

Semantic conventions 1.44, "RabbitMQ" (in development).  Acknowledgements have no spans.  A queue that is made for one
client, such as the one that it takes replies from, names no span.
"""

from __future__ import annotations

from autotrace.conventions.exchanges import ExchangeMeaning
from autotrace.families.calls import Calls
from autotrace.families.messaging import consuming, handling, producing, pulling, until_settled
from autotrace.faults import fault
from autotrace.patching.model import argument, with_argument
from autotrace.patching.wrapping import after, around
from autotrace.trace.failure import hiding_frame
from autotrace.trace.span import CONSUMER, PRODUCER, Operation

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from typing import Any, Optional

    from autotrace.families.messaging.handling import Prepare
    from autotrace.families.messaging.producing import Place
    from autotrace.patching import Args, Call, Kwargs, Wrap
    from autotrace.trace.span import Facts, Span

    # the facts of `sent`, and a fresh copy of what the message travels with: its attribute `headers` may be set
    Message = Callable[[Args, Kwargs], Optional[tuple[Facts, Any]]]
    # the facts of `received` and the headers, of what a function returned; None where there was no message
    Taken = Callable[[Any, Args, Kwargs], Optional[tuple[Facts, Any]]]
    # by what a message came, from what a function returned
    Channel = Callable[[Any], Any]
    # by what a message came, and its tag
    Settled = Callable[[Any], tuple[Any, int]]


class Exchanges(ExchangeMeaning):
    """The family, for one messaging system.

    Args:
        system: the conventions' name of it (``messaging.system``).
    """

    def __init__(self, system: str) -> None:
        super().__init__(system)
        self._sending = Calls(producing.SEND, PRODUCER, self.describe_send, _put)

    def publish(self, message: Message, place: Place) -> Wrap:
        """Trace a function that publishes one message.

        Args:
            message: looks at the arguments, which it must not change; None means that this call is not traced.
            place: position (receiver included) and name of the argument that takes the copy.
        """
        return self._sending.call(_prepared(message, place), _nothing)

    def async_publish(self, message: Message, place: Place) -> Wrap:
        """Trace a coroutine function that publishes one message; see ``publish``."""
        return self._sending.async_call(_prepared(message, place), _nothing)

    def handler(self, prepare: Prepare, place: Place) -> Wrap:
        """Trace a function that is given a handler of messages; see ``handling.given``."""
        return handling.given(self._processing, prepare, place)

    def take(self, taken: Taken) -> Wrap:
        """Trace a function that returns one message: it is handled until the next one is asked for, or it is settled."""
        return self._taking(taken, lambda args, _result: args[0], awaited=False)

    def async_take(self, taken: Taken, channel: Channel | None = None) -> Wrap:
        """Trace a coroutine function that returns one message, which is handled until the next one is asked for.

        Args:
            taken: see Taken.
            channel: where it is handled until it is settled at the latest: finds by what.
        """
        by = None if channel is None else lambda _args, result: channel(result)
        return self._taking(taken, by, awaited=True)

    def _taking(self, taken: Taken, channel: Callable[[Args, Any], Any] | None, awaited: bool) -> Wrap:
        def wrap(original: Call, scope: str) -> Call:
            consuming.watch()
            operation = self._processing(scope)

            def enter(args: Args, kwargs: Kwargs) -> tuple[Any, Args]:
                pull = consuming.enter(args[0], scope) if args else None
                return (None if pull is None else (pull, args, kwargs)), args

            def leave(state: Any, result: Any) -> Any:
                pull, args, kwargs = state
                pull.puller = 0
                _take_up(pull, operation, result, taken, args, kwargs, channel)
                return result

            def raised(state: Any, _error: BaseException) -> None:
                state[0].puller = 0

            return around(enter, leave, raised, awaited)(original, scope)

        return wrap

    def async_settle(self, channel_and_tag: Settled, *, several: bool = True) -> Wrap:
        """Trace a message's coroutine function that settles it.

        Args:
            channel_and_tag: looks at the message.
            several: the first argument tells whether all up to its tag are meant.
        """

        def look(args: Args, kwargs: Kwargs, result: Any) -> Any:
            until_settled.settled(*channel_and_tag(args[0]), several and bool(argument(args, kwargs, 1, "multiple")))
            return result

        return after(look, awaited=True)

    def settle(self, *, several: bool = True) -> Wrap:
        """Trace a function that settles messages, whose first argument is a tag.

        Args:
            several: the second argument tells whether all up to that tag are meant.
        """

        def look(args: Args, kwargs: Kwargs, result: Any) -> Any:
            tag = argument(args, kwargs, 1, "delivery_tag", 0)
            until_settled.settled(args[0], tag, several and bool(argument(args, kwargs, 2, "multiple")))
            return result

        return after(look)

    def walk(self, taken: Taken) -> Wrap:
        """Trace a function that makes a generator of messages: each is handled while the loop's body runs.

        Where the loop is left its message is put away, and ends with what the program does next to the consumer: only
        then can be seen whether an exception has left it.
        """

        def wrap(original: Call, scope: str) -> Call:
            consuming.watch()
            operation = self._processing(scope)

            def traced(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
                made = original(*args, **kwargs)
                with hiding_frame:
                    try:
                        while True:
                            pull = consuming.enter(args[0], scope) if args else None
                            try:
                                message = next(made)
                            except StopIteration as stop:
                                return stop.value
                            finally:
                                if pull is not None:
                                    pull.puller = 0
                            if pull is not None:
                                _take_up(pull, operation, message, taken, args, kwargs)
                            yield message
                    except GeneratorExit:
                        if args:
                            consuming.put_away(args[0])
                        made.close()
                        raise

            return traced

        return wrap

    def release(self) -> Wrap:
        """Wrap a function after which nothing is handled."""
        return pulling.letting_go()

    def async_release(self) -> Wrap:
        """Wrap a coroutine function after which nothing is handled."""
        return pulling.async_letting_go()

    def _processing(self, scope: str) -> Operation:
        return Operation(consuming.PROCESS, CONSUMER, scope, self.describe_process)


def sent(exchange: Any, key: Any, message_id: Any, correlation_id: Any, host: Any, port: Any) -> Facts:
    """Return the facts of a message that is published."""
    return _text(exchange), _text(key), _text(message_id), _text(correlation_id), _text(host), _number(port)


def received(
    exchange: Any,
    key: Any,
    queue: Any,
    tag: Any,
    again: Any,
    message_id: Any,
    correlation_id: Any,
    host: Any,
    port: Any,
) -> Facts:
    """Return the facts of a message that was delivered; ``queue`` is what the program calls it, ``tag`` is a number."""
    first = _text(exchange), _text(key), _text(queue), _number(tag), bool(again)
    return (*first, _text(message_id), _text(correlation_id), _text(host), _number(port))


def _prepared(message: Message, place: Place) -> Callable[[Args, Kwargs], tuple[Facts, Any, Args] | None]:
    def before(args: Args, kwargs: Kwargs) -> tuple[Facts, Any, Args] | None:
        found = message(args, kwargs)
        if found is None:
            return None
        facts, copied = found
        return facts, copied, with_argument(args, kwargs, *place, copied)

    return before


def _put(copied: Any, span: Span) -> None:
    headers = producing.put_into(copied.headers, span)
    if headers is not None:
        copied.headers = headers


def _nothing(_result: Any) -> None:
    return None


def _take_up(
    pull: consuming.Handling,
    operation: Operation,
    result: Any,
    taken: Taken,
    args: Args,
    kwargs: Kwargs,
    channel: Callable[[Args, Any], Any] | None = None,
) -> None:
    """Take up what was returned; never raises."""
    try:
        found = taken(result, args, kwargs)
        if found is not None:
            span = pull.begin(operation, result, lambda _message: found)
            if channel is not None and span is not None:
                until_settled.until_settled(pull, channel(args, result), span.facts[3])
    except Exception:
        fault(operation.scope)


def _text(given: Any) -> str:
    return given if type(given) is str else "" if given is None else str(given)


def _number(given: Any) -> int:
    return given if type(given) is int else 0
