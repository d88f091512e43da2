"""Celery's own traffic, which makes no spans: with broker and results in Redis, and what its scheduler writes down.

What the scheduler sends is the root of a trace.
"""

from __future__ import annotations

from autotrace.families import suppression
from autotrace.patching import Instrumentor, Patch

BEAT = Instrumentor(
    "celery_beat",
    # What it keeps its schedule in may be a database.
    Patch("celery.beat:Service.start", suppression.suppressed()),
    Patch("celery.beat:Scheduler.apply_async", suppression.resumed()),
    Patch("celery.beat:Scheduler.reserve", suppression.suppressed()),
    Patch("celery.beat:Scheduler._do_sync", suppression.suppressed()),
    Patch("celery.beat:Service.sync", suppression.suppressed()),
)

BROKER = Instrumentor(
    "celery_broker",
    Patch("kombu.transport.redis:Channel._get_pool", suppression.muting()),
    Patch("kombu.transport.redis:SentinelChannel._get_pool", suppression.muting(), optional=True),
)

RESULTS = Instrumentor(
    "celery_results",
    Patch("celery.backends.redis:RedisBackend._get_pool", suppression.muting()),
    Patch("celery.backends.redis:SentinelBackend._get_pool", suppression.muting(), optional=True),
)
