"""Messages through a broker: a PRODUCER span for each one sent, a CONSUMER span while the program handles one.

What sending and its answer are is ``producing``'s subject, what is being handled and until when is ``consuming``'s; here
is what an instrumentor needs of all of them.  What the facts mean is in ``message_meaning``.

The pulls themselves are ``receiving``'s subject, commits are ``settling``'s; brokers that call back: ``handling``.
"""

from __future__ import annotations

from functools import partial
from itertools import chain
from time import time_ns

from autotrace.conventions.messaging import Meaning
from autotrace.families.messaging import (
    batches,
    consuming,
    producing,
    pull_settings,
    pulling,
    receiving,
    reporting,
    settling,
)
from autotrace.families.messaging.producing import fit
from autotrace.trace.context import get_current
from autotrace.trace.span import CLIENT, CONSUMER, PRODUCER, Operation

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any, Optional

    from autotrace.families.messaging.consuming import Handling, Read
    from autotrace.families.messaging.producing import Place, Watch
    from autotrace.families.messaging.pulling import HandOut
    from autotrace.families.messaging.reporting import Refused
    from autotrace.families.messaging.settling import Told
    from autotrace.patching import Args, Call, Kwargs, Wrap
    from autotrace.trace.span import Facts

    # client id, server ("host:port"), transactional id
    Sender = tuple[Optional[str], Optional[str], Optional[str]]
    # destination, partition, key, whether it is empty (None: the answer tells), who sends; the headers as they are given
    # (a list of pairs, or a dictionary), or None where none can be sent
    Message = Callable[[Args, Kwargs], Optional[tuple[Any, Any, Any, Optional[bool], Sender, Any]]]
    # the same but whether it is empty, and the program's callback (or None); called as the function that sends is
    Produced = Callable[..., tuple[Any, Any, Any, Sender, Any, Any]]
    # partition, offset, whether the message was empty (None: not told)
    Answered = Callable[[Any], tuple[Any, Any, Optional[bool]]]
    # client id, consumer group, server ("host:port"), member id, names or patterns that it has subscribed to
    Reader = tuple[Optional[str], Optional[str], Optional[str], Optional[str], tuple[str, ...]]
    Client = Callable[[Any], Reader]
    Over = tuple[type[Exception], ...]
    # topic and partition of each place that is committed
    Places = Callable[[Args, Kwargs], Sequence[tuple[Any, Any]]]
    # destination, partition, offset, key, whether it is empty, timestamp (ms since the epoch), headers; None: no message
    Received = Callable[[Any], Optional[tuple[Any, Any, Any, Any, bool, Any, Any]]]

__all__ = ["Messaging", "fit"]

_OVER = StopIteration, StopAsyncIteration
_LONGEST_KEY = 256  # characters or bytes; a longer key is data


