"""redis-py."""

from __future__ import annotations

from autotrace.instrumentors.redis import instrumentors
from redis import exceptions
from redis.commands import core

INSTRUMENTOR, ASYNCIO = instrumentors("redis", "Redis", core, exceptions)
