"""A real Redis server for tests: one process on a free loopback port, without persistence, ended by its pid.

Its program is taken from PATH. Where it is missing ``make`` installs the package with the program, which is not the one
with the service: nothing is started by the system, and nothing outlives a server.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
from typing import TYPE_CHECKING

from .errors import ServiceUnavailable
from .packages import apt_install
from .ports import free_port
from .server import Server

if TYPE_CHECKING:
    from pathlib import Path

_PACKAGE = "redis-tools"
_SAME_PROGRAM = "redis-check-rdb"  # in that package; it is the server where it is called redis-server


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


class RedisServer(Server):
    """One server; see ``Server``.

    Args:
        options: More of the server's command line, such as ``"--cluster-enabled", "yes"``.
    """

    name = "redis"
    limit = 30.0

    def __init__(self, *options: str) -> None:
        super().__init__()
        self._options = options

    @property
    def url(self) -> str:
        """Return its address as clients take it."""
        return f"redis://{self.host}:{self.port}"

    @property
    def socket(self) -> str:
        """Return the path of its Unix socket."""
        return str(self.directory / "socket") if self.directory else ""

    def _find(self) -> tuple[str]:
        return (find_program(),)

    def _launch(self, directory: Path, program: str) -> None:
        self.port = free_port()
        arguments = ["--bind", self.host, "--port", str(self.port), "--unixsocket", str(directory / "socket")]
        arguments += ["--dir", str(directory), "--save", "", "--appendonly", "no", "--daemonize", "no", *self._options]
        self._run(["redis-server", *arguments], executable=program)

    def _is_ready(self) -> bool:
        with socket.create_connection((self.host, self.port), 5) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(64).startswith(b"+PONG")
