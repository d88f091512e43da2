"""The libraries whose own test suites are run, and what each suite needs.

The versions are written down, so that the same commit always runs the same tests; ``--latest`` takes the newest ones.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Library:
    """One library.

    Attributes:
        name: of its row, and of its distribution where that is not named.
        version: whose source distribution has the tests.
        needs: what its suite wants installed beside it, with its extras.
        paths: the tests, in the unpacked source distribution.
        options: for pytest.
        hides: folders of the source distribution that would be imported in the stead of the installed library.
        makes: files that the source distribution lacks, or its suite asks for, each with its text.
        left_out: what is not run, and why; the reason is printed in the report.
        environ: further environment variables; the host and port of a service stand in them as ``{mariadb.host}``.
        split: its files may run in several processes at once; most of its tests wait.
        services: what its suite talks to, by the names of ``tests.services``; each run has them anew.
        before: a program in Python, run bare in the environment of the suite before each run.
        runner: what runs the tests in the stead of pytest, in the folder ``within``; it takes names of modules and writes
            a report as pytest does.
        within: the folder of the sources in which the suite is run.
        tag: of its repository, where its source distribution has no tests; ``--checkouts`` says where that lies, and
            ``--latest`` changes nothing.
        distribution: its name, where several suites are of one library.
    """

    name: str
    version: str
    needs: tuple[str, ...] = ()
    paths: tuple[str, ...] = ("tests",)
    options: tuple[str, ...] = ()
    hides: tuple[str, ...] = ()
    makes: tuple[tuple[str, str], ...] = ()
    left_out: str = ""
    environ: tuple[tuple[str, str], ...] = ()
    split: bool = False
    services: tuple[str, ...] = ()
    before: str = ""
    runner: tuple[str, ...] = ()
    within: str = ""
    tag: str = ""
    distribution: str = ""

    @property
    def project(self) -> str:
        """Return the name of its distribution."""
        return self.distribution or self.name


def _ignored(*paths: str) -> tuple[str, ...]:
    return tuple(f"--ignore={path}" for path in paths)


_PSQL = (
    ("PGHOST", "{postgresql.host}"),
    ("PGPORT", "{postgresql.port}"),
    ("PGUSER", "autotrace"),
    ("PGDATABASE", "postgres"),
)

_MARIADB = """\
import json, os, pymysql
at = {"host": os.environ["MARIADB_HOST"], "port": int(os.environ["MARIADB_PORT"]), "user": "autotrace"}
cursor = pymysql.connect(**at).cursor()
for name in ("test1", "test2"):
    cursor.execute(f"create database {name} default character set utf8mb4")
databases = [{**at, "database": "test1", "use_unicode": True, "local_infile": True}, {**at, "database": "test2"}]
with open("pymysql/tests/databases.json", "w") as file:
    json.dump(databases, file)
"""

_DJANGO_NEEDS = (
    "unittest-xml-reporting",
    "Pillow",
    "jinja2",
    "aiosmtpd",
    "asgiref",
    "tblib",
    "numpy",
    "PyYAML",
    "pytz",
)
_DJANGO_RUNNER = ("-W", "ignore", "runtests.py", "--settings=transparency_settings", "--parallel=1")


def _django_settings(database: str) -> tuple[tuple[str, str], ...]:
    """Return settings of Django's own tests, with a report whose name is its own only once it is whole.

    Args:
        database: an expression for what the settings say of a database, which is called ``alias``.
    """
    text = f"""\
import atexit, os
import autotrace_transparency_witness as witness

DATABASES = {{alias: {database} for alias in ("default", "other")}}
SECRET_KEY = "django_tests_secret_key"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
DEFAULT_AUTO_FIELD = "django.db.models.AutoField"
USE_TZ = False
TEST_RUNNER = "xmlrunner.extra.djangotestrunner.XMLTestRunner"
TEST_OUTPUT_DIR, TEST_OUTPUT_FILE_NAME = os.path.split(os.environ["TRANSPARENCY_REPORT"] + ".part")
PROCESS = os.getpid()


@atexit.register
def end():
    part = os.path.join(TEST_OUTPUT_DIR, TEST_OUTPUT_FILE_NAME)
    if os.getpid() == PROCESS and os.path.exists(part):
        witness.pytest_sessionfinish()
        os.replace(part, part[: -len(".part")])
