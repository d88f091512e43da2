"""Pytest fixtures for the services, and the answer to who starts them; a conftest has them by ``pytest_plugins``.

As soon as the tests are collected, what they need is begun to be started, all at once and before the first test runs. A run
without ``make`` starts services for itself, and installs nothing.
"""

from __future__ import annotations

import contextlib
import os
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from .clickhouse import USER as CLICKHOUSE_USER
from .errors import ServiceUnavailable
from .kafka import ADDRESS_VARIABLE as KAFKA_VARIABLE
from .kafka_wire import NotReady, probe
from .mariadb import ADDRESS_VARIABLE as MARIADB_VARIABLE
from .mariadb import USER as MARIADB_USER
from .memcached import MemcachedServer
from .postgresql import ADDRESS_VARIABLE as POSTGRESQL_VARIABLE
from .postgresql import USER as POSTGRESQL_USER
from .rabbitmq import ADDRESS_VARIABLE as RABBITMQ_VARIABLE
from .redis import RedisServer
from .shared import VARIABLE, Client, Server, Services

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .kafka import KafkaBroker

NEEDS = {
    "clickhouse": "clickhouse",
    "kafka_broker": "kafka",
    "kafka_programs": "kafka programs",
    "memcached_server": "memcached",
    "mariadb": "mariadb",
    "odbc": "odbc drivers",
    "postgresql": "postgresql",
    "rabbitmq": "rabbitmq",
    "redis_server": "redis-server",
    "valgrind": "valgrind",
}
"""What a test that asks for a fixture needs from outside, as ``services.shared`` calls it."""

_client = pytest.StashKey[Client]()
_ours = pytest.StashKey[contextlib.ExitStack]()


def pytest_configure(config: pytest.Config) -> None:
    """Find who starts the services, or do it ourselves, for the processes of pytest-xdist too."""
    config.addinivalue_line("markers", "needs(fixture, ...): it asks for these fixtures of services only when it runs")
    if VARIABLE not in os.environ:
        stack = config.stash[_ours] = contextlib.ExitStack()
        os.environ[VARIABLE] = stack.enter_context(Server(stack.enter_context(Services())))
    config.stash[_client] = Client(os.environ[VARIABLE])


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop what this run has started."""
    if stack := config.stash.get(_ours, None):
        del os.environ[VARIABLE]
        stack.close()


def needs(item: pytest.Item) -> set[str]:
    """Return what a test needs from outside: by the fixtures that it asks for, at once or, as a mark says, later."""
    later = (name for mark in item.iter_markers("needs") for name in mark.args)
    return {NEEDS[name] for name in (*getattr(item, "fixturenames", ()), *later) if name in NEEDS}


def pytest_collection_finish(session: pytest.Session) -> None:
    """Have everything started that the collected tests need."""
    if session.config.option.collectonly:
        return
    wanted = set().union(*map(needs, session.items))
    given = {
        name
        for name, variable in (
            ("kafka", KAFKA_VARIABLE),
            ("mariadb", MARIADB_VARIABLE),
            ("postgresql", POSTGRESQL_VARIABLE),
            ("rabbitmq", RABBITMQ_VARIABLE),
        )
        if variable in os.environ
    }
    if wanted - given:
        session.config.stash[_client].expect(*sorted(wanted - given))


def unavailable(error: ServiceUnavailable) -> None:
    """Fail with CI=true, and skip with one line otherwise."""
    if os.environ.get("CI") == "true":
        pytest.fail(str(error), pytrace=False)
    pytest.skip(str(error).splitlines()[0])


def start(service: KafkaBroker | MemcachedServer | RedisServer) -> None:
    """Start a service of a test's own; where it cannot be had, fail with CI=true and skip otherwise."""
    try:
        service.start()
    except ServiceUnavailable as error:
        unavailable(error)


@pytest.fixture(scope="session")
def shared_service(request: pytest.FixtureRequest):
    """A function that returns where a shared service is; a test whose service cannot be had fails or is skipped."""

    def address(name: str) -> str:
        try:
            return request.config.stash[_client].address(name)
        except ServiceUnavailable as error:
            unavailable(error)
            raise

    return address


@dataclass(frozen=True)
class Kafka:
    """Where a running broker is.

    Attributes:
        bootstrap: "127.0.0.1:PORT", what a client calls bootstrap_servers.
    """

    bootstrap: str


