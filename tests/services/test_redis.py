"""The server that the tests run against is itself a thing that can be wrong."""

from __future__ import annotations

import os
import socket
import tempfile

import pytest

from services.errors import ServiceUnavailable
from services.redis import RedisServer


def test_a_server_of_ones_own_leaves_nothing_behind(redis_server, monkeypatch, tmp_path):
    """A stopped server is gone with its process, its port and its directory, and may be started again."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    server = RedisServer()
    for _ in range(2):
        with server:
            pid = server.pid
            assert server.port != redis_server.port
            assert os.path.exists(server.socket)
            with pytest.raises(RuntimeError, match="stop it first"):
                server.start()
        assert server.pid is None
        assert not list(tmp_path.iterdir())
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((server.host, server.port), 5)
    server.stop()


def test_a_failed_start_shows_what_the_server_said(redis_server):
    """The error of a server that does not start carries what it said, and nothing is left running."""
    server = RedisServer("--maxmemory", "much")
    with pytest.raises(ServiceUnavailable, match=r"(?s)exit code 1.*it said:.*maxmemory"):
        server.start()
    assert server.pid is None


def test_without_the_program_one_line_says_so(monkeypatch, tmp_path):
    """Where there is neither the program nor a way to install it, the text is one line that says what to do."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ServiceUnavailable) as caught:
        RedisServer().start()
    said = (
        "the tests of redis need redis-server, which is not on PATH: install it (Debian: apt-get install redis-tools)"
    )
    assert str(caught.value) == said
