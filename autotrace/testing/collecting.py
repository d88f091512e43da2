"""An OTLP receiver on loopback that keeps what it is sent."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


class Handler(BaseHTTPRequestHandler):
    """Keeps heads and bodies in its server's ``heads`` and ``bodies``."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        self.server.heads.append(str(self.headers).encode())
        self.server.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(200)
        self.send_header("Content-Type", "application/x-protobuf")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        """Say nothing."""


class Collector:
    """What was received.

    Attributes:
        url: the endpoint, without a path.
        heads: the headers of each request, as bytes.
        bodies: the body of each request.
    """

    def __init__(self, server):
        self.url = f"http://127.0.0.1:{server.server_port}"
        self.heads, self.bodies = server.heads, server.bodies

    def requests(self):
        """Return the requests, decoded by the official classes."""
        return [ExportTraceServiceRequest.FromString(body) for body in self.bodies]

    def spans(self):
        """Return the spans of all requests."""
        groups = [group for request in self.requests() for one in request.resource_spans for group in one.scope_spans]
        return [span for group in groups for span in group.spans]


@contextmanager
def collecting():
    """Receive OTLP for the length of a block; yields a Collector."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.heads, server.bodies = [], []
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield Collector(server)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