@pytest.fixture(scope="session")
def kafka_broker(shared_service) -> Kafka:
    """A real Kafka broker: the one at AUTOTRACE_TEST_KAFKA, else the run's."""
    given = os.environ.get(KAFKA_VARIABLE)
    if given is None:
        return Kafka(shared_service("kafka"))
    host, _, port = given.rpartition(":")
    try:
        probe(host, int(port))
    except (NotReady, OSError, ValueError) as error:
        pytest.fail(f"{KAFKA_VARIABLE}={given!r} is no Kafka broker ({error}): unset it or start one", False)
    return Kafka(given)


@pytest.fixture(scope="session")
def kafka_programs(shared_service) -> None:
    """What a broker of the test's own is made of is there."""
    shared_service("kafka programs")


@pytest.fixture(scope="session")
def odbc(shared_service) -> str:
    """The directory of the drivers of ODBC."""
    return shared_service("odbc drivers")


@pytest.fixture
def kafka_topic() -> str:
    """Return the name of a topic that no other test uses; the broker creates it when it is first written to."""
    return f"topic-{uuid.uuid4().hex}"


@dataclass(frozen=True)
class Rabbit:
    """Where a running RabbitMQ is; user and password are "guest".

    Attributes:
        host: the address it listens on.
        port: the port.
    """

    host: str
    port: int

    @property
    def url(self) -> str:
        """Return its address as clients take it."""
        return f"amqp://guest:guest@{self.host}:{self.port}/%2F"


@pytest.fixture(scope="session")
def rabbitmq(shared_service) -> Rabbit:
    """A real RabbitMQ: the one at AUTOTRACE_TEST_RABBITMQ, else the run's."""
    host, _, port = (os.environ.get(RABBITMQ_VARIABLE) or shared_service("rabbitmq")).rpartition(":")
    return Rabbit(host, int(port))


@dataclass(frozen=True)
class Postgres:
    """Where a running PostgreSQL is; its user needs no password, and may do everything.

    Attributes:
        host: the address it listens on.
        port: the port.
        user: the user.
    """

    host: str
    port: int
    user: str = POSTGRESQL_USER

    def dsn(self, database: str = "postgres") -> str:
        """Return a connection string of libpq's."""
        return f"host={self.host} port={self.port} user={self.user} dbname={database}"


@pytest.fixture(scope="session")
def postgresql(shared_service) -> Postgres:
    """A real PostgreSQL: the one at AUTOTRACE_TEST_POSTGRESQL, else the run's."""
    host, _, port = (os.environ.get(POSTGRESQL_VARIABLE) or shared_service("postgresql")).rpartition(":")
    return Postgres(host, int(port))


@dataclass(frozen=True)
class Maria:
    """Where a running MariaDB is; its user needs no password, and may do everything.

    Attributes:
        host: the address it listens on.
        port: the port.
        user: the user.
    """

    host: str
    port: int
    user: str = MARIADB_USER


@pytest.fixture(scope="session")
def mariadb(shared_service) -> Maria:
    """A real MariaDB: the one at AUTOTRACE_TEST_MARIADB, else the run's."""
    host, _, port = (os.environ.get(MARIADB_VARIABLE) or shared_service("mariadb")).rpartition(":")
    return Maria(host, int(port))


@dataclass(frozen=True)
class ClickHouse:
    """Where a running ClickHouse is; its user needs no password, and may do everything.

    Attributes:
        host: the address it listens on.
        port: the port of its own protocol.
        http_port: the port of HTTP.
        user: the user.
    """

    host: str
    port: int
    http_port: int
    user: str = CLICKHOUSE_USER


@pytest.fixture(scope="session")
def clickhouse(shared_service) -> ClickHouse:
    """A real ClickHouse: the run's."""
    host, port, http_port = shared_service("clickhouse").split(":")
    return ClickHouse(host, int(port), int(http_port))


@pytest.fixture
def queue_name() -> str:
    """Return the name of a queue that no other test uses."""
    return f"queue-{uuid.uuid4().hex}"


@pytest.fixture(scope="session")
def redis_server(shared_service) -> Iterator[RedisServer]:
    """A real Redis server of this process's own."""
    shared_service("redis-server")
    yield from _of_its_own(RedisServer())


@pytest.fixture(scope="session")
def memcached_server(shared_service) -> Iterator[MemcachedServer]:
    """A real memcached of this process's own."""
    shared_service("memcached")
    yield from _of_its_own(MemcachedServer())


def _of_its_own(server: Any) -> Iterator[Any]:
    start(server)
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="session")
def valgrind(shared_service) -> str:
    """Return the path of valgrind."""
    path: str = shared_service("valgrind")
    return path
