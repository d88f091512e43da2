"""valkey, which goes on from redis-py."""

from __future__ import annotations

from autotrace.instrumentors.redis import instrumentors
from valkey import exceptions
from valkey.commands import core

INSTRUMENTOR, ASYNCIO = instrumentors("valkey", "Valkey", core, exceptions)
