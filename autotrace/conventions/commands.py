"""What the facts of database commands mean: semantic conventions 1.44, "Redis client operations".

Facts are said in ``families.db.command``.
"""

from __future__ import annotations

from autotrace.conventions.db import answered, server

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from autotrace.trace.failure import Failure
    from autotrace.trace.span import Attributes, Description, Facts


VALUES_LIMIT = 16  # values of one command, and different commands of one batch, that its text has
_PORTS = {"memcached": 11211, "redis": 6379, "valkey": 6379}
# Commands whose second word belongs to the name, where both stand in one text; any other word may be a key.
_CONTAINERS = (
    "ACL CLIENT CLUSTER COMMAND CONFIG DEBUG FT.CONFIG FT.CURSOR FUNCTION HIMPORT HOTKEYS LATENCY MEMORY MODULE OBJECT "
    "PUBSUB SCRIPT SENTINEL SLOWLOG TFUNCTION XGROUP XINFO"
)
_containers = frozenset(_CONTAINERS.split())
_HASHED = frozenset(("EVALSHA", "EVALSHA_RO"))


class CommandMeaning:
    """What the facts mean, for one system.

    Args:
        system: ``db.system.name``.
    """

    __slots__ = ("_system",)

    def __init__(self, system: str) -> None:
        self._system = system

    def describe_command(self, facts: Facts, _outcome: Facts | None, failure: Failure | None) -> Description:
        """Say what a command means: semantic conventions 1.44, "Redis client operations"."""
        given, values, procedure, *rest = facts
        operation, text = _read(given, values)
        attributes: Attributes = {}
        if procedure:
            attributes["db.stored_procedure.name"] = procedure
        named = procedure and operation.upper() not in _HASHED
        name = f"{operation.upper()} {procedure}" if named else operation.upper()
        return self._described(name, operation, text, attributes, rest, failure)

    def describe_batch(self, facts: Facts, _outcome: Facts | None, failure: Failure | None) -> Description:
        """Say what a batch means: as ``describe_command``, with the number of its commands."""
        kind, size, alike, shapes, *rest = facts
        read = [_read(*shape) for shape in shapes]
        operation = kind
        alike = alike or (size == len(read) and len({operation.upper() for operation, _ in read}) == 1)
        if alike and read:
            # "Requests to batch APIs that contain only one operation SHOULD be modeled as single operations": of a
            # transaction more than that one is sent.
            operation = f"{kind} {read[0][0]}" if size > 1 or kind != "PIPELINE" else read[0][0]
        text = "; ".join(text for _, text in read)
        if len(read) == VALUES_LIMIT < size:
            text += "; ..."
        attributes: Attributes = {} if size == 1 else {"db.operation.batch.size": size}
        return self._described(operation.upper(), operation, text, attributes, rest, failure)

    def _described(
        self,
        name: str,
        operation: str,
        text: str,
        attributes: Attributes,
        rest: Sequence[Any],
        failure: Failure | None,
    ) -> Description:
        namespace, host, port, *code = rest
        attributes["db.system.name"] = self._system
        if namespace is not None:
            attributes["db.namespace"] = str(namespace)
        if operation:
            attributes["db.operation.name"] = operation
        if text:
            attributes["db.query.text"] = text
        if isinstance(port, str):
            port = int(port) if port.isdigit() else None
        server(attributes, host, port, _PORTS.get(self._system))
        return answered(name or self._system, attributes, code[0] if code else None, failure)


def _read(given: str, values: int) -> tuple[str, str]:
    """Return the operation as it was written, and the text with each value replaced.

    A name may have values in the same text (``"SET key value"``), which clients take apart.
    """
    words = given.split()
    known = 2 if len(words) > 1 and words[0].upper() in _containers else 1
    operation = " ".join(words[:known])
    values += max(len(words) - known, 0)
    text = operation + " ?" * min(values, VALUES_LIMIT) + (" ..." if values > VALUES_LIMIT else "")
    return operation, text
