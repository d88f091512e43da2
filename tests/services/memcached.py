"""A real memcached for tests: one process on a free loopback port, or on a Unix socket, ended by its pid.

Its program is taken from PATH; where it is missing ``make`` installs the package, without its service.
"""

from __future__ import annotations

import os
import shutil
import socket
from typing import TYPE_CHECKING

from .errors import ServiceUnavailable
from .packages import apt_install
from .ports import free_port
from .server import Server

if TYPE_CHECKING:
    from pathlib import Path

_PACKAGE = "memcached"


def find_program() -> str:
    """Return the path of the server's program, installing it where that is possible.

    Raises:
        ServiceUnavailable: There is none and it cannot be installed.
    """
    if path := shutil.which("memcached"):
        return path
    apt_install(_PACKAGE, "the tests of memcached need memcached, which is not on PATH")
    if path := shutil.which("memcached"):
        return path
    raise ServiceUnavailable(f"the tests of memcached need memcached, which {_PACKAGE} did not bring")


class MemcachedServer(Server):
    """One server; see ``Server``.

    Args:
        by_socket: It listens on ``socket`` instead of on a port.
    """

    name = "memcached"
    limit = 30.0

    def __init__(self, by_socket: bool = False) -> None:
        super().__init__()
        self._by_socket = by_socket

    @property
    def socket(self) -> str:
        """Return the path of its Unix socket."""
        return str(self.directory / "socket") if self.directory else ""

    def _find(self) -> tuple[str]:
        return (find_program(),)

    def _launch(self, _directory: Path, program: str) -> None:
        self.port = free_port()
        where = ["-s", self.socket] if self._by_socket else ["-l", self.host, "-p", str(self.port), "-U", "0"]
        user = ["-u", "root"] if os.geteuid() == 0 else []  # it does not stay root unless it is told to
        self._run([program, *where, *user, "-m", "16", "-t", "1"])

    def _is_ready(self) -> bool:
        family, address = (socket.AF_UNIX, self.socket) if self._by_socket else (socket.AF_INET, (self.host, self.port))
        with socket.socket(family) as connection:
            connection.settimeout(5)
            connection.connect(address)
            connection.sendall(b"version\r\n")
            return connection.recv(64).startswith(b"VERSION")
