"""Which instrumentor belongs to which library: the one table that names libraries.

An instrumentor is a module of ``autotrace.instrumentors``, loaded by name once the module that it waits for has been
imported by the program.  That module must have its patches' targets loaded when its own execution ends.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable


_HOME = "autotrace.instrumentors"


class Known:
    """An instrumentor that can be loaded.

    Args:
        name: by which it is switched on and off.
        trigger: the module whose import loads it.
        family: by which it is switched on and off together with others.
        module: where its ``INSTRUMENTOR`` is.
        attribute: the name of the Instrumentor in that module.
    """

    __slots__ = ("attribute", "family", "module", "name", "trigger")

    def __init__(
        self, name: str, trigger: str, family: str, module: str | None = None, attribute: str = "INSTRUMENTOR"
    ) -> None:
        self.name = name
        self.trigger = trigger
        self.family = family
        self.module = module or f"{_HOME}.{name}"
        self.attribute = attribute


BUILT_IN = (
    Known("aiohttp_client", "aiohttp", "http_client"),
    Known("http_client", "http.client", "http_client"),
    Known("httpx", "httpx", "http_client"),
    Known("requests", "requests", "http_client"),
    Known("urllib3", "urllib3", "http_client"),
    Known("aiohttp_server", "aiohttp.web", "http_server"),
    Known("fastapi", "fastapi", "http_server"),
    Known("flask", "flask", "http_server"),
    Known("gunicorn", "gunicorn.app.base", "http_server"),
    Known("hypercorn", "hypercorn.app_wrappers", "http_server"),
    Known("starlette", "starlette.applications", "http_server"),
    Known("uvicorn", "uvicorn.config", "http_server"),
    Known("waitress", "waitress.server", "http_server"),
    Known("werkzeug", "werkzeug.serving", "http_server"),
    Known("wsgiref", "wsgiref.handlers", "http_server"),
    Known("aiosqlite", "aiosqlite", "concurrency"),
    Known("redis", "redis", "db_client"),
    Known("redis_asyncio", "redis.asyncio", "db_client", f"{_HOME}.redis", "ASYNCIO"),
    Known("sqlalchemy", "sqlalchemy", "db_client"),
    Known("sqlite3", "sqlite3", "db_client"),
    Known("aio_pika", "aio_pika", "messaging"),
    Known("celery", "celery.app.base", "messaging"),
    Known("celery_worker", "celery.app.trace", "messaging", f"{_HOME}.celery", "WORKER"),
    Known("celery_beat", "celery.beat", "messaging", f"{_HOME}.celery_traffic", "BEAT"),
    Known("celery_broker", "kombu.transport.redis", "messaging", f"{_HOME}.celery_traffic", "BROKER"),
    Known("celery_results", "celery.backends.redis", "messaging", f"{_HOME}.celery_traffic", "RESULTS"),
    Known("aiokafka", "aiokafka", "messaging"),
    Known("confluent_kafka", "confluent_kafka.cimpl", "messaging"),
    Known("confluent_kafka_aio", "confluent_kafka.aio", "messaging"),
    Known("confluent_kafka_deserializing", "confluent_kafka.deserializing_consumer", "messaging"),
    Known("kafka", "kafka", "messaging"),
    Known("pika", "pika", "messaging"),
    Known("rq", "rq", "messaging"),
    Known("eventlet", "eventlet", "concurrency"),
    Known("eventlet_tpool", "eventlet.tpool", "concurrency", f"{_HOME}.eventlet", "TPOOL"),
    Known("futures", "concurrent.futures.thread", "concurrency"),
    Known("futures_callbacks", "concurrent.futures._base", "concurrency", f"{_HOME}.futures", "CALLBACKS"),
    Known("futures_processes", "concurrent.futures.process", "concurrency", f"{_HOME}.futures", "PROCESSES"),
    Known("gevent", "gevent", "concurrency"),
    Known("gevent_threadpool", "gevent.threadpool", "concurrency", f"{_HOME}.gevent", "THREADPOOL"),
    Known("multiprocessing", "multiprocessing.spawn", "concurrency"),
    Known("multiprocessing_pool", "multiprocessing.pool", "concurrency", f"{_HOME}.multiprocessing", "POOL"),
    Known("subprocess", "subprocess", "concurrency"),
    Known("threads", "threading", "concurrency"),
    Known("uvloop", "uvloop", "concurrency"),
)

FAMILIES = tuple(sorted({known.family for known in BUILT_IN}))


def selected(candidates: Iterable[Known], on: Iterable[str], off: Iterable[str]) -> list[Known]:
    """Return the instrumentors that are switched on.

    Args:
        candidates: built-in and third-party ones.
        on: names, families, or ``all``.
        off: names, families, or ``all``; wins over ``on``, except that a name that is switched on beats its family and
            ``all`` being switched off.
    """
    on, off = set(on), set(off)
    chosen = []
    for known in candidates:
        if known.name in off:
            continue
        if known.name in on or (_covered(known, on) and not _covered(known, off)):
            chosen.append(known)
    return chosen


def _covered(known: Known, names: set[str]) -> bool:
    return known.family in names or "all" in names or "*" in names
