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

ADDRESS_VARIABLE = "AUTOTRACE_TEST_POSTGRESQL"
USER = "autotrace"
_PACKAGE = "postgresql"
_ACCOUNT = "postgres"
_START_LIMIT_S = 60.0
_TRIES = 3  # a port may be lost between its choice and its use
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


class PostgresServer:
    """One server, as a context manager or by ``start`` and ``stop``; after ``stop`` it can be started anew, empty.

    Attributes:
        host: Where it listens.
        port: Where it listens; kept when it is stopped, so that a test can see that nobody answers there.
        pid: Its process id; None while it is not running.
    """

    def __init__(self) -> None:
        self.host = LOOPBACK
        self.port = 0
        self.pid: int | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._directory: Path | None = None

    def __enter__(self) -> PostgresServer:  # noqa: PYI034 - Self is younger than Python 3.9
        """Start the server."""
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop the server."""
        self.stop()

    @property
    def address(self) -> str:
        """Return "127.0.0.1:PORT"; empty while it is not running."""
        return f"{self.host}:{self.port}" if self._process else ""

    def start(self) -> None:
        """Start the server and return when it takes connections.

        Raises:
            ServiceUnavailable: Its programs cannot be had, or it does not start; then the text ends with what it said.
        """
        if self._process is not None:
            raise RuntimeError(f"the server at {self.address} has been started already: stop it first")
        programs, account = find_programs(), _account()
        for attempt in range(1, _TRIES + 1):
            self._directory = Path(tempfile.mkdtemp(prefix="autotrace-postgresql-"))
            try:
                self._launch(programs, account)
                return
            except BaseException as error:
                said = self._said()[-2000:]
                self.stop()
                if attempt < _TRIES and "Address already in use" in said:
                    continue
                if isinstance(error, ServiceUnavailable):
                    raise ServiceUnavailable(f"{error}; it said:\n{said}") from None
                raise

    def stop(self) -> None:
        """End the server at once and delete its data; does nothing where it is not running."""
        process, self._process = self._process, None
        directory, self._directory = self._directory, None
        self.pid = None
        if process is not None:
            process.send_signal(signal.SIGQUIT)  # it ends its own processes, and gives back shared memory
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if directory is not None:
            shutil.rmtree(directory, ignore_errors=True)

    def _launch(self, programs: str, account: pwd.struct_passwd | None) -> None:
        directory = self._directory
        assert directory is not None
        self.port = free_port()
        data = directory / "data"
        options: dict[str, object] = {"cwd": directory}
        if account is not None:
            os.chown(directory, account.pw_uid, account.pw_gid)
            options |= {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
        options["env"] = {
            **{name: value for name, value in os.environ.items() if not name.startswith("PG")},
            "LC_ALL": "C",
        }
        make = [os.path.join(programs, "initdb"), "-D", str(data), "-U", USER, "-A", "trust", "-E", "UTF8", "-N"]
        with (directory / "log").open("ab") as log:
            if start_process(make, stdout=log, stderr=log, **options).wait() != 0:
                raise ServiceUnavailable("initdb failed")
            with (data / "postgresql.conf").open("a") as settings:
                settings.write(_SETTINGS.format(host=self.host, port=self.port, directory=directory))
            self._process = start_process(
                [os.path.join(programs, "postgres"), "-D", str(data)], stdout=log, stderr=log, **options
            )
        self.pid = self._process.pid
        self._await()

    def _await(self) -> None:
        """Wait until the server has said that it is ready."""
        assert self._process is not None
        deadline = time.monotonic() + _START_LIMIT_S
        while "ready to accept connections" not in self._said():
            if (code := self._process.poll()) is not None:
                raise ServiceUnavailable(f"postgres ended with exit code {code} while it started")
            if time.monotonic() > deadline:
                raise ServiceUnavailable(f"no PostgreSQL after {_START_LIMIT_S:.0f} s")
            time.sleep(0.02)  # the pause between two looks, not a guess of how long it takes

    def _said(self) -> str:
        """Return what the programs wrote."""
        try:
            assert self._directory is not None
            return (self._directory / "log").read_text(errors="replace")
        except OSError:
            return "(no log)"
