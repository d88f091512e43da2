"""Messages through a broker: a PRODUCER span for each one sent, a CONSUMER span while the program handles one.

What sending and its answer are is ``producing``'s subject, what is being handled and until when is ``consuming``'s; here
is what an instrumentor needs of both, and what their facts mean.

Not made yet: spans of the pulls themselves (``receive``) and of commits (``settle``).  Brokers that call back: ``handling``.

Semantic conventions 1.44, messaging spans (in development).
"""

from __future__ import annotations

from functools import partial
from time import time_ns

from autotrace.protocols import batches, consuming, producing, pulling, reporting
from autotrace.protocols.http import host_and_port
from autotrace.protocols.producing import fit
from autotrace.trace.span import CONSUMER, ERROR, PRODUCER, UNSET, Operation

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Optional

    from autotrace.patching import Args, Call, Kwargs, Wrap
    from autotrace.protocols.batches import Pull
    from autotrace.protocols.consuming import Handling, Read
    from autotrace.protocols.producing import Place, Watch
    from autotrace.protocols.reporting import Reports
    from autotrace.trace.failure import Failure
    from autotrace.trace.span import Attributes, Description, Facts

    # client id, server ("host:port"), transactional id
    Sender = tuple[Optional[str], Optional[str], Optional[str]]
    # destination, partition, key, whether it is empty (None: the answer tells), who sends; the headers as they are given
    # (a list of pairs, or a dictionary), or None where none can be sent
    Message = Callable[[Args, Kwargs], Optional[tuple[Any, Any, Any, Optional[bool], Sender, Any]]]
    # partition, offset, whether the message was empty (None: not told)
    Answered = Callable[[Any], tuple[Any, Any, Optional[bool]]]
    # client id, consumer group, server ("host:port"), member id, names or patterns that it has subscribed to
    Reader = tuple[Optional[str], Optional[str], Optional[str], Optional[str], tuple[str, ...]]
    Client = Callable[[Any], Reader]
    # destination, partition, offset, key, whether it is empty, timestamp (ms since the epoch), headers; None: no message
    Received = Callable[[Any], Optional[tuple[Any, Any, Any, Any, bool, Any, Any]]]

__all__ = ["Messaging", "fit"]

_LONGEST_KEY = 256  # characters or bytes; a longer key is data


