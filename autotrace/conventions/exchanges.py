"""What the facts of messages mean that go through an exchange: semantic conventions 1.44, "RabbitMQ" (in development).

Facts are said in ``families.messaging.exchanges``.
"""

from __future__ import annotations

from autotrace.conventions.db import server
from autotrace.conventions.ends import ended
from autotrace.trace.span import Parted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from autotrace.trace.failure import Failure
    from autotrace.trace.span import Attributes, Description, Facts, Own


_PORT = 5672


class ExchangeMeaning:
    """What the facts mean, for one messaging system.

    Args:
        system: the conventions' name of it (``messaging.system``).
    """

    def __init__(self, system: str) -> None:
        self._system = system
        self._key = f"messaging.{system}.destination.routing_key"
        self._tag = f"messaging.{system}.message.delivery_tag"
        # Ids and delivery tags are a message's own.
        self.describe_send = Parted(self._split_send, self._send)
        self.describe_process = Parted(self._split_process, self._process)

    def _send(self, facts: Facts, failure: Failure | None) -> Description:
        """Describe a message that was published: the operation ``send``."""
        exchange, key, *address = facts
        return self._described("send", (exchange, key), key, address, {}, failure)

    def _process(self, facts: Facts, failure: Failure | None) -> Description:
        """Describe a message that was handled: the operation ``process``."""
        exchange, key, queue, again, *address = facts
        attributes: Attributes = {"autotrace.messaging.redelivered": True} if again else {}
        parts = (exchange, key, queue) if exchange else (queue or key,)
        return self._described("process", parts, key, address, attributes, failure)

    def _split_send(self, facts: Facts, _outcome: Facts | None) -> tuple[Facts, Own]:
        exchange, key, message, conversation, *address = facts
        own = {"messaging.message.id": message or None, "messaging.message.conversation_id": conversation or None}
        return (exchange, key, *address), own

    def _split_process(self, facts: Facts, _outcome: Facts | None) -> tuple[Facts, Own]:
        exchange, key, queue, tag, again, message, conversation, *address = facts
        own = {
            self._tag: tag or None,
            "messaging.message.id": message or None,
            "messaging.message.conversation_id": conversation or None,
        }
        return (exchange, key, queue, again, *address), own

    def _described(
        self, operation: str, parts: tuple[str, ...], key: str, address: Any, more: Attributes, failure: Failure | None
    ) -> Description:
        host, port = address
        attributes: Attributes = {
            "messaging.system": self._system,
            "messaging.operation.name": operation,
            "messaging.operation.type": operation,
            "messaging.destination.name": _joined(*parts) or "amq.default",
            **more,
        }
        lasting = [part for part in parts if not _is_temporary(part)]
        if len(lasting) < len(parts):
            attributes["messaging.destination.anonymous"] = attributes["messaging.destination.temporary"] = True
        if key:
            attributes[self._key] = key
        server(attributes, host, port, _PORT)
        known = _joined(*lasting) or ("amq.default" if len(lasting) == len(parts) else f"{host}:{port}" if host else "")
        name = f"{operation} {known}".rstrip()
        return ended(name, attributes, failure)


def _joined(*names: str) -> str:
    """Return the names that are there, each once, as the conventions write a destination."""
    return ":".join(dict.fromkeys(name for name in names if name))


def _is_temporary(name: str) -> bool:
    """Tell whether a name is one that the broker, or a client library, made up for one client."""
    if not name.startswith("amq"):
        return False
    made_up = name.startswith("amq_") and len(name) > 20 and not name[4:].removeprefix("0x").strip("0123456789abcdef")
    return made_up or name.startswith(("amq.gen-", "amq.rabbitmq.reply-to"))
