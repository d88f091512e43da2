"""A real HTTP server on loopback that answers as it is told and keeps what it was sent."""

from __future__ import annotations

import gzip
import socket
import ssl
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

CERTIFICATE = str(Path(__file__).parent / "certificates" / "localhost.pem")
KEY = str(Path(__file__).parent / "certificates" / "localhost.key")


class Answer:
    """What the server does with one request."""

    def __init__(self, status=200, headers=None, body=b"", hang_up=False, hold=None, torn=False):
        self.status = status
        self.headers = {"Content-Type": "application/x-protobuf", **(headers or {})}
        self.body = body
        self.hang_up = hang_up  # close without a word
        self.hold = hold  # an Event to wait for before answering
        self.torn = torn  # promise more than is sent


class Received:
    """One request as it came in."""

    def __init__(self, handler, body):
        self.path = handler.path
        self.headers = handler.headers
        self.raw = body
        self.body = gzip.decompress(body) if handler.headers.get("Content-Encoding") == "gzip" else body
        self.peer = handler.client_address


class Receiver:
    """The server: ``answers`` are used up in order, then it is content with everything."""

    def __init__(self, tls=None):
        receiver = self
        self.answers, self.received = [], []
        self.arrived = threading.Condition()

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = 20

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                with receiver.arrived:
                    receiver.received.append(Received(self, body))
                    answer = receiver.answers.pop(0) if receiver.answers else Answer()
                    receiver.arrived.notify_all()
                if answer.hold is not None:
                    answer.hold.wait(20)
                if answer.hang_up:
                    self.close_connection = True
                    return
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(answer.body) + 100 * answer.torn))
                self.end_headers()
                self.wfile.write(answer.body)
                if answer.torn:
                    self.close_connection = True

            def log_message(self, *_):
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_):
                pass  # the client went away, as some tests want it to

        self.server = Server(("127.0.0.1", 0), Handler)
        if tls is not None:
            self.server.socket = tls.wrap_socket(self.server.socket, server_side=True)
        self.port = self.server.server_address[1]

    def wait(self, count):
        """Wait until so many requests have come in."""
        with self.arrived:
            assert self.arrived.wait_for(lambda: len(self.received) >= count, 10), f"{len(self.received)} requests came"


@contextmanager
def running(tls=None):
    """Run a receiver for the length of a block."""
    receiver = Receiver(tls)
    thread = threading.Thread(target=receiver.server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield receiver
    finally:
        receiver.server.shutdown()
        thread.join()
        receiver.server.server_close()


def tls_server(clients=False):
    """Return a server's TLS context; with ``clients`` it wants a certificate of theirs, too."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE, KEY)
    if clients:
        context.load_verify_locations(CERTIFICATE)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


@contextmanager
def scripted(talk):
    """Run ``talk(connection, number)`` for each connection to a bare socket; yield its port and the count of them."""
    listener = socket.create_server(("127.0.0.1", 0))
    connections = []

    def accept():
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            connections.append(connection)
            try:
                talk(connection, len(connections))
            except OSError:
                pass  # the client went away, as some tests want it to

    thread = threading.Thread(target=accept)
    thread.start()
    try:
        yield listener.getsockname()[1], connections
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for connection in connections:
            connection.close()
        thread.join()
