"""Valkey GLIDE, sync and asyncio: a span for each command, and one for each batch, script and transaction.

Its core is in Rust, and has connections of its own; all commands pass by number through three methods of its clients.
A command's words are told from the number's name.  What the core sends by itself, when it connects or tries again, has no
spans.  Clusters, and clients of several nodes, have no address: the core chooses one.

Not seen: messages of subscriptions, connecting, and what is asked in a scoped connection.
"""

from __future__ import annotations

from autotrace.families.db import command, db_calls
from autotrace.patching import Instrumentor, Patch, argument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from autotrace.families.db.command import Server
    from autotrace.patching import Args, Kwargs

# Commands whose second word belongs to the name, and those of modules, which have a dot there.
_WORDS = (
    "ACL CLIENT CLUSTER COMMAND CONFIG DEBUG FUNCTION LATENCY MEMORY MODULE OBJECT PUBSUB SCRIPT SLOWLOG XGROUP XINFO"
)
_CONTAINERS = frozenset(_WORDS.split())
_MODULES = ("FT", "JSON")
_READ_ONLY = "ReadOnly"
_CUSTOM = "CustomCommand"  # whose arguments are all there is
_TOLD = "An error was signalled by the server: - "


def instrumentor(library: str, requests: Any, errors: Any, awaited: bool) -> Instrumentor:
    """Return the instrumentor of one of the two.

    Args:
        library: its module.
        requests: the enumeration of its commands.
        errors: the class of its exceptions.
        awaited: its methods are coroutine functions.
    """
    db_calls.conceal(errors)
    names: dict[int, str] = {}

    def called(number: int, given: Any) -> tuple[Any, ...]:
        name = names.get(number)
        if name is None:
            name = names[number] = _name(requests.Name(number))
        if name or not given:
            return (name, *given)
        first, *values = given
        word = first.decode(errors="replace") if isinstance(first, bytes) else first
        if values and isinstance(values[0], str) and word.upper() in _CONTAINERS:
            return (f"{word} {values[0]}", *values[1:])
        return (word, *values)

    def one(args: Args, kwargs: Kwargs) -> Any:
        # The signature is _execute_command(self, request_type, args, route).
        return command.sent(
            called(argument(args, kwargs, 1, "request_type"), argument(args, kwargs, 2, "args"))
        ) + _server(args[0])

    def script(args: Args, kwargs: Kwargs) -> Any:
        # The signature is _execute_script(self, hash, keys, args, route).
        keys, values = argument(args, kwargs, 2, "keys") or (), argument(args, kwargs, 3, "args") or ()
        return command.sent(("EVALSHA", argument(args, kwargs, 1, "hash"), len(keys), *keys, *values)) + _server(
            args[0]
        )

    def many(args: Args, kwargs: Kwargs) -> Any:
        # The signature is _execute_batch(self, commands, is_atomic, ...).
        calls = [called(*call) for call in argument(args, kwargs, 1, "commands")]
        kind = "MULTI" if argument(args, kwargs, 2, "is_atomic") else "PIPELINE"
        return command.gathered(kind, calls) + _server(args[0]) if calls else None

    system = command.Commands("valkey", _code, lambda _error: False)
    traced, batch = (system.async_command, system.async_batch) if awaited else (system.command, system.batch)
    client = f"{library}.glide_client:BaseClient"
    return Instrumentor(
        library,
        Patch(f"{client}._execute_command", traced(one)),
        Patch(f"{client}._execute_script", traced(script)),
        Patch(f"{client}._execute_batch", batch(many)),
    )


def _name(given: str) -> str:
    """Return a command's words, such as CONFIG GET for ConfigGet; an empty string where its arguments tell."""
    if given == _CUSTOM:
        return ""
    if given.endswith(_READ_ONLY) and given != _READ_ONLY:
        given = f"{given[: -len(_READ_ONLY)]}_RO"
    upper = given.upper()
    for words, between in ((_CONTAINERS, " "), (_MODULES, ".")):
        for word in words:
            if upper.startswith(word) and given[len(word) : len(word) + 1].isupper():
                return f"{word}{between}{upper[len(word) :]}"
    return upper


def _server(client: Any) -> Server:
    config = getattr(client, "_config", None) or client.config  # the former of the synchronous one
    database = getattr(config, "database_id", None) or 0
    if len(config.addresses) != 1 or "Cluster" in type(config).__name__:
        return database, None, None
    address = config.addresses[0]
    path = getattr(address, "unix_socket_path", None)
    return (database, str(path), None) if path else (database, address.host, address.port)


def _code(error: Exception) -> str | None:
    # The server's word stands before a colon, or the core's name for what it has cut off.
    text = str(error)
    first = (text.removeprefix(_TOLD)).partition(":")[0]
    if not first.isalnum():
        return None
    if first.endswith("Error"):
        first = first[: -len("Error")].upper()
        return {"BUSYLOADING": "LOADING", "RESPONSE": "ERR"}.get(first, first)
    return first if first.isupper() else None
