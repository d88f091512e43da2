"""aiomcache: a span for each method of a client, with the wait for a connection of its pool."""

from __future__ import annotations

import re

from aiomcache.exceptions import ClientException

from autotrace.families.db import db_calls, memcached
from autotrace.patching import Instrumentor, Patch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from autotrace.families.db.command import Server
    from autotrace.families.db.db_calls import FactsOf
    from autotrace.patching import Args, Kwargs

db_calls.conceal(ClientException)
# The library hands on what the server answered, as the text of bytes.
_answered = re.compile(r": (?:bytearray\()?b['\"](ERROR|CLIENT_ERROR|SERVER_ERROR)\b").search
_SINGLE = sorted({*memcached.VALUES, "flush_all", "stats", "version"} - {"gat", "gats"})


def _code(error: Exception) -> str | None:
    found = _answered(str(error)) if isinstance(error, ClientException) else None
    return found[1] if found else None


def _server(client: Any) -> Server:
    pool = client._pool  # noqa: SLF001
    return None, pool._host, pool._port  # noqa: SLF001


def _one(name: str) -> FactsOf:
    return lambda args, _kwargs: memcached.one(name) + _server(args[0])


def _multi_get(args: Args, _kwargs: Kwargs) -> Any:
    keys = len(args) - 1  # without any, nothing is sent
    return memcached.one("gets", keys) + _server(args[0]) if keys else None


_memcached = memcached.commands(_code)

INSTRUMENTOR = Instrumentor(
    "aiomcache",
    *(Patch(f"aiomcache.client:FlagClient.{name}", _memcached.async_command(_one(name))) for name in _SINGLE),
    Patch("aiomcache.client:FlagClient.multi_get", _memcached.async_command(_multi_get)),
)
