"""What the facts of messages mean that go through an exchange: semantic conventions 1.44, "RabbitMQ" (in development).

Facts are said in ``families.messaging.exchanges``.
"""

from __future__ import annotations

from autotrace.conventions.db import server
from autotrace.conventions.ends import ended

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from autotrace.trace.failure import Failure
    from autotrace.trace.span import Attributes, Description, Facts


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

    def describe_send(self, facts: Facts, _outcome: Facts | None, failure: Failure | None) -> Description:
        """Describe a message that was published: the operation ``send``."""
        exchange, key, *rest = facts
        return self._described("send", (exchange, key), key, rest, {}, failure)

    def describe_process(self, facts: Facts, _outcome: Facts | None, failure: Failure | None) -> Description:
        """Describe a message that was handled: the operation ``process``."""
        exchange, key, queue, tag, again, *rest = facts
        attributes: Attributes = {}
        if tag:
            attributes[self._tag] = tag
        if again:
            attributes["autotrace.messaging.redelivered"] = True
        parts = (exchange, key, queue) if exchange else (queue or key,)
        return self._described("process", parts, key, rest, attributes, failure)

    def _described(
        self, operation: str, parts: tuple[str, ...], key: str, rest: Any, more: Attributes, failure: Failure | None
    ) -> Description:
        message, conversation, host, port = rest
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
        if message:
            attributes["messaging.message.id"] = message
        if conversation:
            attributes["messaging.message.conversation_id"] = conversation
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
