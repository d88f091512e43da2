"""A real RabbitMQ broker for tests: one node on free loopback ports, with a name and a directory of its own.

Its program is Debian's package, which ``make`` installs where it is missing; the package's own service is not used, and not
started. Erlang's port mapper, which would else outlive the broker, is a process of ours too.
"""

from __future__ import annotations

import os
import shutil
import socket
import uuid
from typing import TYPE_CHECKING

from .errors import ServiceUnavailable
from .packages import apt_install
from .ports import free_ports
from .server import Server

if TYPE_CHECKING:
    from pathlib import Path

ADDRESS_VARIABLE = "AUTOTRACE_TEST_RABBITMQ"
_PACKAGE = "rabbitmq-server"
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


class RabbitBroker(Server):
    """One broker; see ``Server``."""

    name = "rabbitmq"
    limit = 120.0

    def _find(self) -> tuple[str, str]:
        return find_programs()

    def _launch(self, directory: Path, server: str, mapper: str) -> None:
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
        for command in ([mapper], [server, "-noinput"]):
            self._run(command, env=environment)

    def _is_ready(self) -> bool:
        if _READY not in self._said():
            return False
        with socket.create_connection((self.host, self.port), 5):
            return True
