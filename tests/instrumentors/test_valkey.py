"""valkey: what it has in common with redis-py, on a server that both speak to, and what is its own."""

from __future__ import annotations

import asyncio

import valkey
import valkey.asyncio
import valkey.cluster

from contracts.redis_clients import AsyncCommandsContract, CommandsContract, Library, SubclassContract, closed
from services.redis import RedisServer

VALKEY = Library("valkey", "Valkey")


class TestClient(CommandsContract):
    """The contract, through ``Valkey``."""

    library = VALKEY
    instrumentors = ("valkey",)
    scope = "valkey"


class TestSubclass(SubclassContract):
    """The contract, through a class of the program's own."""

    library = VALKEY
    instrumentors = ("valkey",)
    scope = "valkey"


class TestAsyncClient(AsyncCommandsContract):
    """The contract, through the asyncio variant."""

    library = VALKEY
    instrumentors = ("valkey", "valkey_asyncio")
    scope = "valkey_asyncio"


def test_both_libraries_in_one_program(redis_server, recorder, instrument):
    """Each tells of its own commands."""
    import redis

    instrument("redis", "valkey")
    for library, kind in ((redis, "Redis"), (valkey, "Valkey")):
        with getattr(library, kind)(redis_server.host, redis_server.port) as client:
            assert client.ping() is True
    spans = recorder.wait(2)
    assert [(span["scope"], span["attributes"]["db.system.name"]) for span in spans] == [
        ("redis", "redis"),
        ("valkey", "valkey"),
    ]


def test_a_script_is_loaded_when_it_is_missing(redis_server, recorder, instrument):
    """What the library does again by itself has not failed."""
    instrument("valkey")
    with valkey.Valkey(redis_server.host, redis_server.port) as client:
        client.script_flush()
        assert client.register_script("return 7")() == 7
    assert [(span["name"], span["status"]) for span in recorder.wait(4)] == [
        ("SCRIPT FLUSH", "UNSET"),
        ("EVALSHA", "UNSET"),
        ("SCRIPT LOAD", "UNSET"),
        ("EVALSHA", "UNSET"),
    ]


def test_clusters(redis_server, recorder, instrument):
    """A command and a pipeline are a span each, without an address, by either kind of client."""
    instrument("valkey", "valkey_asyncio")

    async def main(port):
        client = valkey.asyncio.ValkeyCluster(host="127.0.0.1", port=port)
        await client.initialize()
        recorder.clear()
        assert await client.set("a", "x") is True
        assert await client.pipeline().get("a").set("b", "y").execute() == [b"x", True]
        await closed(client)

    with RedisServer("--cluster-enabled", "yes") as server:
        with valkey.Valkey(server.host, server.port) as plain:
            plain.execute_command("CLUSTER", "ADDSLOTS", *range(16384))
            while plain.execute_command("CLUSTER INFO")["cluster_state"] != "ok":
                pass
        client = valkey.cluster.ValkeyCluster(host=server.host, port=server.port)
        recorder.clear()
        assert client.set("a", "x") is True
        with client.pipeline() as pipeline:
            assert pipeline.get("a").set("b", "y").execute() == [b"x", True]
        client.close()
        told = [span["attributes"] for span in recorder.wait(2)]
        asyncio.run(main(server.port))
    assert [span["attributes"] for span in recorder.wait(2)] == told
    common = {"db.system.name": "valkey", "db.namespace": "0"}
    assert told == [
        {**common, "db.operation.name": "SET", "db.query.text": "SET ? ?"},
        {
            **common,
            "db.operation.name": "PIPELINE",
            "db.query.text": "GET ?; SET ? ?",
            "db.operation.batch.size": 2,
        },
    ]
