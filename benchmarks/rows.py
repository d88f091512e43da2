"""The rows of the report: what is done in each, and what issue 3 asks for.

The issue's figures are what the agents *added* there, in the row's unit: OpenTelemetry, ddtrace, and what ours may add at
most.  They hold only against each other, so ours is read as a share of the better peer's (``limit`` in ``report.py``).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

US, MS, S, MB, PERCENT = "µs", "ms", "s", "MB", "%"
CONSTANT = ", constant"  # behind a variant's name: where its operations are all the same
FLAT = 1.25  # times what the first row of a scale costs; less cannot be told from noise


@dataclass(frozen=True)
class Row:
    """One row.

    Attributes:
        name: its name on the command line.
        title: its name in the report.
        kind: how it is measured: ``chunks`` (CPU time per operation), ``start``, ``exit``, ``memory`` or ``lost``.
        unit: of all its figures.
        asked: in the issue: OpenTelemetry, ddtrace, ours at most; None where the issue has no figure.  Of a row of a scale:
            how many times the first one's.
        program: a workload's file with its arguments, the code for ``python -c``, or where to send to (``refuses``,
            ``hangs``).
        drive: who asks for the operations: ``input`` (the workload does them when told), ``connection`` (HTTP requests over
            one connection), ``connections`` (HTTP requests, each over its own), ``gunicorn`` (the same, to gunicorn),
            ``messages`` (the workload does them, with messages that somebody else has sent).
        absolute: ours is not read as a share, since the figure does not depend on the machine.
        quick: whether ``--quick`` has it.
        missing: variants that cannot do it, and why.
        libraries: the environments of their own whose libraries and agents it takes: ``kafka``, ``shop``, ``drivers`` or
            ``frameworks``.
        absent: the Pythons for which its library has no version that can be installed; they have no such row.
        server: the service of tests/services that it talks to.
        sampled: whether it is measured once more with one trace in a hundred sampled.
        scale: what cost is to be flat over: rows of one scale are compared with its first.  Only ours are measured.
        size: spans of one chunk, where that is fixed.
    """

    name: str
    title: str
    kind: str
    unit: str
    asked: tuple[float | None, float | None, float]
    program: str
    drive: str = "input"
    absolute: bool = False
    quick: bool = False
    missing: tuple[tuple[str, str], ...] = ()
    sampled: bool = False
    scale: str = ""
    size: int = 0
    libraries: str = ""
    server: str = ""
    absent: tuple[str, ...] = ()

    @property
    def environ(self) -> dict[str, str]:
        """Variables that its program needs: where agents look for Django's settings, before a program has begun."""
        if not self.name.startswith("django"):
            return {}
        settings = "django_settings" if self.name == "django" else "django_api_settings"
        return {"DJANGO_SETTINGS_MODULE": settings, "PYTHONPATH": str(Path(__file__).parent / "workloads")}

    @property
    def kafka(self) -> bool:
        """Whether it is about messages of Kafka's."""
        return self.server == "kafka"

    @property
    def varies(self) -> bool:
        """Whether its figures are of facts that never come twice, and it is measured once more with constant ones."""
        return self.kind == "chunks" and not self.scale and not self.kafka  # offsets never come twice

    def excuse(self, variant: str) -> str:
        """Return why a variant cannot do it, or an empty string."""
        return dict(self.missing).get(variant, "")


def _kafka(client: str, *missing: tuple[str, str]) -> tuple[Row, Row]:
    """Return the rows of a Kafka client: a message that is sent, and one that is handled."""
    program = f"kafka_messages.py {client} "
    none = (None, None, 0.0)  # the issue has no figure
    return (
        Row(
            f"{client}-send",
            f"{client}: a message sent",
            "chunks",
            US,
            none,
            program + "sends",
            libraries="kafka",
            server="kafka",
            missing=missing,
        ),
        Row(
            f"{client}-handle",
            f"{client}: a message handled",
            "chunks",
            US,
            none,
            program + "handles",
            "messages",
            libraries="kafka",
            server="kafka",
            missing=missing,
        ),
    )


