"""A real Apache Kafka broker for tests: one node, broker and controller in one process, on free loopback ports.

Not for measuring Kafka, and no cluster: replication, security and tiered storage are out. Nothing outlives a broker: its
data are deleted when it is stopped. A parent that is killed takes it along on Linux only, and then leaves the data in the
temporary directory.
"""

from __future__ import annotations

import os
import uuid
from base64 import urlsafe_b64encode
from typing import TYPE_CHECKING

from .kafka_jars import find_jars, find_java
from .kafka_wire import NotReady, probe
from .ports import free_ports
from .server import Server

if TYPE_CHECKING:
    from pathlib import Path

ADDRESS_VARIABLE = "AUTOTRACE_TEST_KAFKA"

# What makes a JVM start fast: one cheap compiler, one cheap collector, the shared class archive of the JDK.
_JVM = (
    "-Xmx512m",
    "-Xms128m",
    "-XX:TieredStopAtLevel=1",
    "-XX:+UseSerialGC",
    "-XX:-UsePerfData",  # it would write to the system's temporary directory
    "-Xshare:auto",
    "-Djava.awt.headless=true",
)

_SETTINGS = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@{host}:{controller}
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://{host}:{broker},CONTROLLER://{host}:{controller}
advertised.listeners=PLAINTEXT://{host}:{broker}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={data}
num.partitions=1
auto.create.topics.enable=true
default.replication.factor=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
share.coordinator.state.topic.num.partitions=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=500
broker.heartbeat.interval.ms=200
num.network.threads=2
num.io.threads=4
background.threads=2
num.recovery.threads.per.data.dir=1
log.cleaner.dedupe.buffer.size=4194304
"""


def _cluster_id() -> str:
    """Return a random id as the broker's storage wants it: 16 bytes in URL-safe base64 without its padding.

    It may begin with a dash, so on a command line it has to stand in one word with its option.
    """
    return urlsafe_b64encode(uuid.uuid4().bytes).rstrip(b"=").decode()


class KafkaBroker(Server):
    """One broker; see ``Server``."""

    name = "kafka"
    limit = 120.0

    @property
    def bootstrap(self) -> str:
        """Return "127.0.0.1:PORT", what a client calls bootstrap_servers; empty while it is not running."""
        return self.address

    def _find(self) -> tuple[str, Path]:
        return find_java(), find_jars()

    def _launch(self, directory: Path, java: str, jars: Path) -> None:
        self.port, controller = free_ports(2)
        settings = directory / "server.properties"
        values = {"host": self.host, "broker": self.port, "controller": controller, "data": directory / "data"}
        settings.write_text(_SETTINGS.format(**values), encoding="utf-8")
        base = [java, *_JVM, "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp", f"{jars}{os.sep}*"]
        storage = [*base, "kafka.tools.StorageTool", "format", f"--cluster-id={_cluster_id()}", "-c", str(settings)]
        self._prepare(storage)
        self._run([*base, "kafka.Kafka", str(settings)])

    def _is_ready(self) -> bool:
        try:
            probe(self.host, self.port)
        except NotReady:
            return False
        return True
