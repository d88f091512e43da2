"""What is run with our functions failing: for each family, what its instrumentors see, and nothing that differs by itself.

A workload is a context manager; within it, what it gave is called again and again and returns the same each time.  It
begins with the connections that each run uses, so that a run is short.
"""

from __future__ import annotations

from . import by_hand, clients, concurrency, databases, kafka, rabbitmq, servers, tasks
from .common import outcome as outcome

_RABBIT = "rabbitmq"
_POSTGRESQL = "postgresql"
_REDIS = "redis_server"
_KAFKA = "kafka_broker"
_CELERY = "celery", "celery_worker"

# Instrumentors, the workload, and the fixtures whose addresses it takes.
ALL = {
    "requests": (("requests", "urllib3", "http_client"), clients.requests_),
    "plain_clients": (("urllib3", "http_client"), clients.plain_clients),
    "httpx": (("httpx",), clients.httpx_),
    "aiohttp": (("aiohttp_client", "aiohttp_server"), servers.aiohttp_),
    "wsgi": (("flask", "wsgiref"), servers.wsgi),
    "asgi": (("uvicorn", "uvicorn_h11", "starlette", "fastapi", "futures"), servers.asgi),
    "sqlite": (("sqlite3",), databases.sqlite),
    "aiosqlite": (("aiosqlite", "threads", "sqlite3"), databases.aiosqlite_),
    "sqlalchemy": (("sqlalchemy", "sqlite3"), databases.sqlalchemy_),
    "psycopg2": (("psycopg2",), databases.psycopg2_, _POSTGRESQL),
    "psycopg": (("psycopg",), databases.psycopg_, _POSTGRESQL),
    "asyncpg": (("asyncpg",), databases.asyncpg_, _POSTGRESQL),
    "redis": (("redis", "redis_asyncio"), databases.redis_, _REDIS),
    "redis_asyncio": (("redis", "redis_asyncio"), databases.redis_asyncio, _REDIS),
    "kafka": (("kafka", "threads"), kafka.kafka_, _KAFKA),
    "aiokafka": (("aiokafka",), kafka.aiokafka_, _KAFKA),
    "confluent_kafka": (("confluent_kafka", "confluent_kafka_deserializing"), kafka.confluent, _KAFKA),
    "confluent_kafka_aio": (("confluent_kafka", "confluent_kafka_aio", "futures"), kafka.confluent_aio, _KAFKA),
    "pika": (("pika",), rabbitmq.pika_, _RABBIT),
    "aio_pika": (("aio_pika",), rabbitmq.aio_pika_, _RABBIT),
    "celery": (_CELERY, tasks.celery_),
    "celery_over_redis": ((*_CELERY, "celery_broker", "celery_results", "redis"), tasks.celery_over_redis, _REDIS),
    "rq": (("rq", "redis"), tasks.rq_, _REDIS),
    "threads": (("threads", "futures"), concurrency.threads),
    "queues": (("queue", "queue_asyncio", "threads"), concurrency.queues),
    "processes": (("subprocess", "multiprocessing", "multiprocessing_pool"), concurrency.processes),
    "uvloop": (("uvloop", "subprocess", "futures"), concurrency.uvloop_),
    "by_hand": ((), by_hand.by_hand),
}
