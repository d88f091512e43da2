"""pylibmc: the contract of memcached's clients, and what is its own."""

from __future__ import annotations

import sys

import pytest

if sys.version_info >= (3, 12):
    pytest.skip("pylibmc has no wheel for a Python beyond 3.11", allow_module_level=True)

import pylibmc

from contracts.memcached_clients import MemcachedContract
from services.memcached import MemcachedServer


class TestClient(MemcachedContract):
    """The contract; what it answers is told in bytes, as others have it."""

    library = "pylibmc"
    refused = pylibmc.Error
    timed_out = None  # it answers as if nothing were there
    failed = pylibmc.Error, "pylibmc.ClientError"

    def open(self, server, port=None, timeout=None):
        return pylibmc.Client([f"{server.host}:{port or server.port}"])

    def run(self, client, name, *args):
        result = getattr(client, name.replace("many", "multi"))(*args)
        if isinstance(result, dict):
            return {key: value.encode() for key, value in result.items()}
        return result.encode() if isinstance(result, str) else result

    def close(self, client):
        client.disconnect_all()


@pytest.fixture
def client(memcached_server, recorder, instrument):
    """A client of an empty store; what opening takes is forgotten."""
    instrument("pylibmc")
    opened = pylibmc.Client([f"{memcached_server.host}:{memcached_server.port}"], behaviors={"cas": True})
    opened.flush_all()
    recorder.clear()
    yield opened
    opened.disconnect_all()


def test_methods_of_the_client(client, recorder):
    """Each is its command."""
    client["a"] = "1"
    assert client["a"] == "1"
    assert "b" not in client
    client.append("a", "0")
    client.prepend("a", "2")
    client.set("n", 210)
    assert client.incr("n", 5) == 215
    assert client.decr("n") == 214
    value, token = client.gets("n")
    assert client.cas("n", value + 1, token)
    client.add("b", "1")
    client.replace("b", "2")
    client.touch("b", 10)
    client.add_multi({"c": "1", "d": "2"})
    client.incr_multi(["n"])
    client.delete_multi(["a", "b"])
    client.get_multi(["a"])
    del client["n"]
    told = [(span["name"], span["attributes"]["db.query.text"]) for span in recorder.finished()]
    assert told == [
        ("SET", "set ? ?"),
        ("GET", "get ?"),
        ("GET", "get ?"),
        ("APPEND", "append ? ?"),
        ("PREPEND", "prepend ? ?"),
        ("SET", "set ? ?"),
        ("INCR", "incr ? ?"),
        ("DECR", "decr ? ?"),
        ("GETS", "gets ?"),
        ("CAS", "cas ? ? ?"),
        ("ADD", "add ? ?"),
        ("REPLACE", "replace ? ?"),
        ("TOUCH", "touch ?"),
        ("PIPELINE ADD", "add ? ?"),
        ("INCR", "incr ? ?"),
        ("PIPELINE DELETE", "delete ?"),
        ("GET", "get ?"),
        ("DELETE", "delete ?"),
    ]


def test_a_miss_has_not_failed(client, recorder):
    """Where nothing is there, some methods say so by an exception."""
    with pytest.raises(pylibmc.NotFound):
        client.incr("hunter2")
    (span,) = recorder.wait(1)
    assert (span["name"], span["status"]) == ("INCR", "UNSET")


def test_addresses(memcached_server, recorder, instrument):
    """One server is told, by its address or its path; of several nobody knows which it was."""
    instrument("pylibmc")
    with MemcachedServer(by_socket=True) as server:
        for addresses in ([server.socket], [(1, memcached_server.host, memcached_server.port)], [server.socket] * 2):
            client = pylibmc.Client(addresses)
            assert client.get("nothing") is None
            client.clone().disconnect_all()
            client.disconnect_all()
        path, address, several = recorder.wait(3)
        assert path["attributes"]["server.address"] == server.socket
    assert "server.port" not in path["attributes"]
    assert address["attributes"]["server.port"] == memcached_server.port
    assert "server.address" not in several["attributes"]
