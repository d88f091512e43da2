"""hypercorn on asyncio: its ASGI and WSGI applications, HTTP/1.1 and HTTP/2."""

from __future__ import annotations

import asyncio
import importlib.metadata
import logging
import socket
from contextlib import contextmanager

import hypercorn.asyncio
import hypercorn.config
import pytest

from autotrace.testing.contracts.http_applications import asgi_application, wsgi_application
from autotrace.testing.contracts.http_server import HttpServerContract, Served, excluding, threaded
from contracts.asgi_server import AsgiServerContract
from services.ports import free_port
from waiting import answered

OLD = tuple(map(int, importlib.metadata.version("hypercorn").split(".")[:2])) < (0, 16)


@contextmanager
def serving(application):
    """Run a server for the length of a block; gives its port."""
    port = free_port()
    config = hypercorn.config.Config()
    config.bind = [f"127.0.0.1:{port}"]
    config.graceful_timeout = 0.1
    config.shutdown_timeout = 0.1
    config.errorlog = logging.getLogger("hypercorn.silent")
    config.errorlog.setLevel(logging.CRITICAL + 1)
    loop = asyncio.new_event_loop()
    stopping = []

    async def run():
        stopping.append(asyncio.Event())
        await hypercorn.asyncio.serve(application, config, shutdown_trigger=stopping[0].wait)

    def work():
        asyncio.set_event_loop(loop)
        loop.run_until_complete(run())
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()

    with threaded(work, lambda: loop.call_soon_threadsafe(stopping[0].set)):
        answered(lambda: socket.create_connection(("127.0.0.1", port), 1).close())
        yield port


class TestHypercorn(AsgiServerContract):
    """The contract, with ASGI 3."""

    scope = "hypercorn"
    tells_lost_websockets = not OLD  # hypercorn 0.14 takes no notice of the end of what it reads

    @pytest.fixture
    def served(self, recorder, instrument):
        """A running server."""
        instrument(self.scope)
        with excluding("/excluded"), serving(asgi_application) as port:
            yield Served(port, recorder)


class TestHypercornWsgi(HttpServerContract):
    """The contract, with a WSGI application; it runs in threads."""

    scope = "hypercorn"
    sees_disconnects = False
    streams = not OLD  # hypercorn 0.14 joins the pieces before it sends

    @pytest.fixture
    def served(self, recorder, instrument):
        """A running server."""
        instrument(self.scope)
        with excluding("/excluded"), serving(wsgi_application) as port:
            yield Served(port, recorder)
