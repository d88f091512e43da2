"""A real Redis server for tests: one process on a free loopback port, without persistence, ended by its pid.

Its program is taken from PATH. Where it is missing ``make`` installs the package with the program, which is not the one
with the service: nothing is started by the system, and nothing outlives a server.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import ServiceUnavailable
from .packages import apt_install
from .ports import LOOPBACK, free_port
from .processes import start_process

if TYPE_CHECKING:
    from types import TracebackType

_PACKAGE = "redis-tools"
_SAME_PROGRAM = "redis-check-rdb"  # in that package; it is the server where it is called redis-server
_START_LIMIT_S = 30.0
_TRIES = 3  # a port may be lost between its choice and its use


def _program() -> str | None:
    """Return the path of a program that is the server when it is called redis-server; None where there is none."""
    for name in ("redis-server", _SAME_PROGRAM):
        path = shutil.which(name)
        if path:
            done = subprocess.run(["redis-server", "--version"], executable=path, capture_output=True, check=False)
            if done.returncode == 0 and done.stdout.startswith(b"Redis server"):
                return path
    return None


def find_program() -> str:
    """Return the path of the server's program, installing it where that is possible.

    Raises:
        ServiceUnavailable: There is none and it cannot be installed.
    """
    if path := _program():
        return path
    apt_install(_PACKAGE, "the tests of redis need redis-server, which is not on PATH")
    if path := _program():
        return path
    raise ServiceUnavailable(f"the tests of redis need redis-server, which {_PACKAGE} did not bring")


class RedisServer:
    """One server, as a context manager or by ``start`` and ``stop``; after ``stop`` it can be started anew, empty.

    Args:
        options: more of the server's command line, such as ``"--cluster-enabled", "yes"``.

    Attributes:
        host: Where it listens.
        port: Where it listens; kept when it is stopped, so that a test can see that nobody answers there.
        pid: Its process id; None while it is not running.
    """

    def __init__(self, *options: str) -> None:
        self.host = LOOPBACK
        self.port = 0
        self.pid: int | None = None
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None
        self._directory: Path | None = None

    def __enter__(self) -> RedisServer:  # noqa: PYI034 - Self is younger than Python 3.9
        """Start the server."""
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop the server."""
        self.stop()

    @property
    def url(self) -> str:
        """Return its address as clients take it."""
        return f"redis://{self.host}:{self.port}"

    @property
    def socket(self) -> str:
        """Return the path of its Unix socket."""
        return str(self._directory / "socket") if self._directory else ""

    def start(self) -> None:
        """Start the server and return when it answers.

        Raises:
            ServiceUnavailable: Its program cannot be had, or it does not start; then the text ends with what it said.
        """
        if self._process is not None:
            raise RuntimeError(f"the server at {self.url} has been started already: stop it first")
        program = find_program()
        for attempt in range(1, _TRIES + 1):
            self._directory = Path(tempfile.mkdtemp(prefix="autotrace-redis-"))
            try:
                self._launch(program)
                return
            except BaseException as error:
                said = (self._directory / "log").read_text(errors="replace").strip()[-2000:]
                self.stop()
                if attempt < _TRIES and ("Address already in use" in said or "Failed listening" in said):
                    continue
                if isinstance(error, ServiceUnavailable):
                    raise ServiceUnavailable(f"{error}; it said:\n{said}") from None
                raise

    def stop(self) -> None:
        """End the server at once and delete its directory; does nothing where it is not running."""
        process, self._process = self._process, None
        directory, self._directory = self._directory, None
        self.pid = None
        if process is not None:
            process.kill()
            process.wait()
        if directory is not None:
            shutil.rmtree(directory, ignore_errors=True)

    def _launch(self, program: str) -> None:
        directory = self._directory
        assert directory is not None
        self.port = free_port()
        arguments = ["--bind", self.host, "--port", str(self.port), "--unixsocket", str(directory / "socket")]
        arguments += ["--dir", str(directory), "--save", "", "--appendonly", "no", "--daemonize", "no", *self._options]
        with (directory / "log").open("wb") as log:
            options = {"executable": program, "stdout": log, "stderr": log, "cwd": directory}
            self._process = start_process(["redis-server", *arguments], **options)
        self.pid = self._process.pid
        self._await()

    def _await(self) -> None:
        """Ask the server until it says that it is ready."""
        assert self._process is not None
        deadline = time.monotonic() + _START_LIMIT_S
        while True:
            if (code := self._process.poll()) is not None:
                raise ServiceUnavailable(f"redis-server ended with exit code {code} while it started")
            try:
                with socket.create_connection((self.host, self.port), 5) as connection:
                    connection.sendall(b"PING\r\n")
                    if connection.recv(64).startswith(b"+PONG"):
                        return
            except OSError:
                pass
            if time.monotonic() > deadline:
                raise ServiceUnavailable(f"no answer from redis-server after {_START_LIMIT_S:.0f} s")
            time.sleep(0.01)  # the pause between two questions, not a guess of how long it takes
