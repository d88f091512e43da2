"""What the facts of messages mean: names, attributes and status of the spans of sending, receiving, handling and settling.

Semantic conventions 1.44, messaging spans (in development).  Where they have no name for something, it is one of ours.
"""

from __future__ import annotations

from autotrace.conventions.ends import ended
from autotrace.conventions.http import host_and_port
from autotrace.trace.span import Parted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from autotrace.trace.failure import Failure
    from autotrace.trace.span import Attributes, Description, Facts, Own


class Meaning:
    """What the facts mean, for one messaging system.

    Args:
        system: the conventions' name of it (``messaging.system``).
    """

    def __init__(self, system: str) -> None:
        self._system = system
        self._offset = f"messaging.{system}.offset"
        self._key = f"messaging.{system}.message.key"
        self._tombstone = f"messaging.{system}.message.tombstone"
        # Offsets, keys, waits and counts are a message's own.
        self.describe_send = Parted(self._split_send, self._send)
        self.describe_receive = Parted(self._split_receive, self._receive)
        self.describe_process = Parted(self._split_process, self._process)
        self.describe_settle = Parted(_all_shared, self._settle)
        self.describe_transaction = Parted(_all_shared, self._transaction)

    def _send(self, facts: Facts, failure: Failure | None) -> Description:
        """Describe a message that was sent: the operation ``send``.

        ``autotrace.messaging.transaction.id`` is the producer's, if it sends in transactions; the conventions have no name
        for it.
        """
        destination, partition, tombstone, client_id, server, transaction = facts
        attributes = self._attributes("send", destination, partition, tombstone)
        if transaction is not None:
            attributes["autotrace.messaging.transaction.id"] = transaction
        return _ended("send", destination, _peer(attributes, client_id, server), failure)

    def _receive(self, facts: Facts, failure: Failure | None) -> Description:
        """Describe a pull that brought messages: the operation ``receive``; what they have not in common is None."""
        destination, partition, tombstone, *client = facts
        attributes = self._attributes("poll", destination, partition, tombstone, "receive")
        return _ended("poll", destination, _of_consumer(attributes, *client), failure)

    def _process(self, facts: Facts, failure: Failure | None) -> Description:
        """Describe a message that was handled: the operation ``process``."""
        destination, partition, tombstone, *client = facts
        attributes = self._attributes("process", destination, partition, tombstone)
        return _ended("process", destination, _of_consumer(attributes, *client), failure)

    def _settle(self, facts: Facts, failure: Failure | None) -> Description:
        """Describe a consumer's commit: the operation ``settle``; what its messages have not in common is None."""
        destination, partition, *client = facts
        attributes = self._attributes("commit", destination, partition, None, "settle")
        return _ended("commit", destination, _of_consumer(attributes, *client), failure)

    def _transaction(self, facts: Facts, failure: Failure | None) -> Description:
        """Describe the end of a producer's transaction, which settles all that it sent."""
        operation, client_id, server, transaction = facts
        attributes = self._attributes(operation, None, None, None, "settle")
        if transaction is not None:
            attributes["autotrace.messaging.transaction.id"] = transaction
        return _ended(operation, None, _peer(attributes, client_id, server), failure)

    def _split_send(self, facts: Facts, outcome: Facts | None) -> tuple[Facts, Own]:
        destination, partition, key, tombstone, client_id, server, transaction = facts
        offset = None
        if outcome is not None:
            partition, offset, empty = outcome
            if empty is not None:
                tombstone = empty
        shared = destination, partition, tombstone, client_id, server, transaction
        return shared, {self._offset: offset, self._key: _text(key)}

    def _split_receive(self, facts: Facts, _outcome: Facts | None) -> tuple[Facts, Own]:
        destination, partition, offset, key, tombstone, count, *client = facts
        own: dict[str, Any] = {self._offset: offset, self._key: _text(key)}
        if count > 1:
            own["messaging.batch.message_count"] = count
        return (destination, partition, tombstone, *client), own

    def _split_process(self, facts: Facts, _outcome: Facts | None) -> tuple[Facts, Own]:
        """Part the facts; ``wait_ms`` is how long a message was in the queue, by two machines' clocks."""
        destination, partition, offset, key, tombstone, wait, client_id, group, server, member, topics = facts
        shared = destination, partition, tombstone, client_id, group, server, member, topics
        return shared, {self._offset: offset, self._key: _text(key), "autotrace.messaging.wait_ms": wait}

    def _attributes(
        self,
        operation: str,
        destination: str | None,
        partition: int | None,
        tombstone: Any,
        kind: str = "",
    ) -> Attributes:
        attributes: Attributes = {
            "messaging.system": self._system,
            "messaging.operation.name": operation,
            "messaging.operation.type": kind or operation,
        }
        if destination is not None:
            attributes["messaging.destination.name"] = destination
        if partition is not None:
            attributes["messaging.destination.partition.id"] = str(partition)
        if tombstone:
            attributes[self._tombstone] = True
        return attributes


def _all_shared(facts: Facts, _outcome: Facts | None) -> tuple[Facts, None]:
    return facts, None


def _text(key: str | bytes | None) -> str | None:
    """Return a key that is text, as such."""
    if type(key) is not bytes:
        return key  # type: ignore[return-value]
    try:
        return key.decode()
    except UnicodeDecodeError:
        return None


def _of_consumer(
    attributes: Attributes,
    client_id: str | None,
    group: str | None,
    server: str | None,
    member: str | None,
    subscription: tuple[str, ...],
) -> Attributes:
    """Say who reads: the conventions have no names for the member of the group, nor for what it has subscribed to."""
    if group is not None:
        attributes["messaging.consumer.group.name"] = group
    if member:
        attributes["autotrace.messaging.consumer.member.id"] = member
    if subscription:
        attributes["autotrace.messaging.consumer.subscription"] = sorted(subscription)
    return _peer(attributes, client_id, server)


def _peer(attributes: Attributes, client_id: str | None, server: str | None) -> Attributes:
    if client_id is not None:
        attributes["messaging.client.id"] = client_id
    if server:
        host, port = host_and_port(server.rpartition("://")[2])
        attributes["server.address"] = host
        if port is not None:
            attributes["server.port"] = port
    return attributes


def _ended(operation: str, destination: str | None, attributes: Attributes, failure: Failure | None) -> Description:
    # Where there is no destination: the next best that the conventions have.
    where = destination or ":".join(
        str(attributes[part]) for part in ("server.address", "server.port") if part in attributes
    )
    name = f"{operation} {where}".rstrip()
    return ended(name, attributes, failure)