class Messaging:
    """The family, for one messaging system.

    Args:
        system: the conventions' name of it (``messaging.system``).
    """

    def __init__(self, system: str) -> None:
        self._system = system
        self._offset = f"messaging.{system}.offset"
        self._key = f"messaging.{system}.message.key"
        self._tombstone = f"messaging.{system}.message.tombstone"

    def send(self, message: Message, place: Place, watch: Watch, answered: Answered, awaited: bool = False) -> Wrap:
        """Trace a function that sends one message and returns its future at once.

        Args:
            message: looks at the arguments, which it must not change; None means that this call is not traced.
            place: where the argument is that takes the headers; see ``producing``.
            watch: given the future, has the second or third argument called once it succeeded or failed.
            answered: looks at what the future succeeded with.
            awaited: it is a coroutine function, which returns the future.
        """
        return self._sends(producing.sent_awaited if awaited else producing.sent, message, place, watch, answered)

    def _sends(self, traced: Any, message: Message, place: Place, told: Any, answered: Answered) -> Wrap:
        def prepare(args: Args, kwargs: Kwargs) -> tuple[Facts, Any] | None:
            found = message(args, kwargs)
            if found is None:
                return None
            destination, partition, key, empty, client, headers = found
            return (_text(destination), _number(partition), _short(key), empty, *client), headers

        def answer(result: Any) -> Facts:
            partition, offset, empty = answered(result)
            return _number(partition), _number(offset), empty

        def wrap(original: Call, scope: str) -> Call:
            producing.watch()
            operation = Operation(producing.SEND, PRODUCER, scope, self.describe_send)
            made: Call = traced(original, operation, prepare, place, told, answer)
            return made

        return wrap

    def report(self, message: Message, place: Place, reports: Reports, answered: Answered) -> Wrap:
        """Trace a function that sends one message and has a callback told how that went.

        Args:
            message: see ``send``.
            place: see ``send``.
            reports: puts a callback of ours into the arguments; see ``reporting``.
            answered: looks at what the callback is told of.
        """
        return self._sends(reporting.reported, message, place, reports, answered)

    def one(self, received: Received, client: Client, awaited: bool = False) -> Wrap:
        """Trace a consumer's function that returns the next message: it is handled until the next pull.

        Args:
            received: looks at a message.
            client: looks at the consumer.
            awaited: it is a coroutine function.
        """

        def hand_out(message: Any, pull: Callable[[], Pull]) -> Any:
            if message is not None:
                pull().take(message)
            return message

        return self._pulled(received, client, hand_out, awaited)

    def batches(self, received: Received, client: Client, awaited: bool = False) -> Wrap:
        """Trace a consumer's function that returns a fresh dictionary of lists of messages, or a fresh list.

        Each message is handled while the body of a loop over its list runs.
        """

        def hand_out(found: Any, pull: Callable[[], Pull]) -> Any:
            if not found:
                return found
            made = pull()
            if type(found) is list:
                made.alone = len(found) == 1
                return batches.batch(found, made)
            made.alone = sum(map(len, found.values())) == 1
            for key, messages in found.items():
                if type(messages) is list:
                    found[key] = batches.batch(messages, made)
            return found

        return self._pulled(received, client, hand_out, awaited)

    def _pulled(
        self,
        received: Received,
        client: Client,
        hand_out: Callable[[Any, Callable[[], Pull]], Any],
        awaited: bool,
    ) -> Wrap:
        def wrap(original: Call, scope: str) -> Call:
            consuming.watch()
            operation = Operation(consuming.PROCESS, CONSUMER, scope, self.describe_process)

            def brought(handling: Handling, consumer: Any) -> Pull:
                return batches.Pull(handling, operation, _reader(received, client(consumer)))

            def take_up(handling: Handling, result: Any, consumer: Any) -> Any:
                return hand_out(result, partial(brought, handling, consumer))

            return (pulling.awaited if awaited else pulling.pulled)(original, scope, take_up)

        return wrap

    def release(self, awaited: bool | None = None) -> Wrap:
        """Wrap a consumer's function after which it handles nothing: closing it, giving its subscription up.

        Args:
            awaited: of a consumer whose pulls are awaited: whether this function is, too.
        """
        return consuming.releasing() if awaited is None else pulling.releasing(awaited)

    def describe_send(self, facts: Facts, outcome: Facts | None, failure: Failure | None) -> Description:
        """Describe a message that was sent: the operation ``send``.

        ``autotrace.messaging.transaction.id`` is the producer's, if it sends in transactions; the conventions have no name
        for it.
        """
        destination, partition, key, tombstone, client_id, server, transaction = facts
        offset = None
        if outcome is not None:
            partition, offset, empty = outcome
            tombstone = tombstone if empty is None else empty
        attributes = self._attributes("send", destination, partition, offset, key, tombstone)
        if transaction is not None:
            attributes["autotrace.messaging.transaction.id"] = transaction
        return _ended("send", destination, _peer(attributes, client_id, server), failure)

    def describe_process(self, facts: Facts, _outcome: Facts | None, failure: Failure | None) -> Description:
        """Describe a message that was handled: the operation ``process``.

        The conventions have no names for how long it was in the queue, by two machines' clocks
        (``autotrace.messaging.wait_ms``), nor for which member of the group the consumer is and what it has subscribed to.
        """
        destination, partition, offset, key, tombstone, wait, client_id, group, server, member, subscription = facts
        attributes = self._attributes("process", destination, partition, offset, key, tombstone)
        if group is not None:
            attributes["messaging.consumer.group.name"] = group
        if wait is not None:
            attributes["autotrace.messaging.wait_ms"] = wait
        if member:
            attributes["autotrace.messaging.consumer.member.id"] = member
        if subscription:
            attributes["autotrace.messaging.consumer.subscription"] = sorted(subscription)
        return _ended("process", destination, _peer(attributes, client_id, server), failure)

    def _attributes(
        self, operation: str, destination: str, partition: int | None, offset: int | None, key: Any, tombstone: Any
    ) -> Attributes:
        attributes: Attributes = {
            "messaging.system": self._system,
            "messaging.operation.name": operation,
            "messaging.operation.type": operation,
            "messaging.destination.name": destination,
        }
        if partition is not None:
            attributes["messaging.destination.partition.id"] = str(partition)
        if offset is not None:
            attributes[self._offset] = offset
        text = _decoded(key)
        if text is not None:
            attributes[self._key] = text
        if tombstone:
            attributes[self._tombstone] = True
        return attributes


def _reader(received: Received, client: Reader) -> Read:
    """Return the function that takes the facts of a message that has just been pulled, and its headers."""
    now = time_ns() // 1_000_000

    def read(message: Any) -> tuple[Facts, Any] | None:
        found = received(message)
        if found is None:
            return None
        destination, partition, offset, key, empty, timestamp, headers = found
        sent = _number(timestamp)
        wait = now - sent if sent is not None and now >= sent else None
        facts = (_text(destination), _number(partition), _number(offset), _short(key), bool(empty), wait, *client)
        return facts, headers

    return read


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


def _decoded(key: str | bytes | None) -> str | None:
    if isinstance(key, bytes):
        try:
            return key.decode()
        except UnicodeDecodeError:
            return None
    return key


def _peer(attributes: Attributes, client_id: str | None, server: str | None) -> Attributes:
    if client_id is not None:
        attributes["messaging.client.id"] = client_id
    if server:
        host, port = host_and_port(server.rpartition("://")[2])
        attributes["server.address"] = host
        if port is not None:
            attributes["server.port"] = port
    return attributes


def _ended(operation: str, destination: str, attributes: Attributes, failure: Failure | None) -> Description:
    name = f"{operation} {destination}"
    if failure is None:
        return name, attributes, UNSET, ""
    attributes["error.type"] = failure.type
    return name, attributes, ERROR, failure.message
