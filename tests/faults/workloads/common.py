"""What the workloads share."""

from __future__ import annotations

import asyncio
import http.server
import logging
import re
import threading
from contextlib import contextmanager


def outcome(call, *args, **kwargs):
    """Return what a call returns, or its exception's type and text, with those that led to it."""
    try:
        return call(*args, **kwargs)
    except Exception as error:
        return _told(error)


async def awaited(call, *args, **kwargs):
    """Return what a coroutine function returns, or its exception; see ``outcome``."""
    try:
        return await call(*args, **kwargs)
    except Exception as error:
        return _told(error)


def _told(error):
    told = []
    while error is not None:
        told.append(f"{type(error).__name__}: {stable(error)}")
        error = error.__cause__ or error.__context__
    return told


def stable(error):
    """Return an exception's text without what no two runs share: addresses, and names that are made up."""
    return re.sub(r"(0x|faults-)[0-9a-f]+", r"\1", str(error))


INCOMING = {
    "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    "tracestate": "vendor=1",
    "baggage": "tenant=acme;private",
    "x-forwarded-for": "10.0.0.1, 10.0.0.2",
    "user-agent": "tests",
}


NOBODY = "http://127.0.0.1:9/"


class Origin(http.server.BaseHTTPRequestHandler):
    """Answers by the path."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else each body waits 40 ms for the client to acknowledge the head

    def do_GET(self):
        """Answer with a status, a redirect, or nothing."""
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.path == "/gone":
            self.close_connection = True
            return
        status = int(self.path[1:4])
        self.send_response(status)
        if status == 302:
            self.send_header("Location", "/200")
        self.send_header("Content-Length", "5")
        self.end_headers()
        self.wfile.write(b"pizza")

    do_POST = do_GET

    def log_message(self, *_):
        """Say nothing."""


@contextmanager
def origin():
    """Run a server that is not traced; yields its base URL."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Origin)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def silenced(*loggers):
    """Keep to themselves what libraries say on purpose of a failure that the workload wants."""
    for name in loggers:
        logging.getLogger(name).propagate = False
        logging.getLogger(name).addHandler(logging.NullHandler())
    yield


@contextmanager
def loop():
    """An event loop for all runs; yields a function that runs coroutine functions in it."""
    made = asyncio.new_event_loop()

    def run(function, *args):
        return made.run_until_complete(function(*args))

    try:
        yield run
    finally:
        made.close()