class Messaging(Meaning):
    """The family, for one messaging system: see Meaning."""

    def send(self, message: Message, place: Place, watch: Watch, answered: Answered, awaited: bool = False) -> Wrap:
        """Trace a function that sends one message and returns its future at once.

        Args:
            message: looks at the arguments, which it must not change; None means that this call is not traced.
            place: where the argument is that takes the headers; see ``producing``.
            watch: given the future, has the second or third argument called once it succeeded or failed.
            answered: looks at what the future succeeded with.
            awaited: it is a coroutine function, which returns the future.
        """

        def prepare(args: Args, kwargs: Kwargs) -> tuple[Facts, Any, None] | None:
            found = message(args, kwargs)
            if found is None:
                return None
            *what, headers = found
            return _sent(*what), headers, None

        traced = partial(producing.sent, prepare=prepare, place=place, watch=watch, awaited=awaited)
        return self._sends(traced, answered)

    def report(self, message: Produced, place: Place, told: Place, refused: Refused, answered: Answered) -> Wrap:
        """Trace a function that sends one message and has a callback told how that went.

        Args:
            message: see Produced.
            place: see ``send``.
            told: where the argument is that takes the callback.
            refused: see ``reporting``.
            answered: looks at what the callback is told of.
        """

        def prepare(args: Args, kwargs: Kwargs) -> tuple[Facts, Any, Any] | None:
            try:
                found = message(*args, **kwargs)
            except TypeError:  # an argument is given twice: the library is the one to say so
                found = message(*args)
            destination, partition, key, client, headers, callback = found
            return _sent(destination, partition, key, None, client), headers, callback

        traced = partial(reporting.reported, prepare=prepare, place=place, told=told, refused=refused)
        return self._sends(traced, answered)

    def _sends(self, traced: Any, answered: Answered) -> Wrap:
        def answer(result: Any) -> Facts:
            partition, offset, empty = answered(result)
            # PERF: `_number`, spelled out
            return (
                partition if type(partition) is int and partition >= 0 else None,
                offset if type(offset) is int and offset >= 0 else None,
                empty,
            )

        def wrap(original: Call, scope: str) -> Call:
            producing.watch()
            operation = Operation(producing.SEND, PRODUCER, scope, self.describe_send)
            made: Call = traced(original, operation, answer=answer)
            return made

        return wrap

    def one(self, received: Received, client: Client, awaited: bool = False, over: Over = _OVER) -> Wrap:
        """Trace a consumer's function that returns the next message: it is handled until the next pull.

        Args:
            received: looks at a message.
            client: looks at the consumer.
            awaited: it is a coroutine function.
            over: exceptions by which it says that there will be no more messages.
        """

        def taking(receive: Operation, process: Operation) -> HandOut:
            def hand_out(handling: Handling, message: Any, consumer: Any) -> Any:
                if message is not None:
                    read = _reader(received, client(consumer))
                    if get_current() is not None or pull_settings.chosen.receive_spans == "always":
                        receiving.alone(handling, message, receive, read)
                    handling.begin(process, message, read)
                return message

            return hand_out

        return self._pulled(client, taking, awaited, over)

    def batches(self, received: Received, client: Client, awaited: bool = False, over: Over = _OVER) -> Wrap:
        """Trace a consumer's function that returns a fresh dictionary of lists of messages, or a fresh list; see ``one``.

        Each message is handled while the body of a loop over its list runs, or once it is taken by its index.
        """

        def place(message: Any) -> Any:
            found = received(message)
            return (_text(found[0]), _number(found[1]), found[6]) if found is not None else None

        def taking(receive: Operation, process: Operation) -> HandOut:
            def hand_out(handling: Handling, found: Any, consumer: Any) -> Any:
                if not found:
                    return found
                lists = [found] if type(found) is list else found.values()
                messages = list(chain.from_iterable(lists))
                reader = client(consumer)
                read = _reader(received, reader)
                pull = batches.Pull(handling, process, read, len(messages) == 1)
                if len(messages) == 1:
                    receiving.alone(handling, messages[0], receive, read)
                else:
                    receiving.several(pull, messages, receive, place, reader)
                if type(found) is list:
                    return batches.batch(found, pull)
                for key, those in found.items():
                    if type(those) is list:
                        found[key] = batches.batch(those, pull)
                return found

            return hand_out

        return self._pulled(client, taking, awaited, over)

    def _pulled(
        self, client: Client, taking: Callable[[Operation, Operation], HandOut], awaited: bool, over: Over
    ) -> Wrap:
        """Trace a function that pulls.

        Args:
            client: see ``one``.
            taking: makes what takes up what came, given the operations of a pull's span and of the messages'.
            awaited: see ``one``.
            over: see ``one``.
        """

        def wrap(original: Call, scope: str) -> Call:
            consuming.watch()
            receive = Operation(receiving.RECEIVE, CLIENT, scope, self.describe_receive)
            process = Operation(consuming.PROCESS, CONSUMER, scope, self.describe_process)

            def failed(handling: Handling, error: Exception, consumer: Any) -> None:
                if not isinstance(error, over):
                    facts = client(consumer)
                    receiving.failed(handling, error, receive, facts, facts[4])

            return pulling.pulling(taking(receive, process), failed, awaited)(original, scope)

        return wrap

    def commit(
        self,
        places: Places,
        client: Client,
        watch: Watch | None = None,
        told: Told | None = None,
        awaited: bool = False,
    ) -> Wrap:
        """Trace a consumer's function that commits how far it has come.

        Args:
            places: looks at the arguments; see Places.
            client: looks at the consumer.
            watch: where the function returns a future at once; see ``send``.
            told: finds in what the function returns that it failed.
            awaited: it is a coroutine function.
        """

        def prepare(args: Args, kwargs: Kwargs) -> Facts:
            try:
                found = [(_text(topic), _number(partition)) for topic, partition in places(args, kwargs)]
            except (AttributeError, TypeError, ValueError):  # no places: the library is the one to say so
                found = []
            destinations = {topic for topic, _partition in found}
            destination = destinations.pop() if len(destinations) == 1 else None
            return (destination, found[0][1] if len(found) == 1 else None, *client(args[0]))

        return settling.settling(self.describe_settle, prepare, watch, told, awaited)

    def transaction(self, name: str, sender: Callable[[Any], Sender], awaited: bool = False) -> Wrap:
        """Trace a producer's function that ends its transaction.

        Args:
            name: what it does.
            sender: looks at the producer.
            awaited: it is a coroutine function.
        """

        def prepare(args: Args, _kwargs: Kwargs) -> Facts:
            return (name, *sender(args[0]))

        return settling.settling(self.describe_transaction, prepare, None, None, awaited)

    def failing(self) -> Wrap:
        """Wrap a function that stands on a pull and looks at what it brought: what it raises, the message failed of."""
        return pulling.failing()

    def release(self, awaited: bool | None = None) -> Wrap:
        """Wrap a consumer's function after which it handles nothing: closing it, giving its subscription up.

        Args:
            awaited: of a consumer whose pulls are awaited: whether this function is, too.
        """
        return pulling.letting_go() if awaited is None else pulling.releasing(awaited)


