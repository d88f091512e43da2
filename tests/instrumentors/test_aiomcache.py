"""aiomcache: the contract of memcached's clients, and what is its own."""

from __future__ import annotations

import asyncio
import socket

import aiomcache
import pytest

from autotrace.testing.contracts.db_client import Work
from contracts.memcached_clients import MemcachedContract


class Opened:
    """A client and its loop."""

    def __init__(self, host, port, timeout):
        self.loop = asyncio.new_event_loop()
        self.timeout = timeout

        async def inside():
            return aiomcache.Client(host, port)

        self.client = self.loop.run_until_complete(inside())

    def run(self, coroutine):
        """Await something in the loop."""
        return self.loop.run_until_complete(coroutine)


class TestClient(MemcachedContract):
    """The contract; what its methods are called elsewhere is told in the terms of this library."""

    library = "aiomcache"
    get_many = "gets"
    batches = False  # it has none
    refused = ConnectionRefusedError
    timed_out = None  # it has no limit of time
    failed = aiomcache.ClientException, "aiomcache.exceptions.ClientException"

    def open(self, server, port=None, timeout=None):
        return Opened(server.host, port or server.port, timeout)

    def run(self, client, name, *args):
        return client.run(getattr(self, f"_{name}", self._call)(client.client, name, *args))

    async def _call(self, client, name, *args):
        return await getattr(client, name)(*(arg.encode() if isinstance(arg, str) else arg for arg in args))

    async def _set_many(self, client, _name, values):
        for key, value in values.items():
            await client.set(key.encode(), value.encode())

    async def _get_many(self, client, _name, keys):
        found = await client.multi_get(*(key.encode() for key in keys))
        return {key: value for key, value in zip(keys, found) if value is not None}

    def close(self, client):
        client.run(client.client.close())
        client.loop.close()


@pytest.fixture
def address(memcached_server, recorder, instrument):
    """Where a client is opened to; the library is traced."""
    instrument("aiomcache")
    return memcached_server.host, memcached_server.port


def test_methods_of_the_client(address, recorder):
    """Each is its command."""

    async def main():
        client = aiomcache.Client(*address)
        await client.flush_all()
        await client.set(b"a", b"1", exptime=100)
        await client.append(b"a", b"0")
        await client.prepend(b"a", b"2")
        assert await client.incr(b"a", 5) == 215
        assert await client.decr(b"a") == 214
        _, token = await client.gets(b"a")
        assert await client.cas(b"a", b"3", token) is True
        await client.add(b"b", b"1")
        await client.replace(b"b", b"2")
        await client.touch(b"b", 10)
        assert await client.multi_get() == ()
        await client.stats()
        await client.version()
        await client.close()

    asyncio.run(main())
    assert [span["attributes"]["db.query.text"] for span in recorder.finished()] == [
        "flush_all",
        "set ? ?",
        "append ? ?",
        "prepend ? ?",
        "incr ? ?",
        "decr ? ?",
        "gets ?",
        "cas ? ? ?",
        "add ? ?",
        "replace ? ?",
        "touch ?",
        "stats",
        "version",
    ]


def test_tasks_have_their_own_parents(address, recorder):
    """A task that waits for a connection of the pool waits beneath its own span."""

    async def work(client, number):
        with Work(f"work {number}") as span:
            await client.multi_get(*(f"key{n}".encode() for n in range(number)))
        return number, span.span_id

    async def main():
        client = aiomcache.Client(*address, pool_size=2)
        parents = await asyncio.gather(*(work(client, number) for number in range(1, 9)))
        await client.close()
        return dict(parents)

    parents = asyncio.run(main())
    spans = [span for span in recorder.wait(16) if span["kind"] == "CLIENT"]
    assert {span["attributes"]["db.query.text"].count("?"): span["parent_id"] for span in spans} == parents


def test_a_cancelled_command_has_not_failed(recorder, instrument):
    """A limit of time of the program's own ends the command from outside."""
    instrument("aiomcache")

    async def main(port):
        client = aiomcache.Client("127.0.0.1", port)
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(client.get(b"a"), 0.05)
        await client.close()

    with socket.create_server(("127.0.0.1", 0)) as silent:  # the system accepts, nobody reads
        asyncio.run(main(silent.getsockname()[1]))
    assert [(span["name"], span["status"]) for span in recorder.wait(1)] == [("GET", "UNSET")]
