"""The broker that the tests run against is itself a thing that can be wrong."""

from __future__ import annotations

import os
import socket
import tempfile
import threading

import kafka
import pytest

from services import kafka as service
from services.errors import ServiceUnavailable
from services.kafka import KafkaBroker
from services.kafka_wire import probe
from services.ports import free_port, free_ports


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


def test_a_broker_of_ones_own_leaves_nothing_behind(kafka_programs, monkeypatch, tmp_path):
    """A stopped broker is gone with its process, its port and its data, and may be started again."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
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


def test_a_failed_start_shows_what_the_broker_said(kafka_programs, monkeypatch):
    """The error of a broker that does not start carries the tail of its log, and nothing is left running."""
    monkeypatch.setattr(service, "_SETTINGS", service._SETTINGS + "num.io.threads=many\n")
    broker = KafkaBroker()
    with pytest.raises(ServiceUnavailable, match=r"(?s)it said.*Invalid value many"):
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
