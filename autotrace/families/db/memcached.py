"""memcached's commands as facts: each client has them as methods, with the same names and values (protocol.txt)."""

from __future__ import annotations

from autotrace.families.db import command

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from autotrace.families.db.db_calls import CodeOf, IsAnswer

# What a command is given, beside limits of time: keys, contents, differences, and tokens of cas.
VALUES = {
    **dict.fromkeys(("add", "append", "decr", "incr", "prepend", "replace", "set"), 2),
    "cas": 3,
    **dict.fromkeys(("delete", "gat", "gats", "get", "gets", "touch"), 1),
}
# How a server's error begins, by the words in the names of clients' exceptions.
_CODES = {"UnknownCommand": "ERROR", "ClientError": "CLIENT_ERROR", "ServerError": "SERVER_ERROR"}


def _is_answer(_error: Exception) -> bool:
    return False


def commands(code_of: CodeOf | None = None, is_answer: IsAnswer | None = None) -> command.Commands:
    """Return what makes the wrappers.

    Args:
        code_of: finds the server's code in an exception; None: the name of its type tells.
        is_answer: tells of an exception that nothing has failed; None: of none.
    """
    return command.Commands("memcached", code_of or code_by_name, is_answer or _is_answer)


def code_by_name(error: Exception) -> str | None:
    """Return the word that the server's error began with, where a client has a type of exception for it."""
    return next((code for word, code in _CODES.items() if word in type(error).__name__), None)


def one(name: str, values: int | None = None) -> tuple[str, int, str | None]:
    """Return a command as facts: its name, how many values it has where that is not its usual number, and no procedure."""
    return name, VALUES.get(name, 0) if values is None else values, None


def several(name: str, size: int) -> Any:
    """Return a batch of one command's name as facts; one command is none."""
    return "PIPELINE", size, True, ((name, VALUES.get(name, 0)),)  # as command.gathered has it
