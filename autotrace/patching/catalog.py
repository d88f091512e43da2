"""The catalog of libraries: a row for each, with its parts; the one table that names libraries.

A part is an instrumentor, in a module of ``autotrace.instrumentors`` that is loaded by name once the module that it waits
for has been imported by the program.  That one must have its patches' targets loaded when its own execution ends.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from typing_extensions import Unpack

    from autotrace.patching.model import Instrumentor

# Library, distribution with its supported versions (empty for the standard library), what it is, and its parts: name,
# family, the module whose import loads it, where its Instrumentor is, and the versions where they are not the library's.
# PERF: literals are read from the module's bytecode as they are; a start looks at nothing but the third of each part.
# A part is a line, where it has room: ruff would give each of its words one.
# fmt: off
LIBRARIES: tuple[tuple[str, str, str, Unpack[tuple[tuple[str, ...], ...]]], ...] = (
    ("aio_pika", "aio-pika>=9,<11", "RabbitMQ client", ("aio_pika", "messaging", "aio_pika", ".aio_pika")),
    ("aiohttp", "aiohttp>=3.8", "HTTP client and web framework",
     ("aiohttp_client", "http_client", "aiohttp", ".aiohttp.client"),
     ("aiohttp_server", "http_server", "aiohttp.web", ".aiohttp.server")),
    ("aiokafka", "aiokafka>=0.8,<1", "Kafka client", ("aiokafka", "messaging", "aiokafka", ".aiokafka")),
    ("aiomcache", "aiomcache>=0.8,<1", "memcached client", ("aiomcache", "db_client", "aiomcache", ".aiomcache")),
    ("aiomysql", "aiomysql>=0.1,<1", "MySQL driver", ("aiomysql", "db_client", "aiomysql", ".aiomysql")),
    ("aiosqlite", "aiosqlite>=0.17", "database", ("aiosqlite", "concurrency", "aiosqlite", ".aiosqlite")),
    ("asyncmy", "asyncmy>=0.2.5,<0.3", "MySQL driver", ("asyncmy", "db_client", "asyncmy", ".asyncmy")),
    ("asyncpg", "asyncpg>=0.22,<1", "PostgreSQL driver", ("asyncpg", "db_client", "asyncpg", ".asyncpg")),
    ("bottle", "bottle>=0.12", "web framework", ("bottle", "http_server", "bottle", ".bottle")),
    ("celery", "celery>=5.2,<6", "task queue",
     ("celery", "messaging", "celery.app.base", ".celery"),
     ("celery_worker", "messaging", "celery.app.trace", ".celery.worker:WORKER"),
     ("celery_pool", "messaging", "billiard.pool", ".celery.worker:POOL"),
     ("celery_beat", "messaging", "celery.beat", ".celery.traffic:BEAT"),
     ("celery_broker", "messaging", "kombu.transport.redis", ".celery.traffic:BROKER", "kombu>=5.2,<6"),
     ("celery_results", "messaging", "celery.backends.redis", ".celery.traffic:RESULTS")),
    ("channels", "channels>=4,<5", "websockets of Django",
     ("channels_consumer", "http_server", "channels.consumer", ".django.channels:CONSUMER"),
     ("channels_routing", "http_server", "channels.routing", ".django.channels:ROUTING")),
    ("cheroot", "cheroot>=8.4", "web server", ("cheroot", "http_server", "cheroot.wsgi", ".cheroot")),
    ("cherrypy", "CherryPy>=18", "web framework", ("cherrypy", "http_server", "cherrypy", ".cherrypy")),
    ("clickhouse_connect", "clickhouse-connect>=0.6,<2", "ClickHouse client",
     ("clickhouse_connect", "db_client", "clickhouse_connect.driver.httpclient", ".clickhouse_connect"),
     ("clickhouse_connect_async", "db_client", "clickhouse_connect.driver.asyncclient", ".clickhouse_connect:ASYNC")),
    ("clickhouse_driver", "clickhouse-driver>=0.2.6,<1", "ClickHouse client",
     ("clickhouse_driver", "db_client", "clickhouse_driver.client", ".clickhouse_driver")),
    ("confluent_kafka", "confluent-kafka>=2.0.2,<3", "Kafka client",
     ("confluent_kafka", "messaging", "confluent_kafka.cimpl", ".confluent_kafka"),
     ("confluent_kafka_aio", "messaging", "confluent_kafka.aio", ".confluent_kafka.aio", "confluent-kafka>=2.13,<3"),
     ("confluent_kafka_deserializing", "messaging",
      "confluent_kafka.deserializing_consumer", ".confluent_kafka.deserializing")),
    ("curl_cffi", "curl_cffi>=0.7,<1", "HTTP client",
     ("curl_cffi", "http_client", "curl_cffi", ".curl_cffi"),
     ("curl_cffi_requests", "http_client", "curl_cffi.requests", ".curl_cffi:REQUESTS")),
    ("daphne", "daphne>=3", "web server", ("daphne", "http_server", "daphne.server", ".daphne")),
    ("django", "Django>=3.2,<7", "web framework",
     ("django", "http_server", "django.core.handlers.base", ".django.handlers"),
     ("django_asgi", "http_server", "django.core.handlers.asgi", ".django.handlers:ASGI"),
     ("django_commands", "console", "django.core.management.base", ".django.commands"),
     ("django_mysql", "db_client", "django.db.backends.mysql.base", ".django.databases:MYSQL"),
     ("django_postgresql", "db_client", "django.db.backends.postgresql.base", ".django.databases:POSTGRESQL"),
     ("django_sqlite3", "db_client", "django.db.backends.sqlite3.base", ".django.databases:SQLITE3"),
     ("django_static", "http_server", "django.contrib.staticfiles.handlers", ".django.static"),
     ("django_test_client", "http_server", "django.test.client", ".django.test_client"),
     ("django_wsgi", "http_server", "django.core.handlers.wsgi", ".django.handlers:WSGI")),
    ("duckdb", "duckdb>=0.8", "database", ("duckdb", "db_client", "duckdb", ".duckdb")),
    ("eventlet", "eventlet>=0.33", "greenlets",
     ("eventlet", "concurrency", "eventlet", ".eventlet"),
     ("eventlet_tpool", "concurrency", "eventlet.tpool", ".eventlet:TPOOL")),
    ("falcon", "falcon>=3", "web framework",
     ("falcon", "http_server", "falcon.app", ".falcon"),
     ("falcon_asgi", "http_server", "falcon.asgi.app", ".falcon:ASGI")),
    ("fastapi", "fastapi>=0.79", "web framework", ("fastapi", "http_server", "fastapi", ".fastapi")),
    ("flask", "flask>=2.0", "web framework", ("flask", "http_server", "flask", ".flask")),
    ("futures", "", "threads and processes",
     ("futures", "concurrency", "concurrent.futures.thread", ".futures"),
     ("futures_callbacks", "concurrency", "concurrent.futures._base", ".futures:CALLBACKS"),
     ("futures_interpreters", "concurrency", "concurrent.futures.interpreter", ".futures:INTERPRETERS"),
     ("futures_processes", "concurrency", "concurrent.futures.process", ".futures:PROCESSES")),
    ("gevent", "gevent>=21.1", "greenlets",
     ("gevent", "concurrency", "gevent", ".gevent"),
     ("gevent_threadpool", "concurrency", "gevent.threadpool", ".gevent:THREADPOOL")),
    ("glide", "valkey-glide>=2.6,<3", "Valkey client",
     ("glide", "db_client", "glide", ".glide.glide"),
     ("glide_sync", "db_client", "glide_sync", ".glide.glide_sync", "valkey-glide-sync>=2.6,<3")),
    ("granian", "granian>=2", "web server",
     ("granian", "http_server", "granian.asgi", ".granian"),
     ("granian_wsgi", "http_server", "granian.wsgi", ".granian:WSGI")),
    ("gunicorn", "gunicorn>=20.1", "web server", ("gunicorn", "http_server", "gunicorn.app.base", ".gunicorn")),
    ("http_client", "", "HTTP client",
     ("http_client", "http_client", "http.client", ".http_client"),
     ("http_client_urllib", "http_client", "urllib.request", ".http_client:URLLIB")),
    ("httplib2", "httplib2>=0.12,<1", "HTTP client", ("httplib2", "http_client", "httplib2", ".httplib2")),
    ("httpx", "httpx>=0.23", "HTTP client",
     ("httpx", "http_client", "httpx", ".httpx.httpx"),
     ("httpx2", "http_client", "httpx2", ".httpx.httpx2", "httpx2>=2,<3")),
    ("hypercorn", "hypercorn>=0.14", "web server",
     ("hypercorn", "http_server", "hypercorn.app_wrappers", ".hypercorn")),
    ("joblib", "joblib>=1.2", "threads and processes",
     ("joblib", "concurrency", "joblib.externals.loky.process_executor", ".loky:JOBLIB")),
    ("kafka", "kafka-python>=2.0.2,<4", "Kafka client", ("kafka", "messaging", "kafka", ".kafka")),
    ("litestar", "litestar>=2,<3", "web framework", ("litestar", "http_server", "litestar", ".litestar")),
    ("loky", "loky>=3", "threads and processes", ("loky", "concurrency", "loky.process_executor", ".loky")),
    ("multiprocessing", "", "threads and processes",
     ("multiprocessing", "concurrency", "multiprocessing.spawn", ".multiprocessing"),
     ("multiprocessing_pool", "concurrency", "multiprocessing.pool", ".multiprocessing:POOL")),
    ("mysql_connector", "mysql-connector-python>=8.3,<27", "MySQL driver",
     ("mysql_connector", "db_client", "mysql.connector", ".mysql_connector"),
     ("mysql_connector_aio", "db_client", "mysql.connector.aio", ".mysql_connector:AIO")),
    ("mysqldb", "mysqlclient>=1.4.6,<3", "MySQL driver", ("mysqldb", "db_client", "MySQLdb.connections", ".mysqldb")),
    ("ninja", "django-ninja>=0.19,<2", "web framework", ("ninja", "http_server", "ninja.main", ".django.ninja")),
    ("niquests", "niquests>=3.14,<4", "HTTP client", ("niquests", "http_client", "niquests", ".niquests")),
    ("oracledb", "oracledb>=2,<27", "Oracle driver", ("oracledb", "db_client", "oracledb", ".oracledb")),
    ("pika", "pika>=1.2,<2", "RabbitMQ client", ("pika", "messaging", "pika", ".pika")),
    ("psycopg", "psycopg>=3,<4", "PostgreSQL driver",
     ("psycopg", "db_client", "psycopg", ".psycopg"),
     ("psycopg_pool", "concurrency", "psycopg_pool", ".psycopg:POOL", "psycopg-pool>=3.1,<4")),
    ("psycopg2", "psycopg2>=2.8,<3", "PostgreSQL driver", ("psycopg2", "db_client", "psycopg2", ".psycopg2")),
    ("pycurl", "pycurl>=7.45,<8", "HTTP client", ("pycurl", "http_client", "pycurl", ".pycurl")),
    ("pylibmc", "pylibmc>=1.6,<2", "memcached client", ("pylibmc", "db_client", "pylibmc", ".pylibmc")),
    ("pymemcache", "pymemcache>=3.5,<5", "memcached client", ("pymemcache", "db_client", "pymemcache", ".pymemcache")),
    ("pymssql", "pymssql>=2.2.7,<3", "SQL Server driver", ("pymssql", "db_client", "pymssql", ".pymssql")),
    ("pymysql", "PyMySQL>=1,<2", "MySQL driver", ("pymysql", "db_client", "pymysql", ".pymysql")),
    ("pyodbc", "pyodbc>=4.0.39,<6", "database driver", ("pyodbc", "db_client", "pyodbc", ".pyodbc")),
    ("pyramid", "pyramid>=1.10", "web framework", ("pyramid", "http_server", "pyramid.config", ".pyramid")),
    ("quart", "quart>=0.18", "web framework", ("quart", "http_server", "quart", ".quart")),
    ("queue", "", "queues between threads and tasks",
     ("queue", "concurrency", "queue", ".queue"),
     ("queue_asyncio", "concurrency", "asyncio.queues", ".queue:ASYNCIO")),
    ("redis", "redis>=4.2,<9", "Redis client",
     ("redis", "db_client", "redis", ".redis.redis"),
     ("redis_asyncio", "db_client", "redis.asyncio", ".redis.redis:ASYNCIO")),
    ("requests", "requests>=2.25", "HTTP client", ("requests", "http_client", "requests", ".requests")),
    ("rest_framework", "djangorestframework>=3.12,<4", "web framework",
     ("rest_framework", "http_server", "rest_framework.views", ".django.rest_framework")),
    ("rq", "rq>=1.11,<4", "task queue", ("rq", "messaging", "rq", ".rq")),
    ("sanic", "sanic>=22.12", "web framework and web server", ("sanic", "http_server", "sanic", ".sanic")),
    ("sqlalchemy", "SQLAlchemy>=1.4,<3", "database toolkit", ("sqlalchemy", "db_client", "sqlalchemy", ".sqlalchemy")),
    ("sqlite3", "", "database", ("sqlite3", "db_client", "sqlite3", ".sqlite3")),
    ("starlette", "starlette>=0.19", "web framework",
     ("starlette", "http_server", "starlette.applications", ".starlette")),
    ("subprocess", "", "threads and processes", ("subprocess", "concurrency", "subprocess", ".subprocess")),
    ("threads", "", "threads and processes", ("threads", "concurrency", "threading", ".threads")),
    ("tornado", "tornado>=6.1", "web framework, web server and HTTP client",
     ("tornado_server", "http_server", "tornado.httpserver", ".tornado.server"),
     ("tornado_web", "http_server", "tornado.web", ".tornado.handlers"),
     ("tornado_websocket", "http_server", "tornado.websocket", ".tornado.websocket"),
     ("tornado_client", "http_client", "tornado.httpclient", ".tornado.client"),
     ("tornado_client_simple", "http_client", "tornado.simple_httpclient", ".tornado.client:SIMPLE"),
     ("tornado_client_curl", "http_client", "tornado.curl_httpclient", ".tornado.client:CURL")),
    ("urllib3", "urllib3>=1.26", "HTTP client", ("urllib3", "http_client", "urllib3", ".urllib3")),
    ("uvicorn", "uvicorn>=0.18", "web server",
     ("uvicorn", "http_server", "uvicorn.config", ".uvicorn"),
     ("uvicorn_h11", "http_server", "uvicorn.protocols.http.h11_impl", ".uvicorn:H11"),
     ("uvicorn_httptools", "http_server", "uvicorn.protocols.http.httptools_impl", ".uvicorn:HTTPTOOLS"),
     ("uvicorn_websockets", "http_server", "uvicorn.protocols.websockets.websockets_impl", ".uvicorn:WEBSOCKETS"),
     ("uvicorn_websockets_sansio", "http_server",
      "uvicorn.protocols.websockets.websockets_sansio_impl", ".uvicorn:WEBSOCKETS_SANSIO"),
     ("uvicorn_wsproto", "http_server", "uvicorn.protocols.websockets.wsproto_impl", ".uvicorn:WSPROTO"),
     ("uvicorn_zttp", "http_server", "uvicorn.protocols.http.zttp_impl", ".uvicorn:ZTTP"),
     ("uvicorn_zttp_h2", "http_server", "uvicorn.protocols.http.zttp_h2_impl", ".uvicorn:ZTTP_H2")),
    ("uvloop", "uvloop>=0.14", "event loop", ("uvloop", "concurrency", "uvloop", ".uvloop")),
    ("valkey", "valkey>=6,<7", "Valkey client",
     ("valkey", "db_client", "valkey", ".redis.valkey"),
     ("valkey_asyncio", "db_client", "valkey.asyncio", ".redis.valkey:ASYNCIO")),
    ("waitress", "waitress>=2.1", "web server", ("waitress", "http_server", "waitress.server", ".waitress")),
    ("werkzeug", "werkzeug>=2.0", "web server", ("werkzeug", "http_server", "werkzeug.serving", ".werkzeug")),
    ("wsgiref", "", "web server", ("wsgiref", "http_server", "wsgiref.handlers", ".wsgiref")),
)
# fmt: on

_HOME = "autotrace.instrumentors"

# "true" in a program that a reloader runs, werkzeug's or Django's: where that gets SIGTERM it kills the program by SIGKILL.
KILLED = ("WERKZEUG_RUN_MAIN", "RUN_MAIN")

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
    "litestar": (("--app",), "LITESTAR_APP", False),
    "manage": (("--settings",), "DJANGO_SETTINGS_MODULE", False),
    "quart": (("-A", "--app"), "QUART_APP", False),
    "rq": ((), "", False),
    "rqworker": ((), "", False),
    "sanic": ((), "", True),
    "uvicorn": ((), "UVICORN_APP", True),
    "uwsgi": (("--module", "-w", "--wsgi", "--wsgi-file"), "UWSGI_MODULE", False),
    "waitress": ((), "", True),
    "waitress-serve": ((), "", True),
}

# What a library asks for when it is imported, and a program has given by then: a function that gives it, for those who only
# want to know whether it can be imported.
SETTLED = {"ninja": "django.conf:settings.configure", "rest_framework": "django.conf:settings.configure"}

# What libraries are called by OpenTelemetry, where that is neither our name nor the distribution's
# (opentelemetry-python-contrib, entry points).
ALIASES = {"http_client": "urllib", "mysql_connector": "mysql", "threads": "threading", "futures": "threading"}
# What it has and we have not: to switch that off is nothing that a user should be told about.  One text, since each start
# reads this and hardly any asks.
OTHERS = (
    "asgi asyncclick asyncio aws_lambda boto boto3sqs botocore cassandra click dbapi elasticsearch google_genai "
    "grpc_aio_client grpc_aio_server grpc_client grpc_server jinja2 logging openai_v2 pymongo "
    "remoulade sqlcommenter system_metrics tortoiseorm vertexai wsgi"
)
_ALL = frozenset({"all", "*"})


class Part:
    """An instrumentor that can be loaded.

    Args:
        library: by which it is switched on and off together with the other parts of that library.
        requires: the distribution and its supported versions, such as ``"flask>=2.2"``, so that they can be told without
            importing it; empty for the standard library, None as long as only a third party's Instrumentor knows.
        name: by which it is switched on and off.
        family: by which it is switched on and off together with others.
        trigger: the module whose import loads it.
        where: its Instrumentor, as ``"module:attribute"``; the attribute may be left out, a module with a dot before it is
            one of ours.
    """

    __slots__ = ("_where", "family", "library", "name", "requires", "trigger")

    def __init__(self, library: str, requires: str | None, name: str, family: str, trigger: str, where: str) -> None:
        self.library, self.requires = library, requires
        self.name, self.family = name, family
        self.trigger, self._where = trigger, where

    def distribution(self) -> str:
        """Return the distribution that it requires, as a word of the settings; empty where there is none."""
        return _word((self.requires or "").partition(">")[0])

    def module(self) -> str:
        """Return the name of the module that its Instrumentor is in."""
        module = self._where.partition(":")[0]
        return _HOME + module if module.startswith(".") else module

    def instrumentor(self) -> Instrumentor:
        """Import its module and return its Instrumentor.

        Raises:
            Exception: whatever that import raises; AttributeError where there is no such Instrumentor.
        """
        __import__(self.module())
        found: Instrumentor = getattr(sys.modules[self.module()], self._where.partition(":")[2] or "INSTRUMENTOR")
        if self.requires is None:
            self.requires = found.requires
        return found


def triggers() -> list[str]:
    """Return the modules whose import loads a part."""
    return [row[2] for _, _, _, *rows in LIBRARIES for row in rows]


def parts(trigger: str = "") -> list[Part]:
    """Return the parts of all libraries, or those that the import of one module loads."""
    return [
        Part(library, row[4] if len(row) > 4 else requires, *row[:4])
        for library, requires, _, *rows in LIBRARIES
        for row in rows
        if trigger in ("", row[2])
    ]


def selected(candidates: Iterable[Part], on: Iterable[str], off: Iterable[str]) -> list[Part]:
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
    for part in candidates:
        for level in _levels(part):
            if level & off:
                break
            if level & on:
                chosen.append(part)
                break
    return chosen


def unknown(given: Iterable[str], candidates: Iterable[Part]) -> tuple[list[str], tuple[str, ...]]:
    """Return the words that switch nothing on or off, and those that would."""
    known = _known_words(candidates)
    return [word for word in given if _word(word) not in known], tuple(sorted(known - {"*"}))


def _levels(part: Part) -> tuple[set[str] | frozenset[str], ...]:
    library = {_word(part.library), part.distribution(), ALIASES.get(part.library, "")} - {""}
    return {_word(part.name)}, library, {_word(part.family)}, _ALL


def _known_words(candidates: Iterable[Part]) -> set[str]:
    return {word for part in candidates for level in _levels(part) for word in level} | _ALL


def _word(given: str) -> str:
    return given.strip().lower().replace("-", "_")
