"""A real ClickHouse for tests: one server on two free loopback ports, whose user needs no password.

Its program is Debian's package's, which ``make`` installs where it is missing; it is of 2018, and the newest there is.
"""

from __future__ import annotations

import shutil
import urllib.request
from typing import TYPE_CHECKING

from .errors import ServiceUnavailable
from .packages import apt_install
from .ports import free_port
from .server import Server

if TYPE_CHECKING:
    from pathlib import Path

ADDRESS_VARIABLE = "AUTOTRACE_TEST_CLICKHOUSE"
USER = "default"
_PACKAGE = "clickhouse-server"
_PLACES = "/usr/sbin"
_SETTINGS = """\
<yandex>
    <logger><level>warning</level><console>1</console></logger>
    <listen_host>{host}</listen_host>
    <tcp_port>{port}</tcp_port>
    <http_port>{http_port}</http_port>
    <path>{directory}/data/</path>
    <tmp_path>{directory}/tmp/</tmp_path>
    <mark_cache_size>5368709</mark_cache_size>
    <timezone>UTC</timezone>
    <users_config>{directory}/users.xml</users_config>
    <default_profile>default</default_profile>
    <default_database>default</default_database>
</yandex>
"""
_USERS = f"""\
<yandex>
    <profiles><default/></profiles>
    <users>
        <{USER}>
            <password></password>
            <networks><ip>::/0</ip></networks>
            <profile>default</profile>
            <quota>default</quota>
        </{USER}>
    </users>
    <quotas><default/></quotas>
</yandex>
"""


def find_program() -> str:
    """Return the path of the server's program, installing it where that is possible.

    Raises:
        ServiceUnavailable: There is none and it cannot be installed.
    """
    need = "the tests of ClickHouse's clients need clickhouse-server, which is not here"
    for tried in (False, True):
        if path := shutil.which("clickhouse-server") or shutil.which("clickhouse-server", path=_PLACES):
            return path
        if not tried:
            apt_install(_PACKAGE, need)
    raise ServiceUnavailable(f"{need}, and its package did not bring it")


class ClickHouseServer(Server):
    """One server; see ``Server``.

    Attributes:
        http_port: Where it listens for HTTP; ``port`` is that of its own protocol.
    """

    name = "clickhouse"
    http_port = 0

    @property
    def address(self) -> str:
        """Return "127.0.0.1:PORT:HTTP_PORT"; empty while it is not running."""
        return f"{super().address}:{self.http_port}" if self._processes else ""

    def _find(self) -> tuple[str]:
        return (find_program(),)

    def _launch(self, directory: Path, program: str) -> None:
        self.port, self.http_port = free_port(), free_port()
        settings = directory / "config.xml"
        settings.write_text(
            _SETTINGS.format(host=self.host, port=self.port, http_port=self.http_port, directory=directory)
        )
        (directory / "users.xml").write_text(_USERS)
        self._run([program, f"--config-file={settings}"])

    def _is_ready(self) -> bool:
        with urllib.request.urlopen(f"http://{self.host}:{self.http_port}/ping", timeout=5) as answer:
            return bool(answer.status == 200)
