"""What is different in the contract of database clients where the database is ClickHouse; and doubles of its server.

The server that a package brings is of 2018.  What newer ones answer otherwise, and what clients say to one that is not well, is
tried at the doubles: these only know how to greet, how to answer a SELECT with one number, and how to refuse; what clients send
is really sent, and what they read is what a server of that revision writes.
"""

from __future__ import annotations

import http.client
import re
import socketserver
import struct
import threading
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest

from autotrace.testing.contracts.db_client import DbClientContract, Work
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


class _Asked(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def _body(self):
        return self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"".join(self._chunks())

    def _chunks(self):
        if self.headers.get("Transfer-Encoding") == "chunked":
            while size := int(self.rfile.readline(), 16):
                yield self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()

    def log_message(self, *_):
        """Say nothing."""


class _Http(_Asked):
    def do_POST(self):
        body = self._body()
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


class _Front(_Asked):
    """Hands on what it is asked to the real server, which does not know a column that clients ask for as they begin."""

    def do_POST(self):
        body = re.sub(rb"value, readonly( as readonly)? FROM", b"value, 0 AS readonly FROM", self._body())
        own = ("host", "content-length", "transfer-encoding", "connection", "keep-alive")
        with Work(sampled=False), closing(http.client.HTTPConnection(LOOPBACK, self.server.behind)) as connection:
            headers = {name: value for name, value in self.headers.items() if name.lower() not in own}
            connection.request(self.command, self.path, body, headers)
            answer = connection.getresponse()
            content = answer.read()
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in own:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST


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
def double():
    """A double that speaks HTTP."""
    yield from _served(ThreadingHTTPServer((LOOPBACK, 0), _Http))


@pytest.fixture
def front(clickhouse):
    """The real server's interface over HTTP."""
    server = ThreadingHTTPServer((LOOPBACK, 0), _Front)
    server.behind = clickhouse.http_port
    yield from _served(server)


def ask(server, statement):
    """Send a statement over HTTP, outside of all tracing; returns the answer's text."""
    with Work(sampled=False), closing(http.client.HTTPConnection(server.host, server.http_port)) as connection:
        connection.request("POST", "/", statement)
        answer = connection.getresponse()
        content = answer.read().decode()
    assert answer.status == 200, content
    return content.strip()


class ClickHouseContract(DbClientContract):
    """The contract, at a server."""

    system = "clickhouse"
    mark = "%(value)s"
    code = "47"  # UNKNOWN_IDENTIFIER

    def server(self):
        return {"server.address": LOOPBACK, "server.port": self.port}

    @pytest.fixture
    def path(self, clickhouse, worker_id):
        """The name of a database with a table of songs."""
        name, self.port = f"songs_{worker_id}", clickhouse.port
        ask(clickhouse, f"DROP DATABASE IF EXISTS {name}")
        ask(clickhouse, f"CREATE DATABASE {name}")
        ask(clickhouse, f"CREATE TABLE {name}.songs (id UInt32, title String) ENGINE = Memory")
        ask(clickhouse, f"INSERT INTO {name}.songs VALUES (1, 'One')")
        return name

    def test_a_batch_is_one_span_with_its_size(self, db, path, recorder):
        """Rows are one INSERT, however many there are, and the library reads them as it sends them."""
        rows = [(10, "Ten"), (11, "Eleven"), (12, "Twelve")]
        self.run_many(db, "INSERT INTO songs (id, title) VALUES", rows)
        [span] = recorder.wait(1)
        assert span["name"].startswith("INSERT ")
        assert span["attributes"]["db.operation.name"] == "INSERT"
        assert "db.operation.batch.size" not in span["attributes"]
        recorder.clear()
        assert self.run(db, "SELECT count(*) FROM songs") == [(4,)]
