"""A real HTTP/1.1 server on a free port of the loopback interface, which remembers what it was asked.

Paths: ``/status/N`` answers N, ``/redirect`` leads to ``/status/200``, ``/flaky`` answers 503 and then 200, ``/flaky/N`` N times 503, ``/drop`` closes
the connection without an answer, ``/slow`` answers when the server ends, ``/digest`` wants digest authentication.
CONNECT is answered with 200, and the connection then leads to the server itself.
"""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Asked:
    """One request that the server got."""

    def __init__(self, method, path, headers, body):
        self.method = method
        self.path = path
        self.headers = headers
        self.body = body

    def all(self, name):
        """Return the values of every header line of a name, whatever its case."""
        return [value for key, value in self.headers if key.lower() == name.lower()]


class Origin:
    """A running server.

    Attributes:
        url: without a path.
        asked: the requests, in the order of their arrival.
        arrived: set when the first has arrived.
    """

    def __init__(self, server):
        self.port = server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.asked = server.asked
        self.arrived = server.arrived


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else each body waits 40 ms for the client to acknowledge the head

    def log_message(self, *args):
        """Be silent."""

    def handle_any(self):
        body = self._body()
        path = self.path[self.path.index("/", 8) :] if self.path.startswith("http://") else self.path
        earlier = sum(asked.path == self.path for asked in self.server.asked)
        self.server.asked.append(Asked(self.command, self.path, self.headers.items(), body))
        self.server.arrived.set()
        path = path.partition("?")[0]
        if path == "/redirect":
            self._answer(302, Location="/status/200")
        elif path == "/drop":
            self.close_connection = True
        elif path == "/slow":
            self.server.released.wait(30)
            self.close_connection = True
        elif path == "/flaky":
            self._answer(200 if earlier else 503)
        elif path.startswith("/flaky/"):
            self._answer(200 if earlier >= int(path[len("/flaky/") :]) else 503)
        elif path == "/digest" and "Authorization" not in self.headers:
            self._answer(401, **{"WWW-Authenticate": 'Digest realm="r", nonce="n", qop="auth", algorithm=MD5'})
        elif path.startswith("/status/"):
            self._answer(int(path[len("/status/") :]))
        else:
            self._answer(200)

    do_GET = do_POST = do_PUT = do_HEAD = do_PURGE = handle_any

    def do_CONNECT(self):
        self.server.asked.append(Asked("CONNECT", self.path, self.headers.items(), b""))
        self.send_response(200)
        self.end_headers()
        self.close_connection = False

    def _body(self):
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return body
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def _answer(self, status, **headers):
        body = b"" if status in (204, 304) or self.command == "HEAD" else b"hello"
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        """Be silent: a client that goes away is what some tests are about."""


@contextmanager
def serving():
    """Yield a running Origin."""
    server = _Server(("127.0.0.1", 0), _Handler)
    server.asked = []
    server.arrived, server.released = threading.Event(), threading.Event()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield Origin(server)
    finally:
        server.released.set()
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def refusing():
    """Yield the URL of a port at which nobody listens, and nobody else will while it is in use here."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{holder.getsockname()[1]}"
