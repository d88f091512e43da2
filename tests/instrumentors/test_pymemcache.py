"""pymemcache: the contract of memcached's clients, through each kind of client, and what is its own."""

from __future__ import annotations

import pytest
from pymemcache.client.base import Client, PooledClient
from pymemcache.client.hash import HashClient
from pymemcache.exceptions import MemcacheClientError, MemcacheUnknownCommandError

from contracts.memcached_clients import MemcachedContract
from services.memcached import MemcachedServer
from services.ports import free_port


class TestClient(MemcachedContract):
    """The contract, through a client of one server."""

    library = "pymemcache"
    refused = ConnectionRefusedError
    timed_out = OSError
    failed = MemcacheClientError, "pymemcache.exceptions.MemcacheClientError"

    def open(self, server, port=None, timeout=None):
        return Client(
            (server.host, port or server.port), timeout=timeout, connect_timeout=timeout, default_noreply=False
        )

    def run(self, client, name, *args):
        return getattr(client, name)(*args)

    def close(self, client):
        client.close()


class TestPooledClient(TestClient):
    """The contract, through a pool of such clients."""

    def open(self, server, port=None, timeout=None):
        where = server.host, port or server.port
        return PooledClient(where, timeout=timeout, connect_timeout=timeout, default_noreply=False)


class TestHashClient(TestClient):
    """The contract, through a client that chooses one of several servers, here of one."""

    def open(self, server, port=None, timeout=None):
        where = server.host, port or server.port
        return HashClient(
            [where], timeout=timeout, connect_timeout=timeout, default_noreply=False, retry_attempts=0, use_pooling=True
        )


@pytest.fixture
def client(memcached_server, recorder, instrument):
    """A client of an empty store, which waits for no answer where it need not; what opening takes is forgotten."""
    instrument("pymemcache")
    opened = Client((memcached_server.host, memcached_server.port))
    opened.flush_all(noreply=False)
    recorder.clear()
    yield opened
    opened.close()


def test_methods_of_the_client(client, recorder):
    """Each is its command, whether its answer is waited for or not."""
    client["a"] = "1"
    assert client["a"] == b"1"
    client.append("a", "0")
    client.prepend("a", "2")
    assert client.incr("a", 5) == 215
    assert client.gets("a")[0] == b"215"
    assert client.cas("a", "3", client.gets("a")[1]) is True
    client.add("b", "1")
    client.replace("b", "2")
    client.touch("b", 10)
    client.delete_many(["a", "b"])
    assert client.get_many([]) == {}
    client.stats()
    client.version()
    told = [(span["name"], span["attributes"]["db.query.text"]) for span in recorder.finished()]
    assert told == [
        ("SET", "set ? ?"),
        ("GET", "get ?"),
        ("APPEND", "append ? ?"),
        ("PREPEND", "prepend ? ?"),
        ("INCR", "incr ? ?"),
        ("GETS", "gets ?"),
        ("GETS", "gets ?"),
        ("CAS", "cas ? ? ?"),
        ("ADD", "add ? ?"),
        ("REPLACE", "replace ? ?"),
        ("TOUCH", "touch ?"),
        ("PIPELINE DELETE", "delete ?"),
        ("STATS", "stats"),
        ("VERSION", "version"),
    ]


@pytest.mark.skipif(not hasattr(Client, "raw_command"), reason="raw commands came with 4")
def test_a_raw_command_is_named_by_its_first_word(client, recorder):
    """Its other words are not kept; one that the server does not know has failed."""
    assert client.raw_command("mg hunter2").startswith(b"EN")
    with pytest.raises(MemcacheUnknownCommandError):
        client.raw_command("hunter3 hunter2")
    known, unknown = recorder.wait(2)
    assert (known["name"], unknown["attributes"]["db.response.status_code"]) == ("MG", "ERROR")
    assert "hunter2" not in repr((known, unknown, [span.facts for span in recorder.spans]))


def test_several_servers(memcached_server, recorder, instrument):
    """What is asked of each server is a span with its address; one that is gone has failed."""
    instrument("pymemcache")
    with MemcachedServer() as other:
        servers = [(one.host, one.port) for one in (memcached_server, other)]
        client = HashClient(servers, default_noreply=False)
        client.set_many({f"key{number}": "x" for number in range(20)})
        assert len(client.get_many([f"key{number}" for number in range(20)])) == 20
        client.close()
    writes, reads = recorder.wait(4)[:2], recorder.finished()[2:]
    for spans, name in ((writes, "PIPELINE SET"), (reads, "GET")):
        assert {span["name"] for span in spans} == {name}
        assert {span["attributes"]["server.port"] for span in spans} == {memcached_server.port, other.port}
    assert sum(span["attributes"]["db.operation.batch.size"] for span in writes) == 20
    recorder.clear()
    client = HashClient([("127.0.0.1", free_port())], ignore_exc=True, retry_attempts=0)
    assert client.get("a") is None
    assert [span["status"] for span in recorder.finished()] == ["ERROR"]


def test_a_socket(memcached_server, recorder, instrument):
    """A server on a Unix socket is told by its path."""
    instrument("pymemcache")
    with MemcachedServer(by_socket=True) as server:
        client = Client(server.socket)
        assert client.get("a") is None
        client.close()
        (span,) = recorder.wait(1)
        assert span["attributes"]["server.address"] == server.socket
    assert "server.port" not in span["attributes"]
