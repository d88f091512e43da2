"""A real Apache Kafka broker for tests: one node, broker and controller in one process, on free loopback ports.

Not for measuring Kafka, and no cluster: replication, security and tiered storage are out. Nothing outlives a broker: its
data are deleted when it is stopped. A parent that is killed takes it along on Linux only, and then leaves the data in the
temporary directory.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
import uuid
from base64 import urlsafe_b64encode
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import ServiceUnavailable
from .kafka_jars import find_jars, find_java
from .kafka_wire import NotReady, probe
from .ports import LOOPBACK, free_ports
from .processes import start_process

if TYPE_CHECKING:
    from types import TracebackType

ADDRESS_VARIABLE = "AUTOTRACE_TEST_KAFKA"
_START_LIMIT_S = 120.0
_TRIES = 3  # a port may be lost between its choice and its use

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


class KafkaBroker:
    """One broker, as a context manager or by ``start`` and ``stop``; after ``stop`` it can be started anew, empty.

    Attributes:
        bootstrap: "127.0.0.1:PORT", what a client calls bootstrap_servers; empty while it is not running.
        pid: The process id of the broker's JVM; None while it is not running.
    """

    def __init__(self) -> None:
        self.bootstrap = ""
        self.pid: int | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._directory: Path | None = None

    def __enter__(self) -> KafkaBroker:  # noqa: PYI034 - Self is younger than Python 3.9
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
        """Return what a client calls bootstrap_servers."""
        return self.bootstrap

    def start(self) -> None:
        """Start the broker and return when it serves producers, consumers and groups.

        Raises:
            ServiceUnavailable: Java, Maven or the jars cannot be had, or the broker does not start; in the latter case
                the text ends with the tail of its log.
        """
        if self._process is not None:
            raise RuntimeError(f"the broker at {self.bootstrap} has been started already: stop it first")
        java, jars = find_java(), find_jars()
        for attempt in range(1, _TRIES + 1):
            self._directory = Path(tempfile.mkdtemp(prefix="autotrace-kafka-"))
            try:
                self._launch(java, jars)
                return
            except BaseException as error:
                tail = self._log_tail()
                self.stop()
                if attempt < _TRIES and "Address already in use" in tail:
                    continue
                if isinstance(error, ServiceUnavailable):
                    raise ServiceUnavailable(f"{error}; the end of its log:\n{tail}") from None
                raise

    def stop(self) -> None:
        """End the broker at once and delete its data; does nothing where it is not running."""
        process, self._process = self._process, None
        directory, self._directory = self._directory, None
        self.bootstrap, self.pid = "", None
        if process is not None:
            process.kill()  # an orderly shutdown takes seconds and would save data that nobody wants
            process.wait()
        if directory is not None:
            shutil.rmtree(directory, ignore_errors=True)

    def _launch(self, java: str, jars: Path) -> None:
        directory = self._directory
        assert directory is not None
        broker, controller = free_ports(2)
        settings = directory / "server.properties"
        values = {"host": LOOPBACK, "broker": broker, "controller": controller, "data": directory / "data"}
        settings.write_text(_SETTINGS.format(**values), encoding="utf-8")
        base = [java, *_JVM, "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp", f"{jars}{os.sep}*"]
        with (directory / "log").open("ab") as log:
            plain = {"stdout": log, "stderr": log, "cwd": directory}
            storage = [*base, "kafka.tools.StorageTool", "format", f"--cluster-id={_cluster_id()}", "-c", str(settings)]
            if subprocess.call(storage, stdin=subprocess.DEVNULL, **plain):
                raise ServiceUnavailable("Kafka could not format its storage")
            self._process = start_process([*base, "kafka.Kafka", str(settings)], **plain)
        self.pid = self._process.pid
        self._await(broker)
        self.bootstrap = f"{LOOPBACK}:{broker}"

    def _await(self, port: int) -> None:
        """Ask the broker until it says that it is ready."""
        assert self._process is not None
        deadline = time.monotonic() + _START_LIMIT_S
        while True:
            if (code := self._process.poll()) is not None:
                raise ServiceUnavailable(f"the Kafka broker ended with exit code {code} while it started")
            try:
                probe(LOOPBACK, port)
                return
            except (NotReady, OSError) as error:
                if time.monotonic() > deadline:
                    raise ServiceUnavailable(f"no Kafka broker after {_START_LIMIT_S:.0f} s: {error}") from None
                time.sleep(0.05)  # the pause between two questions, not a guess of how long it takes

    def _log_tail(self, lines: int = 30) -> str:
        """Return the last lines that the broker wrote."""
        try:
            assert self._directory is not None
            return "\n".join((self._directory / "log").read_text(errors="replace").splitlines()[-lines:])
        except OSError:
            return "(no log)"
