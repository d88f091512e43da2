"""The memcached that the tests run against is itself a thing that can be wrong."""

from __future__ import annotations

import os
import socket
import tempfile

import pytest

from services.errors import ServiceUnavailable
from services.memcached import MemcachedServer


def test_a_server_of_ones_own_leaves_nothing_behind(memcached_server, monkeypatch, tmp_path):
    """A stopped server is gone with its process, its port and its directory."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with MemcachedServer() as server:
        pid = server.pid
        assert server.port != memcached_server.port
    assert server.pid is None
    assert not list(tmp_path.iterdir())
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((server.host, server.port), 5)


def test_without_the_program_one_line_says_so(monkeypatch, tmp_path):
    """Where there is neither the program nor a way to install it, the text is one line that says what to do."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ServiceUnavailable) as caught:
        MemcachedServer().start()
    said = "the tests of memcached need memcached, which is not on PATH: install it (Debian: apt-get install memcached)"
    assert str(caught.value) == said
