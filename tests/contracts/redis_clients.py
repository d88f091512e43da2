"""What holds for redis-py and for valkey, sync and asyncio: the contract of command clients, through their own classes."""

from __future__ import annotations

import asyncio
from importlib import import_module

from contracts.db_commands import DbCommandsContract


class Library:
    """One of the two.

    Args:
        name: its package.
        client: the name of its class of clients.
    """

    def __init__(self, name, client):
        self.name, self.client = name, client

    def part(self, module):
        """Return a module of it."""
        return import_module(f"{self.name}.{module}")

    def clients(self, where="", kind=""):
        """Return a class of clients: of where (``asyncio.``), and of which kind (``Cluster``)."""
        return getattr(self.part(f"{where}{kind.lower() or 'client'}"), f"{self.client}{kind}")

    def once(self, where=""):
        """Return what has a client not try again."""
        return self.part(f"{where}retry").Retry(self.part("backoff").NoBackoff(), 0)


class CommandsContract(DbCommandsContract):
    """The contract, through a synchronous client; ``library`` is a Library."""

    library = None

    def __init_subclass__(cls):
        """Say what errors the library has."""
        if cls.library is not None:
            exceptions = cls.library.part("exceptions")
            cls.errors, cls.system = exceptions.__name__, cls.library.name
            cls.wrong_type = exceptions.ResponseError
            cls.connection_error = exceptions.ConnectionError
            cls.timeout_error = exceptions.TimeoutError

    def open(self, server, port=None, timeout=None, **options):
        options.setdefault("retry", self.library.once())
        return self.library.clients()(server.host, port or server.port, socket_timeout=timeout, **options)

    def run(self, client, *command):
        return client.execute_command(*command)

    def run_many(self, client, commands, transaction=False):
        with client.pipeline(transaction=transaction) as pipeline:
            for command in commands:
                pipeline.execute_command(*command)
            return pipeline.execute()

    def close(self, client):
        client.close()
        client.connection_pool.disconnect()

    def patched(self):
        client = self.library.part("client")
        return [
            self.library.clients().execute_command,
            client.Pipeline.execute,
            client.PubSub.execute_command,
            self.library.clients(kind="Cluster").execute_command,
        ]


class SubclassContract(CommandsContract):
    """The contract, through a class of the program's own, with one connection for all."""

    def open(self, server, port=None, timeout=None, **options):
        class Own(self.library.clients()):
            def execute_command(self, *args, **kwargs):
                return super().execute_command(*args, **kwargs)

        return Own(
            server.host,
            port or server.port,
            socket_timeout=timeout,
            retry=self.library.once(),
            single_connection_client=port is None,  # older ones connect at once
        )


class AsyncClient:
    """An asynchronous client and its loop."""

    def __init__(self, make):
        self.loop = asyncio.new_event_loop()

        async def inside():
            return make()

        self.client = self.loop.run_until_complete(inside())


class AsyncCommandsContract(CommandsContract):
    """The contract, through the asyncio variant.

    Attributes:
        clusters: whether this version has asynchronous ones.
    """

    clusters = True

    def open(self, server, port=None, timeout=None):
        return AsyncClient(
            lambda: self.library.clients("asyncio.")(
                host=server.host,
                port=port or server.port,
                socket_timeout=timeout,
                retry=self.library.once("asyncio."),
            )
        )

    def run(self, client, *command):
        return client.loop.run_until_complete(client.client.execute_command(*command))

    def run_many(self, client, commands, transaction=False):
        async def batch():
            async with client.client.pipeline(transaction=transaction) as pipeline:
                for command in commands:
                    pipeline.execute_command(*command)
                return await pipeline.execute()

        return client.loop.run_until_complete(batch())

    def close(self, client):
        client.loop.run_until_complete(closed(client.client))
        client.loop.close()

    def patched(self):
        client = self.library.part("asyncio.client")
        found = [
            self.library.clients("asyncio.").execute_command,
            client.Pipeline.execute,
            client.PubSub.execute_command,
        ]
        if self.clusters:
            found += [self.library.clients("asyncio.", "Cluster").execute_command]
        return found


async def closed(client):
    """Close an asynchronous client."""
    await (client.aclose() if hasattr(client, "aclose") else client.close())
    if hasattr(client, "connection_pool"):
        await client.connection_pool.disconnect()
