"""pymemcache: a span for each command, by every kind of client; several writes that are sent at once are one.

What a client over several servers asks of each is a span, with that server's address.
Not seen: a failure to get that a client of one server was told to ignore (``ignore_exc``).
"""

from __future__ import annotations

from pymemcache.exceptions import MemcacheError, MemcacheIllegalInputError, MemcacheUnexpectedCloseError  # type: ignore[import-untyped]

from autotrace.families.db import db_calls, memcached
from autotrace.patching import Instrumentor, Patch, argument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from autotrace.families.db.command import Server
    from autotrace.patching import Args, Kwargs

db_calls.conceal(MemcacheError)
_OURS = MemcacheIllegalInputError, MemcacheUnexpectedCloseError  # which the client raises, whatever they derive from


def _code(error: Exception) -> str | None:
    return None if isinstance(error, _OURS) else memcached.code_by_name(error)


def _server(client: Any) -> Server:
    server = client.server
    host, port = server if isinstance(server, (tuple, list)) else (server, None)
    return None, host, port


def _fetch(args: Args, kwargs: Kwargs) -> Any:
    # The signature is _fetch_cmd(self, name, keys, ...).
    name, keys = argument(args, kwargs, 1, "name").decode(), argument(args, kwargs, 2, "keys")
    return memcached.one(name, len(keys) if hasattr(keys, "__len__") else 1) + _server(args[0])


def _store(args: Args, kwargs: Kwargs) -> Any:
    # The signature is _store_cmd(self, name, values, ...).
    name, values = argument(args, kwargs, 1, "name").decode(), argument(args, kwargs, 2, "values")
    return memcached.several(name, len(values)) + _server(args[0]) if values else None


def _misc(args: Args, kwargs: Kwargs) -> Any:
    # The signature is _misc_cmd(self, cmds, cmd_name, noreply, ...); a raw command is a whole line.
    lines, name = argument(args, kwargs, 1, "cmds"), argument(args, kwargs, 2, "cmd_name")
    words = bytes(name).split() or [b""]
    return memcached.several(words[0].decode(errors="replace"), len(lines)) + _server(args[0]) if lines else None


_memcached = memcached.commands(_code)

INSTRUMENTOR = Instrumentor(
    "pymemcache",
    Patch("pymemcache.client.base:Client._fetch_cmd", _memcached.command(_fetch)),
    Patch("pymemcache.client.base:Client._store_cmd", _memcached.batch(_store)),
    Patch("pymemcache.client.base:Client._misc_cmd", _memcached.batch(_misc)),
)
