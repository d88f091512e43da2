"""A real MariaDB for tests: one server on a free loopback port, and at a socket, whose user needs no password.

Its programs are Debian's package's, which ``make`` installs where they are missing; the package's own server is not used,
and not started.
"""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

from .errors import ServiceUnavailable
from .packages import apt_install
from .ports import free_port
from .server import Server

if TYPE_CHECKING:
    from pathlib import Path

ADDRESS_VARIABLE = "AUTOTRACE_TEST_MARIADB"
USER = "autotrace"
SOCKET = "mysqld.sock"
_PACKAGE = "mariadb-server"
_PLACES = ("/usr/sbin", "/usr/local/sbin")
_SETTINGS = """\
[mariadbd]
bind_address = {host}
port = {port}
socket = {directory}/{socket}
datadir = {directory}/data
tmpdir = {directory}
init_file = {directory}/init.sql
pid_file = {directory}/pid
skip_name_resolve
local_infile = ON
performance_schema = OFF
innodb_buffer_pool_size = 16M
innodb_log_file_size = 8M
innodb_flush_log_at_trx_commit = 0
innodb_doublewrite = OFF
innodb_flush_method = nosync
sync_frm = OFF
innodb_lock_wait_timeout = 1
max_connections = 60
"""
_USERS = f"CREATE USER IF NOT EXISTS {USER}@'%';\nGRANT ALL ON *.* TO {USER}@'%' WITH GRANT OPTION;\n"


def find_programs() -> tuple[str, str]:
    """Return the paths of mariadbd and mariadb-install-db, installing them where that is possible.

    Raises:
        ServiceUnavailable: They are not there and cannot be installed.
    """
    need = "the tests of MySQL's drivers need mariadbd and mariadb-install-db, which are not here"
    for tried in (False, True):
        path = os.pathsep.join([os.environ.get("PATH", os.defpath), *_PLACES])
        server, prepare = (shutil.which(name, path=path) for name in ("mariadbd", "mariadb-install-db"))
        if server and prepare:
            return server, prepare
        if not tried:
            apt_install(_PACKAGE, need)
    raise ServiceUnavailable(f"{need}, and its package did not bring them")


def find_client() -> str:
    """Return the path of mariadb_config, which says where the library of clients and its headers are; see above."""
    need = "mysqlclient is built with libmariadb, whose headers are not here"
    for tried in (False, True):
        path = shutil.which("mariadb_config")
        if path:
            return path
        if not tried:
            apt_install("libmariadb-dev", need)
    raise ServiceUnavailable(f"{need}, and its package did not bring them")


class MariaServer(Server):
    """One server; see ``Server``."""

    name = "mariadb"

    def _find(self) -> tuple[str, str]:
        return find_programs()

    def _launch(self, directory: Path, server: str, prepare: str) -> None:
        self.port = free_port()
        settings = directory / "my.cnf"
        (directory / "init.sql").write_text(_USERS)
        settings.write_text(
            _SETTINGS.format(host=self.host, port=self.port, directory=directory, socket=SOCKET), encoding="utf-8"
        )
        environment = {name: value for name, value in os.environ.items() if not name.startswith("MYSQL")}
        made = [
            prepare,
            f"--defaults-file={settings}",
            "--auth-root-authentication-method=normal",
            "--skip-test-db",
            "--cross-bootstrap",  # it asks for no name of this machine
        ]
        run = [server, f"--defaults-file={settings}"]
        if os.geteuid() == 0:  # it does as root only what root tells it to
            made.append("--user=root")
            run.append("--user=root")
        self._prepare(made, env=environment)
        self._run(run, env=environment)

    def _is_ready(self) -> bool:
        return "ready for connections" in self._said()
