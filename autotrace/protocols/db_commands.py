"""The family of database commands: one span for each command, and one for each batch of them, named by the command.

It is for stores that are asked in words and values (``SET key value``) instead of a language.  Of a command its words are
told, and how many values it had; no value is kept, neither key nor content.  Messages that a client waits for have no spans.
Spans are named in capitals, however a program writes its commands, and not by the hash of a script.
The namespace is the one that the connection was opened with, whatever was selected later.
"""

from __future__ import annotations

from autotrace.protocols import db_calls

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, Optional, Union

    from autotrace.patching import Args, Wrap
    from autotrace.protocols.db_calls import CodeOf, FactsOf, IsAnswer
    from autotrace.trace.failure import Failure
    from autotrace.trace.span import Attributes, Description, Facts

    # namespace, host or path of a socket, port
    Server = tuple[Union[int, str, None], Optional[str], Optional[int]]

FAMILY = "db_commands"  # a command beneath a query is another operation, so it is not db_client's
NAME_LIMIT = 64  # characters of a command's name
_VALUES_LIMIT = 16  # values of one command, and different commands of one batch, that its text has
_PORTS = {"memcached": 11211, "redis": 6379}

# Commands whose second word belongs to the name, where both stand in one text; any other word may be a key.
_CONTAINERS = (
    "ACL CLIENT CLUSTER COMMAND CONFIG DEBUG FT.CONFIG FT.CURSOR FUNCTION HIMPORT HOTKEYS LATENCY MEMORY MODULE OBJECT "
    "PUBSUB SCRIPT SENTINEL SLOWLOG TFUNCTION XGROUP XINFO"
)
_containers = frozenset(_CONTAINERS.split())
# Commands whose first value is the name of a script, and those where that is a hash.
_PROCEDURES = frozenset(("EVALSHA", "EVALSHA_RO", "FCALL", "FCALL_RO"))
_HASHED = frozenset(("EVALSHA", "EVALSHA_RO"))


class Commands:
    """A system, and how its clients' exceptions tell the server's code; makes the wrappers.

    Args:
        system: ``db.system.name``.
        code_of: finds the server's code in an exception.
        is_answer: tells of an exception that nothing has failed, as where a client's own loop answers it.
    """

    __slots__ = ("_code_of", "_is_answer", "_system")

    def __init__(self, system: str, code_of: CodeOf, is_answer: IsAnswer) -> None:
        self._system = system
        self._code_of = code_of
        self._is_answer = is_answer

    def command(self, facts_of: FactsOf) -> Wrap:
        """Trace a function that sends one command; its facts are those of ``sent``, and a Server."""
        return db_calls.call(FAMILY, self.describe_command, facts_of, self._code_of, None, self._is_answer)

    def async_command(self, facts_of: FactsOf) -> Wrap:
        """Trace a coroutine function that sends one command; its facts are those of ``sent``, and a Server."""
        return db_calls.async_call(FAMILY, self.describe_command, facts_of, self._code_of, self._is_answer)

    def batch(self, facts_of: FactsOf) -> Wrap:
        """Trace a function that sends what was gathered; its facts are those of ``gathered``, and a Server."""
        return db_calls.call(FAMILY, self.describe_batch, facts_of, self._code_of, None, self._is_answer)

    def async_batch(self, facts_of: FactsOf) -> Wrap:
        """Trace a coroutine function that sends what was gathered; its facts are those of ``gathered``, and a Server."""
        return db_calls.async_call(FAMILY, self.describe_batch, facts_of, self._code_of, self._is_answer)

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
        if len(read) == _VALUES_LIMIT < size:
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
        db_calls.server(attributes, host, port, _PORTS.get(self._system))
        return db_calls.ended(name or self._system, attributes, code[0] if code else None, failure)


def sent(call: Args) -> tuple[str, int, str | None]:
    """Return a command as facts: its name as it was given, the number of its values, the script that it runs.

    Args:
        call: the name and the values, at least the name.
    """
    name = call[0]
    values = len(call) - 1
    if type(name) is not str or len(name) > NAME_LIMIT:
        name, more = _short(name)
        return name, values + more, None
    if name in _PROCEDURES and values and isinstance(call[1], str):
        return name, values, call[1][:NAME_LIMIT]
    return name, values, None


def gathered(kind: str, calls: Sequence[Args]) -> tuple[str, int, bool, tuple[tuple[str, int], ...]]:
    """Return a batch as facts: its kind, its size, whether all have one name, and names and numbers of values.

    Where all commands look the same there is only one of them, else the first few.

    Args:
        kind: what stands before the operation's name, such as PIPELINE.
        calls: each a name and its values.
    """
    names = {call[0] for call in calls}
    alike = len(names) == 1
    same = alike and len({len(call) for call in calls}) == 1
    shapes = tuple(sent(call)[:2] for call in calls[: 1 if same else _VALUES_LIMIT])
    return kind, len(calls), alike, shapes


def _short(name: Any) -> tuple[str, int]:
    """Return the name of a command, and how many words behind it are values, where it is not a short plain text."""
    if isinstance(name, str):
        name = str.__str__(name)
    else:
        name = bytes(name).decode(errors="replace") if isinstance(name, (bytes, bytearray, memoryview)) else ""
    if len(name) <= NAME_LIMIT:
        return name, 0
    words = name.split()
    return " ".join(words[:2])[:NAME_LIMIT], max(len(words) - 2, 0)


def _read(given: str, values: int) -> tuple[str, str]:
    """Return the operation as it was written, and the text with each value replaced.

    A name may have values in the same text (``"SET key value"``), which clients take apart.
    """
    words = given.split()
    known = 2 if len(words) > 1 and words[0].upper() in _containers else 1
    operation = " ".join(words[:known])
    values += max(len(words) - known, 0)
    text = operation + " ?" * min(values, _VALUES_LIMIT) + (" ..." if values > _VALUES_LIMIT else "")
    return operation, text
