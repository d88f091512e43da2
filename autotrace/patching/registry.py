"""Which instrumentor belongs to which library: the one table that names libraries.

An instrumentor is a module of ``autotrace.instrumentors``, loaded by name once the module that it waits for has been
imported by the program.  That module must have its patches' targets loaded when its own execution ends.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable


_HOME = "autotrace.instrumentors"

# "true" in a program that a reloader runs, werkzeug's or Django's: where that gets SIGTERM it kills the program by SIGKILL.
KILLED = ("WERKZEUG_RUN_MAIN", "RUN_MAIN")


class Known:
    """An instrumentor that can be loaded.

    Args:
        name: by which it is switched on and off.
        trigger: the module whose import loads it.
        family: by which it is switched on and off together with others.
        requires: the distribution and its supported versions, such as ``"flask>=2.2"``, so that they can be told without
            importing it; empty for the standard library, None where only the Instrumentor knows.
        module: where its ``INSTRUMENTOR`` is.
        attribute: the name of the Instrumentor in that module.
        library: by which it is switched on and off together with the other parts of one library; by default its name.
    """

    __slots__ = ("attribute", "family", "library", "module", "name", "requires", "trigger")

    def __init__(
        self,
        name: str,
        trigger: str,
        family: str,
        requires: str | None = None,
        module: str | None = None,
        attribute: str = "INSTRUMENTOR",
        library: str = "",
    ) -> None:
        self.name = name
        self.trigger = trigger
        self.family = family
        self.requires = requires
        self.module = module or f"{_HOME}.{name}"
        self.attribute = attribute
        self.library = library or name

    def distribution(self) -> str:
        """Return the distribution that it requires, as a word of the settings; empty where there is none."""
        return _word((self.requires or "").partition(">")[0])


BUILT_IN = (
    Known("aiohttp_client", "aiohttp", "http_client", "aiohttp>=3.8", library="aiohttp"),
    Known("http_client", "http.client", "http_client", ""),
    Known(
        "http_client_urllib",
        "urllib.request",
        "http_client",
        "",
        f"{_HOME}.http_client",
        "URLLIB",
        library="http_client",
    ),
    Known("httpx", "httpx", "http_client", "httpx>=0.23"),
    Known("requests", "requests", "http_client", "requests>=2.25"),
    Known("urllib3", "urllib3", "http_client", "urllib3>=1.26"),
    Known("aiohttp_server", "aiohttp.web", "http_server", "aiohttp>=3.8", library="aiohttp"),
    Known("fastapi", "fastapi", "http_server", "fastapi>=0.87"),
    Known("flask", "flask", "http_server", "flask>=2.2"),
    Known("gunicorn", "gunicorn.app.base", "http_server", "gunicorn>=20.1"),
    Known("hypercorn", "hypercorn.app_wrappers", "http_server", "hypercorn>=0.14"),
    Known("starlette", "starlette.applications", "http_server", "starlette>=0.21"),
    Known("uvicorn", "uvicorn.config", "http_server", "uvicorn>=0.20"),
    Known(
        "uvicorn_h11",
        "uvicorn.protocols.http.h11_impl",
        "http_server",
        "uvicorn>=0.20",
        f"{_HOME}.uvicorn",
        "H11",
        library="uvicorn",
    ),
    Known(
        "uvicorn_httptools",
        "uvicorn.protocols.http.httptools_impl",
        "http_server",
        "uvicorn>=0.20",
        f"{_HOME}.uvicorn",
        "HTTPTOOLS",
        library="uvicorn",
    ),
    Known(
        "uvicorn_zttp",
        "uvicorn.protocols.http.zttp_impl",
        "http_server",
        "uvicorn>=0.20",
        f"{_HOME}.uvicorn",
        "ZTTP",
        library="uvicorn",
    ),
    Known(
        "uvicorn_zttp_h2",
        "uvicorn.protocols.http.zttp_h2_impl",
        "http_server",
        "uvicorn>=0.20",
        f"{_HOME}.uvicorn",
        "ZTTP_H2",
        library="uvicorn",
    ),
    Known(
        "uvicorn_websockets",
        "uvicorn.protocols.websockets.websockets_impl",
        "http_server",
        "uvicorn>=0.20",
        f"{_HOME}.uvicorn",
        "WEBSOCKETS",
        library="uvicorn",
    ),
    Known(
        "uvicorn_websockets_sansio",
        "uvicorn.protocols.websockets.websockets_sansio_impl",
        "http_server",
        "uvicorn>=0.20",
        f"{_HOME}.uvicorn",
        "WEBSOCKETS_SANSIO",
        library="uvicorn",
    ),
    Known(
        "uvicorn_wsproto",
        "uvicorn.protocols.websockets.wsproto_impl",
        "http_server",
        "uvicorn>=0.20",
        f"{_HOME}.uvicorn",
        "WSPROTO",
        library="uvicorn",
    ),
    Known("waitress", "waitress.server", "http_server", "waitress>=2.1"),
    Known("werkzeug", "werkzeug.serving", "http_server", "werkzeug>=2.2"),
    Known("wsgiref", "wsgiref.handlers", "http_server", ""),
    Known("aiosqlite", "aiosqlite", "concurrency", "aiosqlite>=0.17"),
    Known("django_sqlite3", "django.db.backends.sqlite3.base", "db_client", "Django>=4.2,<7"),
    Known("redis", "redis", "db_client", "redis>=4.2,<9"),
    Known("redis_asyncio", "redis.asyncio", "db_client", "redis>=4.2,<9", f"{_HOME}.redis", "ASYNCIO", library="redis"),
    Known("sqlalchemy", "sqlalchemy", "db_client", "SQLAlchemy>=1.4,<3"),
    Known("sqlite3", "sqlite3", "db_client", ""),
    Known("aio_pika", "aio_pika", "messaging", "aio-pika>=9,<11"),
    Known("celery", "celery.app.base", "messaging", "celery>=5.2,<6"),
    Known(
        "celery_worker",
        "celery.app.trace",
        "messaging",
        "celery>=5.2,<6",
        f"{_HOME}.celery_worker",
        "WORKER",
        library="celery",
    ),
    Known(
        "celery_pool",
        "billiard.pool",
        "messaging",
        "celery>=5.2,<6",
        f"{_HOME}.celery_worker",
        "POOL",
        library="celery",
    ),
    Known(
        "celery_beat", "celery.beat", "messaging", "celery>=5.2,<6", f"{_HOME}.celery_traffic", "BEAT", library="celery"
    ),
    Known(
        "celery_broker",
        "kombu.transport.redis",
        "messaging",
        "kombu>=5.2,<6",
        f"{_HOME}.celery_traffic",
        "BROKER",
        library="celery",
    ),
    Known(
        "celery_results",
        "celery.backends.redis",
        "messaging",
        "celery>=5.2,<6",
        f"{_HOME}.celery_traffic",
        "RESULTS",
        library="celery",
    ),
    Known("aiokafka", "aiokafka", "messaging", "aiokafka>=0.8,<1"),
    Known("confluent_kafka", "confluent_kafka.cimpl", "messaging", "confluent-kafka>=2.0.2,<3"),
    Known(
        "confluent_kafka_aio", "confluent_kafka.aio", "messaging", "confluent-kafka>=2.13,<3", library="confluent_kafka"
    ),
    Known(
        "confluent_kafka_deserializing",
        "confluent_kafka.deserializing_consumer",
        "messaging",
        "confluent-kafka>=2.0.2,<3",
        library="confluent_kafka",
    ),
    Known("kafka", "kafka", "messaging", "kafka-python>=2.0.2,<4"),
    Known("pika", "pika", "messaging", "pika>=1.2,<2"),
    Known("rq", "rq", "messaging", "rq>=1.11,<4"),
    Known("eventlet", "eventlet", "concurrency", "eventlet>=0.33"),
    Known(
        "eventlet_tpool",
        "eventlet.tpool",
        "concurrency",
        "eventlet>=0.33",
        f"{_HOME}.eventlet",
        "TPOOL",
        library="eventlet",
    ),
    Known("futures", "concurrent.futures.thread", "concurrency", ""),
    Known(
        "futures_callbacks",
        "concurrent.futures._base",
        "concurrency",
        "",
        f"{_HOME}.futures",
        "CALLBACKS",
        library="futures",
    ),
    Known(
        "futures_interpreters",
        "concurrent.futures.interpreter",
        "concurrency",
        "",
        f"{_HOME}.futures",
        "INTERPRETERS",
        library="futures",
    ),
    Known(
        "futures_processes",
        "concurrent.futures.process",
        "concurrency",
        "",
        f"{_HOME}.futures",
        "PROCESSES",
        library="futures",
    ),
    Known("gevent", "gevent", "concurrency", "gevent>=21.1"),
    Known(
        "gevent_threadpool",
        "gevent.threadpool",
        "concurrency",
        "gevent>=21.1",
        f"{_HOME}.gevent",
        "THREADPOOL",
        library="gevent",
    ),
    Known("joblib", "joblib.externals.loky.process_executor", "concurrency", "joblib>=1.2", f"{_HOME}.loky", "JOBLIB"),
    Known("loky", "loky.process_executor", "concurrency", "loky>=3"),
    Known("multiprocessing", "multiprocessing.spawn", "concurrency", ""),
    Known(
        "multiprocessing_pool",
        "multiprocessing.pool",
        "concurrency",
        "",
        f"{_HOME}.multiprocessing",
        "POOL",
        library="multiprocessing",
    ),
    Known("queue", "queue", "concurrency", ""),
    Known("queue_asyncio", "asyncio.queues", "concurrency", "", f"{_HOME}.queue", "ASYNCIO", library="queue"),
    Known("subprocess", "subprocess", "concurrency", ""),
    Known("threads", "threading", "concurrency", ""),
    Known("uvloop", "uvloop", "concurrency", "uvloop>=0.14"),
)

# What runs somebody's application: the options that name it, the variable that does, and whether an argument may.
RUNNERS: dict[str, tuple[tuple[str, ...], str, bool]] = {
    "arq": ((), "", True),
    "celery": (("-A", "--app"), "", False),
    "daphne": ((), "", True),
    "django": (("--settings",), "DJANGO_SETTINGS_MODULE", False),
    "django-admin": (("--settings",), "DJANGO_SETTINGS_MODULE", False),
    "dramatiq": ((), "", True),
    "fastapi": ((), "", True),
    "flask": (("-A", "--app"), "FLASK_APP", False),
    "granian": ((), "", True),
    "gunicorn": ((), "", True),
    "huey_consumer": ((), "", True),
    "hypercorn": ((), "", True),
    "manage": (("--settings",), "DJANGO_SETTINGS_MODULE", False),
    "quart": (("-A", "--app"), "QUART_APP", False),
    "rq": ((), "", False),
    "rqworker": ((), "", False),
    "uvicorn": ((), "UVICORN_APP", True),
    "waitress": ((), "", True),
    "waitress-serve": ((), "", True),
}

FAMILIES = tuple(sorted({known.family for known in BUILT_IN}))

# What libraries are called by OpenTelemetry, where that is neither our name nor the distribution's
# (opentelemetry-python-contrib, entry points).
ALIASES = {"http_client": "urllib", "threads": "threading", "futures": "threading"}
# What it has and we have not: to switch that off is nothing that a user should be told about.  One text, since each start
# reads this and hardly any asks.
OTHERS = (
    "asgi asyncclick asyncio asyncpg aws_lambda boto boto3sqs botocore cassandra click dbapi django elasticsearch "
    "falcon google_genai grpc_aio_client grpc_aio_server grpc_client grpc_server jinja2 logging mysql mysqlclient "
    "openai_v2 psycopg psycopg2 pymemcache pymongo pymssql pymysql pyramid remoulade sqlcommenter system_metrics "
    "tornado tortoiseorm vertexai wsgi"
)
_ALL = frozenset({"all", "*"})


def selected(candidates: Iterable[Known], on: Iterable[str], off: Iterable[str]) -> list[Known]:
    """Return the instrumentors that are switched on.

    Words are names, libraries (or their distributions), families, or ``all``, in any case, with ``-`` for ``_``.  The
    nearest word decides: a name beats its library, that its family, that ``all``; for the same word off beats on.

    Args:
        candidates: built-in and third-party ones.
        on: words; where no candidate knows any of them it is ``all``.
        off: words.
    """
    candidates = tuple(candidates)
    if tuple(on) == ("all",) and not tuple(off):
        return list(candidates)
    on, off = {_word(word) for word in on}, {_word(word) for word in off}
    if on and not on & _known_words(candidates):
        on = {"all"}
    chosen = []
    for known in candidates:
        for level in _levels(known):
            if level & off:
                break
            if level & on:
                chosen.append(known)
                break
    return chosen


def unknown(given: Iterable[str], candidates: Iterable[Known]) -> tuple[list[str], tuple[str, ...]]:
    """Return the words that switch nothing on or off, and those that would."""
    known = _known_words(candidates)
    return [word for word in given if _word(word) not in known], tuple(sorted(known - {"*"}))


def _levels(known: Known) -> tuple[set[str] | frozenset[str], ...]:
    library = {_word(known.library), known.distribution(), ALIASES.get(known.library, "")} - {""}
    return {_word(known.name)}, library, {_word(known.family)}, _ALL


def _known_words(candidates: Iterable[Known]) -> set[str]:
    return {word for known in candidates for level in _levels(known) for word in level} | _ALL


def _word(given: str) -> str:
    return given.strip().lower().replace("-", "_")
