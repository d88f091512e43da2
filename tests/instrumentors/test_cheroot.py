"""cheroot, which is CherryPy's server and one of its own."""

from __future__ import annotations

import gc
from contextlib import contextmanager

import cheroot.wsgi
import pytest

from autotrace.testing.contracts.http_applications import wsgi_application
from autotrace.testing.contracts.http_server import HttpServerContract, Served, excluding, threaded

# What it could not send to a client that went away it leaves to the garbage collector, which cannot either.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@contextmanager
def serving(application):
    """Run a server for the length of a block; gives its port."""
    server = cheroot.wsgi.Server(("127.0.0.1", 0), application, numthreads=4, shutdown_timeout=1)
    server.error_log = lambda *_args, **_kwargs: None
    server.expiration_interval = 0.05  # so often it looks whether it is to stop
    server.prepare()
    with threaded(server.serve, server.stop):
        yield server.bind_addr[1]
    gc.collect()


class TestCheroot(HttpServerContract):
    """The contract, with its pool of threads."""

    scope = "cheroot"

    @pytest.fixture
    def served(self, recorder, instrument):
        """A running server."""
        instrument(self.scope)
        with excluding("/excluded"), serving(wsgi_application) as port:
            yield Served(port, recorder)


def test_applications_beneath_a_path(recorder, instrument):
    """The dispatcher is the application: what it calls is within its span."""
    instrument("cheroot")
    with serving(cheroot.wsgi.PathInfoDispatcher({"/shop": wsgi_application})) as port:
        served = Served(port, recorder)
        assert served.ask("/nowhere")[0] == 404
        assert served.ask("/shop/client-error")[0] == 404
    assert [span["attributes"]["url.path"] for span in recorder.wait(2)] == ["/nowhere", "/shop/client-error"]
