"""What a whole run shares: each service is started once, when a test first needs it, side by side with the others.

``Services`` starts and stops them; ``Server`` lets the processes of pytest ask for them, over a socket whose path stands in
AUTOTRACE_TEST_SERVICES. ``make`` has one around all Pythons, and each pytest that finds none has its own. What Linux kills
together with the thread that started it has to be started by a thread that stays, so each service has a thread.
"""

from __future__ import annotations

import json
import os
import socket
import socketserver
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .clickhouse import ClickHouseServer
from .errors import ServiceUnavailable
from .kafka import KafkaBroker
from .kafka_jars import find_jars, find_java
from .mariadb import MariaServer, find_client
from .memcached import find_program as find_memcached
from .postgresql import PostgresServer
from .programs import Program, find_odbc, find_valgrind
from .rabbitmq import RabbitBroker
from .redis import find_program

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

VARIABLE = "AUTOTRACE_TEST_SERVICES"

KINDS: Mapping[str, Callable[[], Any]] = {
    "clickhouse": ClickHouseServer,
    "kafka": KafkaBroker,
    "mariadb": MariaServer,
    "postgresql": PostgresServer,
    "rabbitmq": RabbitBroker,
    # Each pytest process starts the servers of these itself; only that the programs are there is shared.
    "kafka programs": lambda: Program(lambda: f"{find_java()} {find_jars()}"),
    "memcached": lambda: Program(find_memcached),
    "odbc drivers": lambda: Program(find_odbc),
    "redis-server": lambda: Program(find_program),
    "to build mysqlclient": lambda: Program(find_client),
    "valgrind": lambda: Program(find_valgrind),
}


class _Service(threading.Thread):
    """Starts a service, waits until it is told to stop it, and stops it."""

    def __init__(self, name: str, make: Callable[[], Any]) -> None:
        super().__init__(name=f"service {name}", daemon=True)
        self.started, self.over = threading.Event(), threading.Event()
        self.address, self.problem = "", ""
        self._make = make

    def run(self) -> None:
        service = self._make()
        try:
            try:
                service.start()
                self.address = service.address
            except Exception as error:  # whoever asks is told, whatever it was
                self.problem = str(error) if isinstance(error, ServiceUnavailable) else repr(error)
            self.started.set()
            self.over.wait()
        finally:
            service.stop()


class Services:
    """The services of a run, as a context manager; at its end all that were started are stopped.

    Args:
        kinds: for each name what makes the service, which has ``start``, ``stop`` and ``address``.
    """

    def __init__(self, kinds: Mapping[str, Callable[[], Any]] = KINDS) -> None:
        self._kinds = kinds
        self._lock = threading.Lock()
        self._services: dict[str, _Service] = {}

    def __enter__(self) -> Services:  # noqa: PYI034 - Self is younger than Python 3.9
        """Start nothing yet."""
        return self

    def __exit__(self, *_: object) -> None:
        """Stop them all."""
        for service in self._services.values():
            service.over.set()
        for service in self._services.values():
            service.join()

    def expect(self, *names: str) -> None:
        """Begin to start services that will be asked for; those that run already go on."""
        with self._lock:
            for name in names:
                if name not in self._services:
                    self._services[name] = _Service(name, self._kinds[name])
                    self._services[name].start()

    def address(self, name: str) -> str:
        """Return where a service is, once it runs.

        Raises:
            ServiceUnavailable: It cannot be had; the text says why.
        """
        self.expect(name)
        service = self._services[name]
        service.started.wait()
        if service.problem:
            raise ServiceUnavailable(service.problem)
        return service.address


class _Handler(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        """Answer one question: a list of names to expect, or one name whose address is wanted."""
        asked = json.loads(self.rfile.readline())
        services: Services = self.server.services  # type: ignore[attr-defined]
        told = {}
        if isinstance(asked, list):
            services.expect(*asked)
        else:
            try:
                told["address"] = services.address(asked)
            except ServiceUnavailable as error:
                told["problem"] = str(error)
        self.wfile.write(json.dumps(told).encode() + b"\n")


class Server:
    """Answers for ``services`` at a socket of its own, as a context manager that gives the socket's path."""

    def __init__(self, services: Services) -> None:
        self._directory = tempfile.TemporaryDirectory(prefix="autotrace-services-")
        self._path = str(Path(self._directory.name) / "socket")
        self._server = socketserver.ThreadingUnixStreamServer(self._path, _Handler)
        self._server.daemon_threads = True
        self._server.services = services  # type: ignore[attr-defined]
        self._thread = threading.Thread(target=self._server.serve_forever, name="services", daemon=True)

    def __enter__(self) -> str:
        """Begin to answer."""
        self._thread.start()
        return self._path

    def __exit__(self, *_: object) -> None:
        """Answer no more."""
        self._server.shutdown()
        self._server.server_close()
        self._directory.cleanup()


class Client:
    """Asks the server at a socket.

    Args:
        path: the socket's path, by default that of AUTOTRACE_TEST_SERVICES.
    """

    def __init__(self, path: str | None = None) -> None:
        self._path = os.environ[VARIABLE] if path is None else path

    def expect(self, *names: str) -> None:
        """Say which services will be asked for."""
        self._ask(list(names))

    def address(self, name: str) -> str:
        """Return where a service is, once it runs.

        Raises:
            ServiceUnavailable: It cannot be had; the text says why.
        """
        told = self._ask(name)
        if "problem" in told:
            raise ServiceUnavailable(told["problem"])
        return told["address"]

    def _ask(self, question: str | list[str]) -> dict[str, str]:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(self._path)
            connection.sendall(json.dumps(question).encode() + b"\n")
            with connection.makefile("rb") as answer:
                told: dict[str, str] = json.loads(answer.readline())
                return told
