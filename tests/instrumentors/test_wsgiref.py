"""wsgiref's server, and what its handlers may expect of a WSGI application."""

from __future__ import annotations

import wsgiref.simple_server

import pytest

from autotrace.testing.contracts.http_applications import wsgi_application
from autotrace.testing.contracts.http_server import HttpServerContract, Served, excluding, threaded


class QuietHandler(wsgiref.simple_server.WSGIRequestHandler):
    """Logs nothing, and lets the client decide about the protocol."""

    def log_message(self, *args):
        """Say nothing."""

    def get_stderr(self):
        """Return where the application's exceptions are printed to."""
        return self.server.errors


class TestWsgiref(HttpServerContract):
    """The contract, with the standard library's server."""

    scope = "wsgiref"

    @pytest.fixture
    def served(self, recorder, instrument, tmp_path):
        """A running server."""
        instrument(self.scope)
        with excluding("/excluded"), (tmp_path / "errors").open("w") as errors:
            server = wsgiref.simple_server.make_server("127.0.0.1", 0, wsgi_application, handler_class=QuietHandler)
            server.errors = errors
            with server, threaded(lambda: server.serve_forever(0.02), server.shutdown):
                yield Served(server.server_port, recorder)
