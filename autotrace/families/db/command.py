"""The family of database commands: one span for each command, and one for each batch of them, named by the command.

It is for stores that are asked in words and values (``SET key value``) instead of a language.  Of a command its words are
told, and how many values it had; no value is kept, neither key nor content.  Messages that a client waits for have no spans.
Spans are named in capitals, however a program writes its commands, and not by the hash of a script.
The namespace is the one that the connection was opened with, whatever was selected later.
"""

from __future__ import annotations

from autotrace.conventions.commands import VALUES_LIMIT, CommandMeaning
from autotrace.families.db import db_calls

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, Optional, Union

    from autotrace.families.db.db_calls import CodeOf, FactsOf, IsAnswer
    from autotrace.patching import Args, Wrap

    # namespace, host or path of a socket, port
    Server = tuple[Union[int, str, None], Optional[str], Optional[int]]

FAMILY = "db_commands"  # a command beneath a query is another operation, so it is not db_client's
NAME_LIMIT = 64  # characters of a command's name

# Commands whose first value is the name of a script, and those where that is a hash.
_PROCEDURES = frozenset(("EVALSHA", "EVALSHA_RO", "FCALL", "FCALL_RO"))


class Commands(CommandMeaning):
    """A system, and how its clients' exceptions tell the server's code; makes the wrappers.

    Args:
        system: ``db.system.name``.
        code_of: finds the server's code in an exception.
        is_answer: tells of an exception that nothing has failed, as where a client's own loop answers it.
    """

    __slots__ = ("_code_of", "_is_answer")

    def __init__(self, system: str, code_of: CodeOf, is_answer: IsAnswer) -> None:
        super().__init__(system)
        self._code_of = code_of
        self._is_answer = is_answer

    def command(self, facts_of: FactsOf) -> Wrap:
        """Trace a function that sends one command; its facts are those of ``sent``, and a Server."""
        return db_calls.call(FAMILY, self.describe_command, facts_of, self._code_of, None, self._is_answer)

    def async_command(self, facts_of: FactsOf) -> Wrap:
        """Trace a coroutine function that sends one command; its facts are those of ``sent``, and a Server."""
        return db_calls.async_call(FAMILY, self.describe_command, facts_of, self._code_of, None, self._is_answer)

    def batch(self, facts_of: FactsOf) -> Wrap:
        """Trace a function that sends what was gathered; its facts are those of ``gathered``, and a Server."""
        return db_calls.call(FAMILY, self.describe_batch, facts_of, self._code_of, None, self._is_answer)

    def async_batch(self, facts_of: FactsOf) -> Wrap:
        """Trace a coroutine function that sends what was gathered; its facts are those of ``gathered``, and a Server."""
        return db_calls.async_call(FAMILY, self.describe_batch, facts_of, self._code_of, None, self._is_answer)


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
    shapes = tuple(sent(call)[:2] for call in calls[: 1 if same else VALUES_LIMIT])
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