"""
    return (("tests/transparency_settings.py", text),)


LIBRARIES = (
    Library(
        "requests",
        "2.34.2",
        ("requests[socks]", "pytest-httpbin==2.1.0", "httpbin~=0.10.0", "pytest-mock", "trustme"),
        options=("-k", "not test_connect_timeout and not test_total_timeout_connect"),
        left_out="four tests that wait for an address on the internet not to answer",
    ),
    Library("flask", "3.1.3", ("flask[async]", "asgiref", "greenlet", "python-dotenv", "pytest<9")),
    Library(
        "werkzeug",
        "3.1.9",
        ("cffi", "cryptography", "ephemeral-port-reserve", "pytest-timeout", "watchdog"),
        options=("-m", "not dev_server"),
        left_out="the tests that start its development server again and again",
    ),
    Library(
        "starlette", "1.10.0", ("starlette[full]", "httpx2[zstd]>=2", "opentelemetry-sdk", "trio"), hides=("starlette",)
    ),
    Library(
        "fastapi",
        "0.165.0",
        (
            "fastapi[all]",
            "httpx2>=2",
            "anyio[trio]",
            "dirty-equals",
            "flask",
            "inline-snapshot",
            "pwdlib[argon2]",
            "pyjwt",
            "pytest-timeout",
            "pytest-xdist",
            "pyyaml",
            "sqlmodel",
            "a2wsgi",
        ),
        options=_ignored("tests/test_telemetry", "tests/test_tutorial"),
        hides=("fastapi",),
        left_out="the tests of the tutorial's programs, and those of OpenTelemetry's own instrumentation",
    ),
    Library(
        "uvicorn",
        "0.54.0",
        ("uvicorn[standard]", "pytest-mock", "trustme", "cryptography", "httpx2", "a2wsgi", "wsproto"),
        options=_ignored("tests/benchmarks"),
        hides=("uvicorn",),
        left_out="its benchmarks",
    ),
    Library(
        "aiohttp",
        "3.14.5",
        (
            "aiohttp[speedups]",
            "blockbuster",
            "freezegun",
            "proxy.py>=2.4.4rc5",
            "pytest-mock",
            "pytest-timeout",
            "pytest-xdist",
            "pytest-codspeed",
            "pytest-cov",
            "python-on-whales",
            "isal",
            "zlib_ng",
            "trustme",
            "re-assert",
            "uvloop",
            "gunicorn",
        ),
        paths=(
            "tests/test_client_functional.py",
            "tests/test_client_session.py",
            "tests/test_client_middleware.py",
            "tests/test_web_functional.py",
            "tests/test_web_middleware.py",
            "tests/test_web_app.py",
            "tests/test_web_log.py",
            "tests/test_proxy_functional.py",
        ),
        options=("-m", "not dev_mode and not autobahn and not internal"),
        hides=("aiohttp",),
        left_out="the tests of its parsers and other parts; client and server are",
    ),
    Library(
        "httpx",
        "0.28.1",
        ("httpx[brotli,cli,http2,socks,zstd]", "chardet", "trio", "trustme", "uvicorn", "cryptography"),
        hides=("httpx",),
    ),
    Library(
        "urllib3",
        "2.8.0",
        (
            "urllib3[brotli,socks,zstd]",
            "anyio[trio]",
            "h2",
            "httpx",
            "hypercorn",
            "pytest-socket",
            "pytest-timeout",
            "quart",
            "quart-trio",
            "trio",
            "cryptography",
            "idna",
            "pyopenssl",
            "trustme",
        ),
        paths=("test",),
        options=(*_ignored("test/contrib/emscripten"), "--timeout=60", "-k", "not test_http2_probe_blocked_per_thread"),
        left_out="the tests in a web browser, and one whose threads wait for ever where Hypercorn is not urllib3's own",
        split=True,
    ),
    Library(
        "sqlalchemy",
        "2.1.9",
        ("sqlalchemy[aiosqlite]", "pytest-xdist"),
        paths=(
            "test/engine",
            "test/ext/asyncio",
            "test/dialect/sqlite",
            "test/sql/test_query.py",
            "test/sql/test_resultset.py",
            "test/sql/test_returning.py",
            "test/sql/test_insert_exec.py",
        ),
        options=(
            "--maxfail=100000",
            "-p",
            "no:warnings",
            "-m",
            "not memory_intensive and not timing_intensive and not mypy",
        ),
        left_out="the tests of the ORM, of other databases and of what makes no connection",
    ),
    Library("aiosqlite", "0.22.1", paths=("aiosqlite/tests/smoke.py", "aiosqlite/tests/perf.py")),
    Library(
        "kafka-python",
        "2.3.0",
        ("pytest-mock", "pytest-timeout", "lz4", "zstandard", "python-snappy", "crc32c"),
        paths=("test",),
        options=(*_ignored("test/integration"), "-k", "not test_reassignment_with_random_subscriptions_and_changes"),
        hides=("kafka",),
        makes=(("test/__init__.py", ""),),
        left_out="the tests that need a broker and one whose names are random; 3.0 has no complete tests in its source distribution",
    ),
    Library(
        "tornado",
        "6.6.1",
        ("pycares", "pycurl", "twisted"),
        paths=tuple(
            f"tornado/test/{name}_test.py"
            for name in (
                *("asyncio", "auth", "circlerefs", "concurrent", "curl_httpclient", "gen", "http1connection"),
                *("httpclient", "httpserver", "log", "routing", "simple_httpclient", "tcpclient", "testing", "twisted"),
                *("web", "websocket", "wsgi"),
            )
        ),
        # As its own runner does: its tests want nothing to be logged.
        makes=(("conftest.py", "import logging; logging.getLogger('tornado.access').setLevel(logging.CRITICAL)\n"),),
        environ=(("ASYNC_TEST_TIMEOUT", "60"),),
        left_out="the tests of its templates, options, streams, processes and of other parts without requests",
    ),
    Library(
        "pymysql",
        "1.2.0",
        ("cryptography", "PyNaCl"),
        paths=("pymysql/tests",),
        services=("mariadb",),
        environ=(("MARIADB_HOST", "{mariadb.host}"), ("MARIADB_PORT", "{mariadb.port}")),
        before=_MARIADB,
        tag="v1.2.0",
        left_out="the tests of authentication over sockets and TLS; no source distribution of 1.x has its tests, which are its repository's",
    ),
    Library(
        "asyncpg",
        "0.32.0",
        ("distro",),
        options=_ignored("tests/test__sourcecode.py", "tests/test__environment.py"),
        hides=("asyncpg",),
        services=("postgresql",),
        environ=_PSQL,
        left_out="the tests of its source and of the environment of its developers",
    ),
    Library(
        "psycopg",
        "3.3.4",
        ("psycopg[binary,pool]", "anyio", "dnspython", "pproxy"),
        paths=tuple(
            f"tests/{part}.py"
            for name in ("connection", "copy", "cursor", "cursor_common", "cursor_server", "pipeline", "transaction")
            for part in (f"test_{name}", f"test_{name}_async")
        ),
        options=(
            "-p",
            "cacheprovider",
            "-W",
            "ignore::pytest.PytestAssertRewriteWarning",
            "-m",
            "not slow and not timing",
        ),
        hides=("psycopg", "psycopg_pool", "psycopg_c"),
        services=("postgresql",),
        environ=(("PSYCOPG_TEST_DSN", "host={postgresql.host} port={postgresql.port} user=autotrace dbname=postgres"),),
        tag="3.3.4",
        left_out="the slow tests and those of types, of pools, of libpq's functions and other parts that send no query of their own; its source distribution has no tests, which are its repository's",
    ),
    Library(
        "django",
        "5.2.19",
        _DJANGO_NEEDS,
        paths=(
            *("asgi", "async", "backends", "csrf_tests", "db_functions", "file_uploads", "generic_views", "handlers"),
            *(
                "middleware",
                "middleware_exceptions",
                "requests_tests",
                "responses",
                "servers",
                "signals",
                "test_client",
            ),
            *("test_client_regress", "transaction_hooks", "transactions", "urlpatterns", "urlpatterns_reverse"),
            *("user_commands", "view_tests"),
        ),
        makes=_django_settings("{'ENGINE': 'django.db.backends.sqlite3'}"),
        runner=_DJANGO_RUNNER,
        within="tests",
        left_out="the tests of the ORM, of forms, templates, sessions, the admin and other parts without requests or connections of their own",
    ),
    Library(
        "django-postgresql",
        "5.2.19",
        (*_DJANGO_NEEDS, "psycopg[binary]"),
        paths=("backends", "db_functions", "delete", "get_or_create", "handlers", "test_client", "transactions"),
        makes=_django_settings(
            "{'ENGINE': 'django.db.backends.postgresql', 'NAME': 'django_' + alias, 'USER': os.environ['PGUSER'],"
            " 'HOST': os.environ['PGHOST'], 'PORT': os.environ['PGPORT']}"
        ),
        services=("postgresql",),
        environ=_PSQL,
        runner=_DJANGO_RUNNER,
        within="tests",
        left_out="the tests that hardly touch the database's own backend; the row of django has more",
        distribution="django",
    ),
)
BY_NAME = {library.name: library for library in LIBRARIES}
