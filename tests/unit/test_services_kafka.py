"""The broker that the tests run against is itself a thing that can be wrong."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

import kafka
import pytest

from services import kafka as service
from services.errors import ServiceUnavailable
from services.kafka import KafkaBroker
from services.kafka_wire import probe
from services.ports import free_port, free_ports

CHECKOUT = Path(__file__).resolve().parents[2]


def produce(bootstrap, topic, *values):
    """Send ``values`` and wait until the broker has them."""
    producer = kafka.KafkaProducer(bootstrap_servers=bootstrap)
    try:
        for value in values:
            producer.send(topic, value, headers=[("traceparent", b"00")]).get(timeout=30)
    finally:
        producer.close()


def consume(bootstrap, topic, count):
    """Return the first ``count`` records of ``topic``, read by a group of its own."""
    consumer = kafka.KafkaConsumer(
        topic, bootstrap_servers=bootstrap, group_id=f"group-{topic}", auto_offset_reset="earliest"
    )
    try:
        return [next(consumer) for _ in range(count)]
    finally:
        consumer.close()


def test_messages_of_a_producer_reach_a_consumer_group(kafka_broker, kafka_topic):
    """What kafka-python produces comes back in order, with its headers, to a consumer group."""
    produce(kafka_broker.bootstrap, kafka_topic, b"one", b"two", b"three")
    records = consume(kafka_broker.bootstrap, kafka_topic, 3)
    assert [record.value for record in records] == [b"one", b"two", b"three"]
    assert {record.headers[0] for record in records} == {("traceparent", b"00")}


def test_a_broker_of_ones_own_leaves_nothing_behind(monkeypatch, tmp_path):
    """A stopped broker is gone with its process, its port and its data, and may be started again."""
    monkeypatch.setattr(service.tempfile, "tempdir", str(tmp_path))
    broker = KafkaBroker()
    with broker:
        host, port = broker.bootstrap.rsplit(":", 1)
        pid = broker.pid
        assert probe(host, int(port)) == 1
        assert list(tmp_path.iterdir())
        with pytest.raises(RuntimeError, match="stop it first"):
            broker.start()
    assert (broker.bootstrap, broker.pid) == ("", None)
    assert not list(tmp_path.iterdir())
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    with pytest.raises(ConnectionRefusedError):
        probe(host, int(port))
    broker.stop()


def test_a_failed_start_shows_what_the_broker_said(monkeypatch):
    """The error of a broker that does not start carries the tail of its log, and nothing is left running."""
    monkeypatch.setattr(service, "_SETTINGS", service._SETTINGS + "num.io.threads=many\n")
    broker = KafkaBroker()
    with pytest.raises(ServiceUnavailable, match=r"(?s)end of its log.*Invalid value many"):
        broker.start()
    assert broker.pid is None


def test_something_else_on_the_port_is_no_broker():
    """A listener that accepts and says something foreign is not taken for Kafka."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer():
            connection, _ = server.accept()
            with connection:
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(OSError):
            probe("127.0.0.1", server.getsockname()[1], timeout=5)
        thread.join()


def test_free_ports_differ():
    """Ports that are asked for together are never the same."""
    assert len(set(free_ports(20))) == 20
    assert free_port() > 0


def run_beside_a_broker(*command, **environment):
    """Run the command line with ``command`` and nothing of this session's own settings but ``environment``."""
    ours = {"CI", "AUTOTRACE_TEST_KAFKA", *environment}
    inherited = {name: value for name, value in os.environ.items() if name not in ours}
    return subprocess.run(
        [sys.executable, "-m", "tests.services.kafka", *command],
        cwd=CHECKOUT,
        env={**inherited, **environment},
        check=False,
        capture_output=True,
        text=True,
    )


def test_the_command_line_gives_a_broker_to_a_command():
    """The command sees the address of a broker, and its exit code is that of the whole."""
    program = "import os; print(os.environ['AUTOTRACE_TEST_KAFKA']); raise SystemExit(7)"
    done = run_beside_a_broker("--", sys.executable, "-c", program)
    assert done.returncode == 7, done.stderr
    assert done.stdout.startswith("127.0.0.1:")


@pytest.mark.parametrize(("ci", "code", "out"), [("", 7, "None\n"), ("true", 1, "")])
def test_without_java_the_command_runs_bare_except_in_ci(tmp_path, ci, code, out):
    """Where no broker can be had, one line says why; CI stops there, a developer's run goes on without."""
    program = "import os; print(os.environ.get('AUTOTRACE_TEST_KAFKA')); raise SystemExit(7)"
    done = run_beside_a_broker("--", sys.executable, "-c", program, CI=ci, PATH=str(tmp_path), JAVA_HOME="")
    assert (done.returncode, done.stdout) == (code, out)
    assert done.stderr.count("\n") == 1
    assert "needs Java 17" in done.stderr


def test_the_command_line_wants_a_command():
    """Without a command it says how it is used and starts nothing."""
    done = run_beside_a_broker()
    assert done.returncode == 2
    assert "CMD ARGS" in done.stderr
