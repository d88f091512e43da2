"""The server that the tests run against is itself a thing that can be wrong."""

from __future__ import annotations

import os
import socket
import tempfile

import psycopg2
import pytest

from services import packages
from services import postgresql as service
from services.errors import ServiceUnavailable
from services.postgresql import PostgresServer


def test_a_server_of_ones_own_leaves_nothing_behind(postgresql, monkeypatch, tmp_path_factory):
    """A stopped server is gone with its process, its port and its directory, and may be started again."""
    place = tmp_path_factory.mktemp("servers", numbered=True)
    for directory in (place, *place.parents[:3]):
        if directory.stat().st_uid == os.getuid():
            directory.chmod(0o755)  # where the tests run as root the server is somebody else
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    server = PostgresServer()
    for _ in range(2):
        with server:
            pid = server.pid
            assert server.port != postgresql.port
            connection = psycopg2.connect(host=server.host, port=server.port, user=postgresql.user, dbname="postgres")
            connection.close()
            with pytest.raises(RuntimeError, match="stop it first"):
                server.start()
        assert (server.pid, server.address) == (None, "")
        assert not list(place.iterdir())
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((server.host, server.port), 5)
    server.stop()


def test_without_the_programs_one_line_says_so(monkeypatch, tmp_path):
    """Where there are neither the programs nor a way to install them, the text is one line that says what to do."""
    monkeypatch.setattr(service, "_PLACES", str(tmp_path / "*"))
    monkeypatch.setattr(packages.shutil, "which", lambda _name: None)
    with pytest.raises(ServiceUnavailable) as caught:
        PostgresServer().start()
    said = (
        "the tests of PostgreSQL need postgres and initdb, which are not here: "
        "install it (Debian: apt-get install postgresql)"
    )
    assert str(caught.value) == said
