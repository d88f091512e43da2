"""Messages through a broker: a PRODUCER span for each one sent, a CONSUMER span while the program handles one.

What sending and its answer are is ``producing``'s subject, what is being handled and until when is ``consuming``'s; here
is what an instrumentor needs of both, and what their facts mean.

Not made yet: spans of the pulls themselves (``receive``) and of commits (``settle``).  Brokers that call back: ``handling``.

Semantic conventions 1.44, messaging spans (in development).
"""

from __future__ import annotations

from functools import partial
from time import time_ns

from autotrace.patching.wall import fault
from autotrace.protocols import consuming, producing
from autotrace.protocols.http import host_and_port
from autotrace.protocols.producing import fit
from autotrace.trace.failure import hide_frame
from autotrace.trace.span import CONSUMER, ERROR, PRODUCER, UNSET, Operation

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Optional

    from autotrace.patching import Args, Call, Kwargs, Wrap
    from autotrace.protocols.consuming import Handling, Pull
    from autotrace.protocols.producing import Place, Watch
    from autotrace.trace.failure import Failure
    from autotrace.trace.span import Attributes, Description, Facts

    # client id, consumer group, server ("host:port")
    Client = tuple[Optional[str], Optional[str], Optional[str]]
    # destination, partition, key, client; the headers as they are given, or None where none can be sent
    Message = Callable[[Args, Kwargs], Optional[tuple[Any, Any, Any, Client, Optional[list[Any]]]]]
    # partition, offset, whether the message was empty
    Answered = Callable[[Any], tuple[Any, Any, bool]]
    # destination, partition, offset, key, whether it is empty, timestamp (ms since the epoch), headers
    Received = Callable[[Any], tuple[Any, Any, Any, Any, bool, Any, Any]]

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

    def send(self, message: Message, place: Place, watch: Watch, answered: Answered) -> Wrap:
        """Trace a function that sends one message and returns its future at once.

        Args:
            message: looks at the arguments, which it must not change; None means that this call is not traced.
            place: position (receiver included) and name of the argument that takes the headers.
            watch: given the future, has the second or third argument called once it succeeded or failed.
            answered: looks at what the future succeeded with.
        """

        def prepare(args: Args, kwargs: Kwargs) -> tuple[Facts, list[Any] | None] | None:
            found = message(args, kwargs)
            if found is None:
                return None
            destination, partition, key, client, headers = found
            return (_text(destination), _number(partition), _short(key), *client), headers

        def answer(result: Any) -> Facts:
            partition, offset, empty = answered(result)
            return _number(partition), _number(offset), bool(empty)

        def wrap(original: Call, scope: str) -> Call:
            producing.watch()
            operation = Operation(producing.SEND, PRODUCER, scope, self.describe_send)
            return producing.sent(original, operation, prepare, place, watch, answer)

        return wrap

    def one(self, received: Received, client: Callable[[Any], Client]) -> Wrap:
        """Trace a consumer's function that returns the next message: it is handled until the next pull.

        Args:
            received: looks at a message.
            client: looks at the consumer.
        """

        def hand_out(message: Any, pull: Callable[[], Pull]) -> None:
            if message is not None:
                pull().take(message)

        return self._pulled(received, client, hand_out)

    def batches(self, received: Received, client: Callable[[Any], Client]) -> Wrap:
        """Trace a consumer's function that returns a fresh dictionary of lists of messages.

        Each message is handled while the body of a loop over its list runs.
        """

        def hand_out(found: Any, pull: Callable[[], Pull]) -> None:
            if not found:
                return
            made = pull()
            made.alone = sum(map(len, found.values())) == 1
            for key, messages in found.items():
                if type(messages) is list:
                    found[key] = consuming.batch(messages, made)

        return self._pulled(received, client, hand_out)

    def _pulled(
        self,
        received: Received,
        client: Callable[[Any], Client],
        hand_out: Callable[[Any, Callable[[], Pull]], None],
    ) -> Wrap:
        def brought(handling: Handling, operation: Operation, consumer: Any) -> Pull:
            return consuming.Pull(handling, operation, _reader(received, client(consumer)))

        def wrap(original: Call, scope: str) -> Call:
            consuming.watch()
            operation = Operation(consuming.PROCESS, CONSUMER, scope, self.describe_process)

            def traced(*args: Any, **kwargs: Any) -> Any:
                handling = consuming.enter(args[0], scope) if args else None
                try:
                    result = original(*args, **kwargs)
                except BaseException as error:
                    if handling is not None:
                        handling.puller = 0
                    hide_frame(error)
                    raise
                if handling is not None:
                    handling.puller = 0
                    try:
                        hand_out(result, partial(brought, handling, operation, args[0]))
                    except Exception:
                        fault(scope)
                return result

            return traced

        return wrap

    def release(self) -> Wrap:
        """Wrap a consumer's function after which it handles nothing: closing it, giving its subscription up."""
        return consuming.releasing()

    def describe_send(self, facts: Facts, outcome: Facts | None, failure: Failure | None) -> Description:
        """Describe a message that was sent: the operation ``send``."""
        destination, partition, key, client_id, _group, server = facts
        offset, tombstone = None, False
        if outcome is not None:
            partition, offset, tombstone = outcome
        attributes = self._attributes("send", destination, partition, offset, key, tombstone)
        return _ended("send", destination, _peer(attributes, client_id, server), failure)

    def describe_process(self, facts: Facts, _outcome: Facts | None, failure: Failure | None) -> Description:
        """Describe a message that was handled: the operation ``process``.

        ``autotrace.messaging.wait_ms`` is how long it was in the queue, by two machines' clocks; the conventions have no
        name for it.
        """
        destination, partition, offset, key, tombstone, wait, client_id, group, server = facts
        attributes = self._attributes("process", destination, partition, offset, key, tombstone)
        if group is not None:
            attributes["messaging.consumer.group.name"] = group
        if wait is not None:
            attributes["autotrace.messaging.wait_ms"] = wait
        return _ended("process", destination, _peer(attributes, client_id, server), failure)

    def _attributes(
        self, operation: str, destination: str, partition: int | None, offset: int | None, key: Any, tombstone: bool
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


def _reader(received: Received, client: Client) -> Callable[[Any], tuple[Facts, Any]]:
    """Return the function that takes the facts of a message that has just been pulled, and its headers."""
    now = time_ns() // 1_000_000

    def read(message: Any) -> tuple[Facts, Any]:
        destination, partition, offset, key, empty, timestamp, headers = received(message)
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
