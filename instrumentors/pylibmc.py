"""pylibmc: a span for each method of a client; several writes that are sent at once are one.

A client of several servers has no address: which of them is asked only libmemcached knows.
"""

from __future__ import annotations

from functools import lru_cache

import pylibmc  # type: ignore[import-not-found,import-untyped,unused-ignore]
from pylibmc.client import translate_server_spec  # type: ignore[import-not-found,import-untyped,unused-ignore]

from autotrace.families.db import db_calls, memcached
from autotrace.patching import Instrumentor, Patch, argument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from autotrace.families.db.command import Server
    from autotrace.families.db.db_calls import FactsOf
    from autotrace.patching import Args, Kwargs

db_calls.conceal(pylibmc.Error)
_SINGLE = sorted({*memcached.VALUES, "flush_all"} - {"gat", "gats"})


def _is_answer(error: Exception) -> bool:
    return isinstance(error, (pylibmc.CacheMiss, pylibmc.NotFound))  # as of ``incr``, where ``get`` answers None


@lru_cache(16)
def _address(spec: str) -> Server:
    _, host, port, _ = translate_server_spec(spec)
    return None, host, port or None


def _server(client: Any) -> Server:
    addresses = client.addresses
    if len(addresses) != 1:
        return None, None, None
    (address,) = addresses
    return _address(address) if isinstance(address, str) else (None, *address[1:3])


def _one(name: str) -> FactsOf:
    return lambda args, _kwargs: memcached.one(name) + _server(args[0])


def _get_multi(args: Args, kwargs: Kwargs) -> Any:
    keys = argument(args, kwargs, 1, "keys")
    return memcached.one("get", len(keys) if hasattr(keys, "__len__") else 1) + _server(args[0])


def _several(name: str, what: str) -> FactsOf:
    def facts(args: Args, kwargs: Kwargs) -> Any:
        given = argument(args, kwargs, 1, what)  # an iterator is not counted
        return memcached.several(name, len(given) if hasattr(given, "__len__") else 1) + _server(args[0])

    return facts


_memcached = memcached.commands(is_answer=_is_answer)

INSTRUMENTOR = Instrumentor(
    "pylibmc",
    *(Patch(f"pylibmc.client:Client.{name}", _memcached.command(_one(name))) for name in _SINGLE),
    Patch("pylibmc.client:Client.get_multi", _memcached.command(_get_multi)),
    Patch("pylibmc.client:Client.set_multi", _memcached.batch(_several("set", "mapping"))),
    Patch("pylibmc.client:Client.add_multi", _memcached.batch(_several("add", "mapping"))),
    Patch("pylibmc.client:Client.incr_multi", _memcached.batch(_several("incr", "keys"))),
    Patch("pylibmc.client:Client.delete_multi", _memcached.batch(_several("delete", "keys"))),
)
