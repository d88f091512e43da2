"""waitress, with its own way of sending files."""

from __future__ import annotations

import logging
from contextlib import contextmanager

import pytest
import waitress.server

from autotrace.testing.contracts.http_applications import wsgi_application
from autotrace.testing.contracts.http_server import HttpServerContract, Served, excluding, threaded

# It leaves the files in which it keeps large requests to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

CONTENT = bytes(range(256)) * 1024


@contextmanager
def serving(application, **settings):
    """Run a server for the length of a block; gives its port."""
    logging.getLogger("waitress").setLevel(logging.CRITICAL)
    sockets = {}
    server = waitress.server.create_server(
        application, map=sockets, host="127.0.0.1", port=0, clear_untrusted_proxy_headers=False, **settings
    )

    def run():
        while not stopped:
            server.asyncore.loop(timeout=0.02, map=sockets, count=1, use_poll=True)
        server.task_dispatcher.shutdown()
        server.asyncore.close_all(sockets)

    stopped = []
    with threaded(run, lambda: stopped.append(True)):
        yield int(server.effective_port)


class TestWaitress(HttpServerContract):
    """The contract, with the default of four threads."""

    scope = "waitress"

    @pytest.fixture
    def served(self, recorder, instrument):
        """A running server."""
        instrument(self.scope)
        with excluding("/excluded"), serving(wsgi_application, outbuf_high_watermark=1) as port:
            yield Served(port, recorder)


def test_a_file_goes_its_own_way(recorder, instrument, tmp_path):
    """What `wsgi.file_wrapper` made reaches the server as it is: the length is known, and the bytes are the file's."""
    (tmp_path / "file").write_bytes(CONTENT)

    def application(environ, start_response):
        start_response("200 OK", [])
        return environ["wsgi.file_wrapper"]((tmp_path / "file").open("rb"))

    instrument("waitress")
    with serving(application) as port:
        _, headers, body = Served(port, recorder).ask("/file")
    assert (headers["content-length"], body == CONTENT) == (str(len(CONTENT)), True)
    (span,) = recorder.wait(1)
    assert span["attributes"]["http.response.status_code"] == 200


def test_a_body_of_one_piece_has_its_length(recorder, instrument):
    """A body that is no list but knows its length is sent with it, as without us."""

    class One:
        def __len__(self):
            return 1

        def __iter__(self):
            return iter([b"whole"])

    def application(environ, start_response):
        start_response("200 OK", [])
        return One()

    instrument("waitress")
    with serving(application) as port:
        _, headers, body = Served(port, recorder).ask("/")
    assert (headers["content-length"], body) == ("5", b"whole")
