"""uvicorn in a thread: a real server for whatever is tested with ASGI applications."""

from __future__ import annotations

import logging
import socket
from contextlib import contextmanager

import uvicorn

from autotrace.testing.contracts.http_server import threaded
from waiting import until

INSTRUMENTORS = ("uvicorn", "uvicorn_h11", "uvicorn_wsproto")  # what traces that server


@contextmanager
def serving(application, **settings):
    """Run a server for the length of a block; gives its port."""
    logging.getLogger("uvicorn").handlers = []
    settings = {"http": "h11", "ws": "wsproto", "loop": "asyncio", **settings}
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = uvicorn.Server(uvicorn.Config(application, log_config=None, log_level="critical", **settings))

        def stop():
            server.should_exit = True

        with threaded(lambda: server.run(sockets=[listening]), stop):
            until(lambda: server.started, "the server to start")
            yield listening.getsockname()[1]
