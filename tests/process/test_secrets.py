"""No secret is in any byte that leaves the process, by default: looked for in the bytes themselves."""

from __future__ import annotations

import http.server
import re
import threading
from pathlib import Path

import pytest

APP = Path(__file__).with_name("secrets_app.py")


@pytest.fixture
def collector():
    """An OTLP receiver that keeps every byte that comes in, heads included; yields its URL and the bytes."""
    kept = bytearray()

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            kept.extend(str(self.headers).encode() + self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}", kept
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.timeout(300)
def test_a_run_full_of_secrets_leaves_none(machine, collector, redis_server, kafka_broker):
    """URLs, headers, cookies, bodies, literals, parameters, values of Redis, messages, and exceptions that quote them."""
    endpoint, sent = collector
    done = machine.python(
        str(APP),
        str(redis_server.port),
        kafka_broker.bootstrap,
        environ={"AUTOTRACE_EXPORTERS": "inbox,otlp", "AUTOTRACE_ENDPOINT": endpoint},
        timeout=200,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert int(done.stdout) > 100
    stored = b"".join(file.read_bytes() for file in (machine.data / "inbox").iterdir())
    for kept in (bytes(sent), stored):
        # All families were at work, and their failures were told.
        for sign in (b"REDACTED", b"kept=1", b"people", b"INCRBY ?", b"secrets", b"IntegrityError", b"ResponseError"):
            assert sign in kept
        for scope in b"requests httpx urllib3 http_client aiohttp_client aiohttp_server werkzeug uvicorn kafka".split():
            assert b"autotrace." + scope in kept
        leaks = {match.decode("latin-1") for match in re.findall(rb"[ -~]{0,60}(?i:hush)[ -~]{0,40}", kept)}
        assert not leaks