def _reader(received: Received, client: Reader) -> Read:
    """Return the function that takes the facts of a message that has just been pulled, and its headers."""
    return partial(_read, received, client, time_ns() // 1_000_000)


def _read(received: Received, client: Reader, now: int, message: Any) -> tuple[Facts, Any] | None:
    found = received(message)
    if found is None:
        return None
    destination, partition, offset, key, empty, timestamp, headers = found
    client_id, group, server, member, topics = client
    # PERF: `_text`, `_number` and `_short`, spelled out for what comes most often
    facts = (
        destination if type(destination) is str else str(destination),
        partition if type(partition) is int and partition >= 0 else None,
        offset if type(offset) is int and offset >= 0 else None,
        key if key is None or (type(key) is bytes and len(key) <= _LONGEST_KEY) else _short(key),
        bool(empty),
        now - timestamp if type(timestamp) is int and 0 <= timestamp <= now else None,
        client_id,
        group,
        server,
        member,
        topics,
    )
    return facts, headers


def _sent(destination: Any, partition: Any, key: Any, empty: bool | None, client: Sender) -> Facts:
    """Return the facts of a message that is sent.  PERF: most of them are what they should be."""
    client_id, server, transaction = client
    return (
        destination if type(destination) is str else str(destination),
        None if partition is None else _number(partition),
        key if key is None or (type(key) is bytes and len(key) <= _LONGEST_KEY) else _short(key),
        empty,
        client_id,
        server,
        transaction,
    )


def _text(given: Any) -> str:
    return given if type(given) is str else str(given)


def _number(given: Any) -> int | None:
    """Return a whole number of 0 or more; brokers say -1 where they do not know."""
    return given if type(given) is int and given >= 0 else None


def _short(key: Any) -> str | bytes | None:
    """Return a key that may be kept: text, bytes or a whole number, and not long."""
    kind = type(key)
    if kind is int:
        return str(key)
    if kind in (str, bytes, bytearray, memoryview) and len(key) <= _LONGEST_KEY:
        return key if kind is str else bytes(key)
    return None


def only_server(servers: Any) -> str | None:
    """Return the address that a client was given, as a text or a list; None where it was given several."""
    if isinstance(servers, str):
        servers = servers.split(",")
    if isinstance(servers, (list, tuple)) and len(servers) == 1:
        return str(servers[0]).strip()
    return None
