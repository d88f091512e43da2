"""Valkey GLIDE, sync and asyncio: the contract of command clients, and what is its own."""

from __future__ import annotations

import asyncio
from importlib import import_module

import glide
import glide_sync
import pytest

from autotrace.testing.contracts.db_client import Work
from contracts.db_commands import DbCommandsContract

ERRORS = "glide_shared.exceptions"


class Contract(DbCommandsContract):
    """What both have in common; the core is told whole commands as lists."""

    system = "valkey"
    errors = ERRORS
    wrong_type = glide_sync.RequestError
    connection_error = timeout_error = glide_sync.RequestError  # of what cannot be connected

    def test_a_wrong_call_raises_what_it_raises(self, client, recorder):
        """Without a command there is no name, and the library's own exception."""
        with pytest.raises(glide_sync.RequestError):
            self.run(client)
        assert [span["name"] for span in recorder.finished()] == [self.system]

    def test_a_batch_of_one_and_of_none(self, client, recorder):
        """One command is no batch, though a transaction remains one; the library refuses to send nothing."""
        with pytest.raises(glide_sync.RequestError):
            self.run_many(client, [])
        assert self.run_many(client, [("GET", "a")]) == [None]
        assert self.run_many(client, [("GET", "a")], True) == [None]
        first, second = recorder.wait(2)
        assert (first["name"], second["name"]) == ("GET", "MULTI GET")


class TestSync(Contract):
    """The contract, through ``GlideClient`` of ``glide_sync``."""

    instrumentors = ("glide_sync",)
    scope = "glide_sync"

    def open(self, server, port=None, timeout=None, **options):
        address = glide_sync.NodeAddress(server.host, port or server.port)
        options["request_timeout"] = int(timeout * 1000) if timeout else 5000
        options["lazy_connect"] = port is not None  # else it fails where it is made
        return glide_sync.GlideClient.create(glide_sync.GlideClientConfiguration([address], **options))

    def run(self, client, *command):
        return plain(client.custom_command(words(command)))

    def run_many(self, client, commands, transaction=False):
        batch = glide_sync.Batch(is_atomic=transaction)
        for command in commands:
            batch.custom_command(words(command))
        return [plain(answer) for answer in client.exec(batch, raise_on_error=True)]

    def close(self, client):
        client.close()

    def patched(self):
        kind = import_module("glide_sync.glide_client").BaseClient
        return [kind._execute_command, kind._execute_batch, kind._execute_script]


class Asked:
    """A client of ``glide`` and its loop."""

    def __init__(self, settings):
        self.loop = asyncio.new_event_loop()
        self.client = self.wait(glide.GlideClient.create(settings))

    def wait(self, coroutine):
        return self.loop.run_until_complete(coroutine)


class TestAsync(Contract):
    """The contract, through ``GlideClient`` of ``glide``."""

    instrumentors = ("glide",)
    scope = "glide"

    def open(self, server, port=None, timeout=None, **options):
        address = glide.NodeAddress(server.host, port or server.port)
        options["request_timeout"] = int(timeout * 1000) if timeout else 5000
        options["lazy_connect"] = port is not None
        return Asked(glide.GlideClientConfiguration([address], **options))

    def run(self, client, *command):
        return plain(client.wait(client.client.custom_command(words(command))))

    def run_many(self, client, commands, transaction=False):
        batch = glide.Batch(is_atomic=transaction)
        for command in commands:
            batch.custom_command(words(command))
        return [plain(answer) for answer in client.wait(client.client.exec(batch, raise_on_error=True))]

    def close(self, client):
        client.wait(client.client.close())
        client.loop.close()

    def patched(self):
        kind = import_module("glide.glide_client").BaseClient
        return [kind._execute_command, kind._execute_batch, kind._execute_script]

    def test_threads_have_their_own_parents(self, client, recorder):
        """So have tasks; of loops in several threads the library serves none, with and without us."""
        parents = {}

        async def work(number):
            with Work(f"work {number}") as span:
                for _ in range(5):
                    await client.client.get("a")
            parents[span.span_id] = 0

        async def main():
            await asyncio.gather(*(work(number) for number in range(4)))

        client.wait(main())
        for span in recorder.wait(24):
            if span["name"] == "GET":
                parents[span["parent_id"]] += 1
        assert list(parents.values()) == [5] * 4


def test_methods_are_told_by_their_commands_words(redis_server, recorder, instrument):
    """What a method asks by number: one word, two, those of a script; a batch of methods."""
    instrument("glide_sync")
    address = glide_sync.NodeAddress(redis_server.host, redis_server.port)
    client = glide_sync.GlideClient.create(glide_sync.GlideClientConfiguration([address], request_timeout=5000))
    client.set("pizza", "margherita")
    client.config_get(["maxclients"])
    client.hset("menu", {"pizza": "1"})
    client.invoke_script(glide_sync.Script("return ARGV[1]"), keys=["a"], args=["b"])
    batch = glide_sync.Batch(is_atomic=False)
    batch.set("pizza", "funghi")
    batch.object_encoding("pizza")
    client.exec(batch, raise_on_error=True)
    client.close()
    texts = [span["attributes"]["db.query.text"] for span in recorder.wait(5)]
    assert texts[:3] == ["SET ? ?", "CONFIG GET ?", "HSET ? ? ?"]
    assert texts[3].startswith("EVALSHA")
    assert texts[4] == "SET ? ?; OBJECT ENCODING ?"
    assert "margherita" not in repr(recorder.finished())


def words(command):
    """Return a command as the library wants it."""
    parts = command[0].split() if len(command) == 1 and isinstance(command[0], str) else command
    return [part if isinstance(part, (str, bytes)) else str(part) for part in parts]


def plain(answer):
    """Return an answer as redis-py has it."""
    return True if answer in ("OK", b"OK") else answer
