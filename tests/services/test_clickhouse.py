"""The server that the tests run against is itself a thing that can be wrong."""

from __future__ import annotations

import os
import socket
import tempfile

import pytest

from contracts.clickhouse import ask
from services import packages
from services.clickhouse import ClickHouseServer
from services.errors import ServiceUnavailable


def test_a_server_of_ones_own_leaves_nothing_behind(clickhouse, monkeypatch, tmp_path):
    """A stopped server is gone with its process, its port and its directory, and may be started again."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    server = ClickHouseServer()
    for _ in range(2):
        with server:
            pid = server.pid
            assert server.port != clickhouse.port
            assert ask(server, "SELECT count(*) FROM system.tables WHERE database = 'default'") == "0"
            socket.create_connection((server.host, server.port), 5).close()
            with pytest.raises(RuntimeError, match="stop it first"):
                server.start()
        assert (server.pid, server.address) == (None, "")
        assert not list(tmp_path.iterdir())
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((server.host, server.port), 5)
    server.stop()


def test_without_the_program_one_line_says_so(monkeypatch):
    """Where there is neither the program nor a way to install it, the text is one line that says what to do."""
    monkeypatch.setattr(packages.shutil, "which", lambda _name, **_where: None)
    with pytest.raises(ServiceUnavailable) as caught:
        ClickHouseServer().start()
    assert str(caught.value) == (
        "the tests of ClickHouse's clients need clickhouse-server, which is not here: "
        "install it (Debian: apt-get install clickhouse-server)"
    )
