"""granian: ASGI in this process, where it can be embedded; all its interfaces in workers are in tests/process."""

from __future__ import annotations

import asyncio
import importlib.metadata
import socket
from contextlib import contextmanager

import granian.asgi
import pytest
from granian.constants import Interfaces
from granian.server import embed

from autotrace.testing.contracts.http_applications import asgi_application
from autotrace.testing.contracts.http_server import Served, excluding, threaded
from contracts.asgi_server import AsgiServerContract
from services.ports import free_port
from waiting import answered

VERSION = tuple(map(int, importlib.metadata.version("granian").split(".")[:2]))
# An embedded one forgets a coroutine of its own when it stops.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@contextmanager
def serving(application):
    """Run a server for the length of a block; gives its port."""
    port = free_port()
    loop = asyncio.new_event_loop()
    made = []

    def work():
        asyncio.set_event_loop(loop)
        options = {"address": "127.0.0.1", "port": port, "interface": Interfaces.ASGI, "log_enabled": False}
        made.append(embed.Server(application, **options))
        loop.run_until_complete(made[0].serve())
        loop.close()

    with threaded(work, lambda: loop.call_soon_threadsafe(made[0].stop)):
        answered(lambda: socket.create_connection(("127.0.0.1", port), 1).close())
        yield port


class TestGranian(AsgiServerContract):
    """The contract, with ASGI."""

    scope = "granian"
    holds_back = False
    tells_lost_websockets = VERSION >= (2, 3)  # before, it raises an error of its own in the application

    @pytest.fixture
    def served(self, recorder, instrument, monkeypatch):
        """A running server."""
        instrument(self.scope)
        # A traced program has it patched before this name is bound to it.
        monkeypatch.setattr(embed, "_asgi_call_wrap", granian.asgi._callback_wrapper)
        with excluding("/excluded"), serving(asgi_application) as port:
            yield Served(port, recorder)

    @pytest.mark.skipif(VERSION < (2, 2), reason="granian before 2.2 gives the decoded path as the raw one")
    def test_the_path_is_as_it_was_asked_for(self, served):
        """Percent signs and all."""
        super().test_the_path_is_as_it_was_asked_for(served)
