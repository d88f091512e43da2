"""daphne, on the one event loop that Twisted allows a process."""

from __future__ import annotations

import copyreg
import types
from contextlib import contextmanager
from functools import partial

import daphne.server
import pytest
from twisted.internet import reactor
from twisted.internet.threads import blockingCallFromThread

from autotrace.testing.contracts.http_applications import asgi_application
from autotrace.testing.contracts.http_server import Served, excluding, threaded
from contracts.asgi_server import AsgiServerContract
from waiting import until


@pytest.fixture(scope="session")
def loop():
    """The reactor, in a thread: it runs once in the life of a process."""
    with threaded(partial(reactor.run, installSignalHandlers=False), lambda: reactor.callFromThread(reactor.stop)):
        until(lambda: reactor.running, "the reactor")
        yield
    reactor._asyncioEventloop.close()


# Twisted has bound methods pickled in a way of its own, which those of class methods do not survive.
copyreg.dispatch_table.pop(types.MethodType, None)
# txaio asks asyncio what is a coroutine function in a way that Python 3.14 warns of.
pytestmark = pytest.mark.filterwarnings("ignore:.*iscoroutinefunction.*:DeprecationWarning")


class Listening(daphne.server.Server):
    """A server that remembers what it listens on, to end that."""

    port = None

    def listen_success(self, port):
        self.port = port
        super().listen_success(port)


@contextmanager
def serving(application):
    """Run a server for the length of a block; gives its port."""
    server = Listening(application, endpoints=["tcp:port=0:interface=127.0.0.1"], signal_handlers=False)
    server.abort_start = True  # the reactor runs already
    blockingCallFromThread(reactor, server.run)
    until(lambda: server.listening_addresses, "a port")

    yield server.listening_addresses[0][1]
    blockingCallFromThread(reactor, server.port.stopListening)


class TestDaphne(AsgiServerContract):
    """The contract; what became of an application daphne looks at once a second."""

    scope = "daphne"
    holds_back = False

    @pytest.fixture
    def served(self, recorder, instrument, loop):
        """A running server."""
        instrument(self.scope)
        with excluding("/excluded"), serving(asgi_application) as port:
            yield Served(port, recorder)


def test_arguments_are_given_by_name(recorder, instrument, loop):
    """As daphne does: an application may take nothing else."""

    async def application(*, send, receive, scope):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"named"})

    instrument("daphne")
    with serving(application) as port:
        assert Served(port, recorder).ask("/")[2] == b"named"
    assert [span["scope"] for span in recorder.wait(1)] == ["daphne"]
