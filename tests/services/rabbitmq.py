"""A real RabbitMQ broker for tests: one node on free loopback ports, with a name and a directory of its own.

Its program is Debian's package, which ``make`` installs where it is missing; the package's own service is not used, and not
started. Erlang's port mapper, which would else outlive the broker, is a process of ours too.
"""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import ServiceUnavailable
from .packages import apt_install
from .ports import LOOPBACK, free_ports
from .processes import start_process

if TYPE_CHECKING:
    import subprocess
    from types import TracebackType

ADDRESS_VARIABLE = "AUTOTRACE_TEST_RABBITMQ"
_PACKAGE = "rabbitmq-server"
_START_LIMIT_S = 120.0
_TRIES = 3  # a port may be lost between its choice and its use
_READY = "Server startup complete"

# The program itself; what Debian has on PATH in its stead changes the user and writes to the system's own directories.
_PLACES = (
    "/usr/lib/rabbitmq/bin/rabbitmq-server",
    "/usr/local/sbin/rabbitmq-server",
    "/opt/homebrew/sbin/rabbitmq-server",
)

_SETTINGS = """\
listeners.tcp.1 = {host}:{port}
log.console = true
log.console.level = info
log.file = false
disk_free_limit.absolute = 1MB
"""

# One scheduler that does not spin: it shares the machine with the tests.
_ERLANG = "+S 1:1 +sbwt none +sbwtdcpu none +sbwtdio none -kernel inet_dist_use_interface {127,0,0,1}"


def find_programs() -> tuple[str, str]:
    """Return the paths of the broker's program and of Erlang's port mapper, installing them where that is possible.

    Raises:
        ServiceUnavailable: They are not there and cannot be installed.
    """
    need = "the tests of RabbitMQ need rabbitmq-server, which is not here"
    for tried in (False, True):
        server = next((path for path in _PLACES if os.access(path, os.X_OK)), None)
        mapper = shutil.which("epmd")
        if server and mapper:
            return server, mapper
        if not tried:
            apt_install(_PACKAGE, need)
    raise ServiceUnavailable(f"{need}, and its package did not bring it")


class RabbitBroker:
    """One broker, as a context manager or by ``start`` and ``stop``; after ``stop`` it can be started anew, empty.

    Attributes:
        host: Where it listens.
        port: Where it listens; kept when it is stopped, so that a test can see that nobody answers there.
        pid: Its process id; None while it is not running.
    """

    def __init__(self) -> None:
        self.host = LOOPBACK
        self.port = 0
        self.pid: int | None = None
        self._processes: list[subprocess.Popen[bytes]] = []
        self._directory: Path | None = None

    def __enter__(self) -> RabbitBroker:  # noqa: PYI034 - Self is younger than Python 3.9
        """Start the broker."""
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop the broker."""
        self.stop()

    @property
    def address(self) -> str:
        """Return "127.0.0.1:PORT"; empty while it is not running."""
        return f"{self.host}:{self.port}" if self._processes else ""

    def start(self) -> None:
        """Start the broker and return when it takes connections.

        Raises:
            ServiceUnavailable: Its program cannot be had, or it does not start; then the text ends with what it said.
        """
        if self._processes:
            raise RuntimeError(f"the broker at {self.address} has been started already: stop it first")
        programs = find_programs()
        for attempt in range(1, _TRIES + 1):
            self._directory = Path(tempfile.mkdtemp(prefix="autotrace-rabbitmq-"))
            try:
                self._launch(*programs)
                return
            except BaseException as error:
                said = self._said()[-2000:]
                self.stop()
                if attempt < _TRIES and "eaddrinuse" in said:
                    continue
                if isinstance(error, ServiceUnavailable):
                    raise ServiceUnavailable(f"{error}; it said:\n{said}") from None
                raise

    def stop(self) -> None:
        """End the broker at once and delete its data; does nothing where it is not running."""
        processes, self._processes = self._processes, []
        directory, self._directory = self._directory, None
        self.pid = None
        for process in reversed(processes):
            process.kill()
            process.wait()
        if directory is not None:
            shutil.rmtree(directory, ignore_errors=True)

    def _launch(self, server: str, mapper: str) -> None:
        directory = self._directory
        assert directory is not None
        self.port, distribution, mapped = free_ports(3)
        settings = directory / "rabbitmq.conf"
        settings.write_text(_SETTINGS.format(host=self.host, port=self.port), encoding="utf-8")
        (directory / "plugins").write_text("[].", encoding="utf-8")
        kept = {name: value for name, value in os.environ.items() if not name.startswith("RABBITMQ_")}
        environment = {
            **kept,
            "HOME": str(directory),  # of Erlang's cookie
            "ERL_EPMD_ADDRESS": self.host,
            "ERL_EPMD_PORT": str(mapped),
            "RABBITMQ_CONF_ENV_FILE": str(directory / "none"),
            "RABBITMQ_CONFIG_FILE": str(settings),
            "RABBITMQ_DIST_PORT": str(distribution),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(directory / "plugins"),
            "RABBITMQ_LOG_BASE": str(directory / "logs"),
            "RABBITMQ_MNESIA_BASE": str(directory / "data"),
            "RABBITMQ_NODENAME": f"autotrace-{uuid.uuid4().hex[:12]}@localhost",
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": _ERLANG,
            "detached": "yes",  # the script then becomes the broker instead of watching over it
        }
        with (directory / "log").open("ab") as log:
            for command in ([mapper], [server, "-noinput"]):
                options = {"stdout": log, "stderr": log, "cwd": directory, "env": environment}
                self._processes.append(start_process(command, **options))
        self.pid = self._processes[-1].pid
        self._await()

    def _await(self) -> None:
        """Wait until the broker has said that it is ready, and somebody listens."""
        deadline = time.monotonic() + _START_LIMIT_S
        while True:
            if (code := self._processes[-1].poll()) is not None:
                raise ServiceUnavailable(f"rabbitmq-server ended with exit code {code} while it started")
            if _READY in self._said():
                with socket.create_connection((self.host, self.port), 5):
                    return
            if time.monotonic() > deadline:
                raise ServiceUnavailable(f"no RabbitMQ after {_START_LIMIT_S:.0f} s")
            time.sleep(0.05)  # the pause between two looks, not a guess of how long it takes

    def _said(self) -> str:
        """Return what the broker wrote."""
        try:
            assert self._directory is not None
            return (self._directory / "log").read_text(errors="replace")
        except OSError:
            return "(no log)"
