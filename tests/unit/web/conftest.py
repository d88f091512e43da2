"""The page's server on a free port, over a data directory of its own."""

from __future__ import annotations

import json
import threading
from http.client import HTTPConnection

import pytest

from autotrace.web.answers import Answers
from autotrace.web.server import Server
from unit.store.pizza import deliver


@pytest.fixture
def data(tmp_path):
    """A data directory with one order in its inbox."""
    deliver(tmp_path / "data" / "inbox")
    return tmp_path / "data"


@pytest.fixture
def server(data):
    """The server, running."""
    with Server(Answers(data)) as made:
        thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield made
        made.shutdown()
        thread.join()


class Answer:
    """What came back."""

    def __init__(self, response):
        self.status, self.headers, self.body = response.status, response.headers, response.read()

    @property
    def told(self):
        """The body as JSON."""
        return json.loads(self.body)


@pytest.fixture
def ask(server):
    """Ask the server something; headers as they are given, `Host` by default that of a browser."""

    def asked(path, method="GET", **headers):
        connection = HTTPConnection("127.0.0.1", server.server_port, timeout=60)
        try:
            connection.putrequest(method, path, skip_host=True)
            for name, value in {"Host": f"127.0.0.1:{server.server_port}", **headers}.items():
                if value is not None:
                    connection.putheader(name.replace("_", "-"), value)
            connection.endheaders()
            return Answer(connection.getresponse())
        finally:
            connection.close()

    return asked