def _shop(
    name: str, title: str, program: str, server: str = "", drive: str = "input", libraries: str = "shop", **missing: str
) -> Row:
    """Return a row of what a web shop is made of; ours may add 0.15 of what the better peer does, if either traces it."""
    traced = [None if peer in missing else 1.0 for peer in ("opentelemetry", "ddtrace")]
    return Row(
        name,
        title,
        "chunks",
        US,
        (traced[0], traced[1], 0.15),
        program,
        drive,
        libraries=libraries,
        server=server,
        missing=tuple(missing.items()),
        absent=_ABSENT.get(name, ()),
    )


def _drivers(file: str, kind: str, server: str, *names: str, **missing: str) -> tuple[Row, ...]:
    """Return the rows of drivers or of clients that differ in nothing but the library."""
    libraries = "drivers" if file == "drivers" else "frameworks"
    return tuple(
        _shop(name, kind.format(_TITLES.get(name, name)), f"{file}.py {name}", server, libraries=libraries, **missing)
        for name in names
    )


def _frameworks(interface: str, *names: str, **missing: str) -> tuple[Row, ...]:
    """Return the rows of frameworks."""
    return tuple(
        _shop(
            name,
            f"{_TITLES[name]} request ({interface} callable)",
            f"django_api.py {name}" if name.startswith("django") else f"frameworks.py {name}",
            libraries="frameworks",
            **missing,
        )
        for name in names
    )


