"""Doubles of a ClickHouse server: what two of its protocols answer to a few statements, at a loopback port.

There is no package of the server that tests could install.  These only know how to greet, how to answer a SELECT with one
number, and how to refuse; what clients send is really sent, and what they read is what a server of that revision writes.
"""

from __future__ import annotations

import socketserver
import struct
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest

from services.ports import LOOPBACK

REVISION = 50_000  # before the protocol had more in its blocks and greetings
REFUSED = "Code: 60. DB::Exception: Table shop.missing does not exist. (UNKNOWN_TABLE)"


def text(value):
    """Return a text as the native protocol has it; all lengths here are below 128."""
    return bytes([len(value)]) + value.encode()


BLOCK = bytes([1, 1]) + text("n") + text("UInt8") + bytes([7])  # a column, a row


class _Native(socketserver.BaseRequestHandler):
    def handle(self):
        self.request.recv(65536)
        self.request.sendall(bytes([0]) + text("ClickHouse") + bytes([1, 1]) + b"\xd0\x86\x03")  # 50000
        left = 0  # blocks without rows that end what is inserted: one of tables, one of rows
        while asked := self.request.recv(65536):
            self.server.asked.append(asked)
            if asked == bytes([4]):  # is it there?
                self.request.sendall(asked)
            elif b"missing" in asked:
                told = (
                    struct.pack("<i", 60)
                    + text("DB::Exception")
                    + text("Table shop.missing does not exist.")
                    + text("")
                )
                self.request.sendall(bytes([2]) + told + bytes([0]))
            elif b"INSERT" in asked:
                self.request.sendall(bytes([1, 1, 0]) + text("n") + text("UInt8"))  # which columns it takes
                left = 2
            elif b"SELECT" in asked:
                self.request.sendall(bytes([1]) + BLOCK + bytes([5]))
            if left:
                left -= asked.count(bytes([2, 0, 0]))
                if not left:
                    self.request.sendall(bytes([5]))


class _Http(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"".join(self._chunks())
        asked = "".join(parse_qs(urlsplit(self.path).query).get("query", [])) + body.decode(errors="replace")
        self.server.asked.append((asked, dict(self.headers)))
        status, answer = 200, b""
        if "missing" in asked:
            status, answer = 404, REFUSED.encode()
        elif "version()" in asked:
            answer = b"23.8.1.1\tUTC\tshop\n"
        elif "SELECT" in asked and "system." not in asked:
            answer = BLOCK if "FORMAT Native" in asked else b"7\n"
        self.send_response(status)
        self.send_header("Content-Length", str(len(answer)))
        self.send_header("X-ClickHouse-Format", "Native")
        if status != 200:
            self.send_header("X-ClickHouse-Exception-Code", "60")
        self.end_headers()
        self.wfile.write(answer)

    do_GET = do_POST

    def _chunks(self):
        if self.headers.get("Transfer-Encoding") == "chunked":
            while size := int(self.rfile.readline(), 16):
                yield self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()

    def log_message(self, *_):
        """Say nothing."""


def _served(server):
    server.daemon_threads = True
    server.asked = []
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def native():
    """A double that speaks the native protocol."""
    yield from _served(socketserver.ThreadingTCPServer((LOOPBACK, 0), _Native))


@pytest.fixture
def http():
    """A double that speaks HTTP."""
    yield from _served(ThreadingHTTPServer((LOOPBACK, 0), _Http))
