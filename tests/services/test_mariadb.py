"""The server that the tests run against is itself a thing that can be wrong."""

from __future__ import annotations

import os
import socket
import tempfile

import pymysql
import pytest

from services import mariadb as service
from services import packages
from services.errors import ServiceUnavailable
from services.mariadb import MariaServer


def test_a_server_of_ones_own_leaves_nothing_behind(mariadb, monkeypatch, tmp_path_factory):
    """A stopped server is gone with its process, its port and its directory, and may be started again."""
    place = tmp_path_factory.mktemp("servers", numbered=True)
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    server = MariaServer()
    for _ in range(2):
        with server:
            pid = server.pid
            assert server.port != mariadb.port
            connection = pymysql.connect(host=server.host, port=server.port, user=mariadb.user)
            connection.close()
            connection = pymysql.connect(unix_socket=str(server.directory / service.SOCKET), user=mariadb.user)
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


def test_without_the_programs_one_line_says_so(monkeypatch):
    """Where there are neither the programs nor a way to install them, the text is one line that says what to do."""
    monkeypatch.setattr(packages.shutil, "which", lambda _name, **_where: None)
    with pytest.raises(ServiceUnavailable) as caught:
        MariaServer().start()
    said = (
        "the tests of MySQL's drivers need mariadbd and mariadb-install-db, which are not here: "
        "install it (Debian: apt-get install mariadb-server)"
    )
    assert str(caught.value) == said
