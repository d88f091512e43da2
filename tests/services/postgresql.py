"""A real PostgreSQL for tests: one server on a free loopback port, with a directory of its own, which knows no passwords.

Its programs are Debian's package's, which ``make`` installs where they are missing; the package's own cluster is not used,
and not started. The server refuses to run as root, who then starts it as the user that the package made.
"""

from __future__ import annotations

import glob
import os
import pwd
import shutil
import signal
import subprocess
from typing import TYPE_CHECKING

from .errors import ServiceUnavailable
from .packages import apt_install
from .ports import free_port
from .server import Server

if TYPE_CHECKING:
    from pathlib import Path

ADDRESS_VARIABLE = "AUTOTRACE_TEST_POSTGRESQL"
USER = "autotrace"
_PACKAGE = "postgresql"
_ACCOUNT = "postgres"
_PLACES = "/usr/lib/postgresql/*/bin"
_SETTINGS = """\
listen_addresses = '{host}'
port = {port}
unix_socket_directories = '{directory}'
fsync = off
synchronous_commit = off
full_page_writes = off
shared_buffers = 16MB
max_connections = 60
autovacuum = off
"""


def find_programs() -> str:
    """Return the directory of initdb and postgres, installing them where that is possible.

    Raises:
        ServiceUnavailable: They are not there and cannot be installed.
    """
    need = "the tests of PostgreSQL need postgres and initdb, which are not here"
    for tried in (False, True):
        on_path = shutil.which("initdb")
        places = [os.path.dirname(on_path)] if on_path else []
        places += sorted(glob.glob(_PLACES), key=_version, reverse=True)
        for place in places:
            if all(os.access(os.path.join(place, name), os.X_OK) for name in ("initdb", "postgres")):
                return place
        if not tried:
            apt_install(_PACKAGE, need)
    raise ServiceUnavailable(f"{need}, and its package did not bring them")


def _version(place: str) -> int:
    number = place.split("/")[-2]
    return int(number) if number.isdigit() else 0


def _account() -> pwd.struct_passwd | None:
    """Return the user that the server runs as; None where that is this one.

    Raises:
        ServiceUnavailable: This is root, and the package's user does not exist.
    """
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam(_ACCOUNT)
    except KeyError:
        raise ServiceUnavailable(f"PostgreSQL does not run as root, and there is no user {_ACCOUNT}") from None


class PostgresServer(Server):
    """One server; see ``Server``."""

    name = "postgresql"

    def _find(self) -> tuple[str, pwd.struct_passwd | None]:
        return find_programs(), _account()

    def _launch(self, directory: Path, programs: str, account: pwd.struct_passwd | None) -> None:
        self.port = free_port()
        data = directory / "data"
        options: dict[str, object] = {
            "env": {**{name: value for name, value in os.environ.items() if not name.startswith("PG")}, "LC_ALL": "C"}
        }
        if account is not None:
            os.chown(directory, account.pw_uid, account.pw_gid)
            options |= {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
        made = ["-D", str(data), "-U", USER, "-A", "trust", "-E", "UTF8", "-N"]
        self._prepare([os.path.join(programs, "initdb"), *made], **options)
        with (data / "postgresql.conf").open("a") as settings:
            settings.write(_SETTINGS.format(host=self.host, port=self.port, directory=directory))
        self._run([os.path.join(programs, "postgres"), "-D", str(data)], **options)

    def _is_ready(self) -> bool:
        return "ready to accept connections" in self._said()

    def _end(self, process: subprocess.Popen[bytes]) -> None:
        process.send_signal(signal.SIGQUIT)  # it ends its own processes, and gives back shared memory
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            super()._end(process)
