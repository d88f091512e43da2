"""Pytest fixtures for the services; a conftest takes them with ``pytest_plugins = ["services.fixtures"]``."""

from __future__ import annotations

import os
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from .errors import ServiceUnavailable
from .kafka import ADDRESS_VARIABLE, KafkaBroker
from .kafka_wire import NotReady, probe
from .rabbitmq import ADDRESS_VARIABLE as RABBITMQ_VARIABLE
from .rabbitmq import RabbitBroker
from .redis import RedisServer

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True)
class Kafka:
    """Where a running broker is.

    Attributes:
        bootstrap: "127.0.0.1:PORT", what a client calls bootstrap_servers.
    """

    bootstrap: str


def start(service: KafkaBroker | RabbitBroker | RedisServer) -> None:
    """Start a service; where it cannot be had, fail with CI=true and skip otherwise."""
    try:
        service.start()
    except ServiceUnavailable as error:
        if os.environ.get("CI") == "true":
            pytest.fail(str(error), pytrace=False)
        pytest.skip(str(error).splitlines()[0])


@pytest.fixture(scope="session")
def kafka_broker() -> Iterator[Kafka]:
    """A real Kafka broker: the one at AUTOTRACE_TEST_KAFKA, else one of this session's own.

    Where it cannot be had, tests that ask for it fail with CI=true and are skipped, with the reason, otherwise.
    """
    if given := os.environ.get(ADDRESS_VARIABLE):
        host, _, port = given.rpartition(":")
        try:
            probe(host, int(port))
        except (NotReady, OSError, ValueError) as error:
            pytest.fail(f"{ADDRESS_VARIABLE}={given!r} is no Kafka broker ({error}): unset it or start one", False)
        yield Kafka(given)
        return
    broker = KafkaBroker()
    start(broker)
    try:
        yield Kafka(broker.bootstrap)
    finally:
        broker.stop()


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
def rabbitmq() -> Iterator[Rabbit]:
    """A real RabbitMQ: the one at AUTOTRACE_TEST_RABBITMQ, else one of this session's own."""
    if given := os.environ.get(RABBITMQ_VARIABLE):
        host, _, port = given.rpartition(":")
        yield Rabbit(host, int(port))
        return
    broker = RabbitBroker()
    start(broker)
    try:
        yield Rabbit(broker.host, broker.port)
    finally:
        broker.stop()


@pytest.fixture
def queue_name() -> str:
    """Return the name of a queue that no other test uses."""
    return f"queue-{uuid.uuid4().hex}"


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    """A real Redis server of this session's own; where it cannot be had it is as with the broker."""
    server = RedisServer()
    start(server)
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture
def kafka_topic() -> str:
    """Return the name of a topic that no other test uses; the broker creates it when it is first written to."""
    return f"topic-{uuid.uuid4().hex}"
