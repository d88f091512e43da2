"""The broker that the tests run against is itself a thing that can be wrong."""

from __future__ import annotations

import os
import socket
import tempfile

import pytest

from services import packages
from services import rabbitmq as service
from services.errors import ServiceUnavailable
from services.rabbitmq import RabbitBroker


def test_a_broker_of_ones_own_leaves_nothing_behind(rabbitmq, monkeypatch, tmp_path):
    """A stopped broker is gone with its processes, its port and its directory."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    broker = RabbitBroker()
    broker.start()
    assert broker.port != rabbitmq.port
    pids = [process.pid for process in broker._processes]
    assert (len(pids), broker.pid) == (2, pids[-1])
    with socket.create_connection((broker.host, broker.port), 5) as connection:
        connection.sendall(b"AMQP\x00\x00\x09\x01")
        assert connection.recv(1) == b"\x01"
    with pytest.raises(RuntimeError, match="stop it first"):
        broker.start()
    broker.stop()
    assert (broker.pid, broker.address) == (None, "")
    assert not list(tmp_path.iterdir())
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((broker.host, broker.port), 5)
    broker.stop()


def test_without_the_program_one_line_says_so(monkeypatch):
    """Where there is neither the program nor a way to install it, the text is one line that says what to do."""
    monkeypatch.setattr(service, "_PLACES", ())
    monkeypatch.setattr(packages.shutil, "which", lambda _name: None)
    with pytest.raises(ServiceUnavailable) as caught:
        RabbitBroker().start()
    said = "the tests of RabbitMQ need rabbitmq-server, which is not here: install it (Debian: apt-get install rabbitmq-server)"
    assert str(caught.value) == said
