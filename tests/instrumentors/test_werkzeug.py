"""Werkzeug's development server."""

from __future__ import annotations

import logging

import pytest
from werkzeug.debug import DebuggedApplication
from werkzeug.serving import make_server

from autotrace.testing.contracts.http_applications import wsgi_application
from autotrace.testing.contracts.http_server import HttpServerContract, Served, excluding, threaded


@pytest.fixture(autouse=True)
def quiet():
    """Keep the server's log off the output."""
    logger = logging.getLogger("werkzeug")
    before, logger.level = logger.level, logging.CRITICAL
    yield
    logger.level = before


class TestWerkzeug(HttpServerContract):
    """The contract, with a thread for each request."""

    scope = "werkzeug"

    @pytest.fixture
    def served(self, recorder, instrument):
        """A running server."""
        instrument(self.scope)
        server = make_server("127.0.0.1", 0, wsgi_application, threaded=True)
        with excluding("/excluded"), threaded(lambda: server.serve_forever(0.02), server.shutdown):
            yield Served(server.port, recorder)


def test_the_servers_application_is_still_the_programs(instrument):
    """What the server keeps answers for the application in every way but identity."""
    instrument("werkzeug")
    application = DebuggedApplication(wsgi_application, evalex=True)
    server = make_server("127.0.0.1", 0, application)
    server.server_close()
    assert isinstance(server.app, DebuggedApplication)
    assert server.app.evalex is True
    assert server.app == application


@pytest.mark.process
def test_the_debugger_is_within_the_span(recorder, instrument):
    """A page of the debugger is a server error of the application that it wraps."""
    instrument("werkzeug")
    server = make_server("127.0.0.1", 0, DebuggedApplication(wsgi_application), threaded=True)
    with threaded(lambda: server.serve_forever(0.02), server.shutdown):
        status, _, body = Served(server.port, recorder).ask("/fail")
    assert (status, b"ValueError" in body) == (500, True)
    (span,) = recorder.wait(1)
    assert (span["status"], span["attributes"]["error.type"]) == ("ERROR", "500")