_TITLES = {
    "bottle": "Bottle",
    "cherrypy": "CherryPy",
    "django-ninja": "django-ninja",
    "djangorestframework": "Django REST framework",
    "falcon": "Falcon",
    "litestar": "Litestar",
    "mysql-connector": "mysql-connector-python",
    "pyramid": "Pyramid",
    "quart": "Quart",
    "sanic": "Sanic",
    "starlette": "Starlette",
    "tornado-client": "Tornado client",
}
_ABSENT = {"httpx2": ("3.9", "3.10"), "pylibmc": ("3.12", "3.13"), "quart": ("3.9",)}
_NOT = "not traced"
_FURTHER = (
    *_drivers("drivers", "{} query", "mariadb", "mysqlclient", "mysql-connector"),
    *_drivers("drivers", "{} query", "mariadb", "aiomysql", opentelemetry=_NOT),
    *_drivers("drivers", "{} query", "mariadb", "asyncmy", opentelemetry=_NOT, ddtrace=_NOT),
    *_drivers("drivers", "{} query", "clickhouse", "clickhouse-driver", opentelemetry=_NOT, ddtrace=_NOT),
    *_drivers("drivers", "{} query", "", "duckdb", opentelemetry=_NOT, ddtrace=_NOT),
    *_drivers("drivers", "{} query", "", "aiosqlite"),
    *_drivers("drivers", "{} GET", "", "pylibmc", "valkey", opentelemetry=_NOT),
    *_drivers("drivers", "{} GET", "", "aiomcache", opentelemetry=_NOT, ddtrace=_NOT),
    *_drivers("clients", "{} get", "", "httpx2"),
    *_drivers("clients", "{} get", "", "urllib3", "tornado-client", ddtrace="off unless asked for"),
    *_drivers("clients", "{} get", "", "httplib2", "pycurl", "curl_cffi", opentelemetry=_NOT, ddtrace=_NOT),
    *_frameworks("WSGI", "falcon", "pyramid", "djangorestframework", "django-ninja"),
    *_frameworks("WSGI", "bottle", opentelemetry=_NOT),
    *_frameworks("WSGI", "cherrypy", opentelemetry=_NOT, ddtrace=_NOT),
    *_frameworks("ASGI", "starlette"),
    *_frameworks("ASGI", "sanic", opentelemetry=_NOT),
    *_frameworks("ASGI", "litestar", "quart", opentelemetry=_NOT, ddtrace=_NOT),
    _shop(
        "cheroot",
        "cheroot request",
        "cheroot_server.py",
        drive="connection",
        libraries="frameworks",
        opentelemetry=_NOT,
        ddtrace=_NOT,
    ),
)
ROWS = (
    Row("start", "start: `python -c pass`", "start", MS, (2586, 967, 40), "pass", quick=True),
    Row(
        "start-imports",
        "start: `import flask, requests, sqlalchemy`",
        "start",
        MS,
        (2095, 1237, 80),
        "import flask, requests, sqlalchemy",
    ),
    Row("sqlite3", "sqlite3 query, no parent", "chunks", US, (81, 70, 7), "sqlite3_query.py", quick=True, sampled=True),
    Row("sqlalchemy", "SQLAlchemy query", "chunks", US, (190, 118, 12), "sqlalchemy_query.py"),
    Row("requests", "requests.get", "chunks", US, (207, 354, 20), "requests_get.py", quick=True, sampled=True),
    Row("httpx", "httpx get", "chunks", US, (301, 361, 25), "httpx_get.py"),
    Row("aiohttp-client", "aiohttp client get", "chunks", US, (228, 373, 20), "aiohttp_get.py"),
    Row("redis", "redis GET", "chunks", US, (139, 144, 12), "redis_get.py"),
    Row(
        "flask",
        "Flask request (WSGI callable)",
        "chunks",
        US,
        (368, 829, 30),
        "flask_request.py",
        quick=True,
        sampled=True,
    ),
    Row("fastapi", "FastAPI request (ASGI callable)", "chunks", US, (514, 299, 30), "fastapi_request.py"),
    Row(
        "aiohttp-server",
        "aiohttp server request",
        "chunks",
        US,
        (499, None, 35),
        "aiohttp_server.py",
        "connection",
        missing=(("ddtrace", "not traced"),),
    ),
    _shop("psycopg", "psycopg query", "psycopg_query.py", "postgresql"),
    _shop("psycopg2", "psycopg2 query", "psycopg2_query.py", "postgresql"),
    _shop("asyncpg", "asyncpg query", "asyncpg_query.py", "postgresql"),
    _shop("pymysql", "PyMySQL query", "pymysql_query.py", "mariadb"),
    _shop("pymemcache", "pymemcache GET", "pymemcache_get.py"),
    _shop("django", "Django request with a query (WSGI callable)", "django_request.py"),
    _shop("tornado", "Tornado request", "tornado_server.py", drive="connection", ddtrace="not traced"),
    *_FURTHER,
    Row(
        "gunicorn",
        "gunicorn, Flask + sqlite + requests, per request",
        "chunks",
        US,
        (2360, 3332, 120),
        "gunicorn_app:app",
        "gunicorn",
    ),
    Row(
        "span",
        "a hand-made span with 5 attributes",
        "chunks",
        US,
        (71, 45, 4),
        "span_{environment}.py",
        quick=True,
        sampled=True,
    ),
    *_kafka("kafka-python", ("ddtrace", "not traced")),
    *_kafka("aiokafka"),
    *_kafka("confluent-kafka"),
    Row("memory", "worker memory (RSS) over bare", "memory", MB, (63, 27, 6), "gunicorn_app:app", "gunicorn"),
    Row("exit-refuses", "exit when the sink refuses", "exit", S, (31, 5.5, 1), "requests_get.py", absolute=True),
    Row("exit-hangs", "exit when the sink hangs", "exit", S, (30, 39, 2), "requests_get.py", absolute=True),
    Row(
        "lost",
        "spans lost in a tight loop of 200,000",
        "lost",
        PERCENT,
        (22, 0, 0),
        "span_{environment}.py",
        absolute=True,
    ),
    *(
        Row(
            f"trace-{spans}",
            f"{spans:,} spans in one trace",
            "chunks",
            US,
            (None, None, FLAT),
            f"scale_{{environment}}.py trace {spans}",
            scale="spans of a trace",
            size=100_000,
        )
        for spans in (100, 1_000, 10_000, 100_000)
    ),
    *(
        Row(
            f"pace-{spans}",
            f"{spans:,} spans a second",
            "chunks",
            US,
            (None, None, FLAT),
            f"scale_{{environment}}.py pace {spans}",
            scale="spans a second",
            size=2 * spans,
        )
        for spans in (1_000, 5_000, 10_000)
    ),
)
BY_NAME = {row.name: row for row in ROWS}
