"""The broker that the tests run against is itself a thing that can be wrong."""

from __future__ import annotations

import os
import socket

import pytest

from services import packages, rabbitmq
from services.errors import ServiceUnavailable
from services.rabbitmq import RabbitBroker


def test_a_broker_of_ones_own_leaves_nothing_behind(monkeypatch, tmp_path):
    """A stopped broker is gone with its processes, its port and its directory."""
    monkeypatch.setattr(rabbitmq.tempfile, "tempdir", str(tmp_path))
    broker = RabbitBroker()
    try:
        broker.start()
    except ServiceUnavailable as error:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(str(error).splitlines()[0])
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
    monkeypatch.setattr(rabbitmq, "_PLACES", ())
    monkeypatch.setattr(packages.shutil, "which", lambda _name: None)
    with pytest.raises(ServiceUnavailable) as caught:
        RabbitBroker().start()
    assert str(caught.value) == "the tests of RabbitMQ need rabbitmq-server, which is not here: install it"


@pytest.mark.parametrize("theirs", [None, "#!/bin/sh\nexit 0\n"], ids=["none", "of the system"])
def test_while_a_package_is_installed_no_service_is_started(monkeypatch, tmp_path, theirs):
    """A policy says no for as long as the installation takes; one that the system has is left alone."""
    policy = tmp_path / "policy-rc.d"
    if theirs:
        policy.write_text(theirs)
    seen = []

    def run(command, **_options):
        seen.append((command[1], policy.read_text()))
        return packages.subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(packages, "_POLICY", policy)
    monkeypatch.setattr(packages.shutil, "which", lambda name: name)
    monkeypatch.setattr(packages.os, "geteuid", lambda: 0)
    monkeypatch.setattr(packages.subprocess, "run", run)
    packages.apt_install("something", "needed")
    text = theirs or "#!/bin/sh\nexit 101\n"
    assert seen == [("update", text), ("install", text)]
    assert (policy.read_text() if theirs else policy.exists()) == (theirs or False)
