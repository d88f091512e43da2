"""The page's server: to whom it answers, and what it sends with each answer."""

from __future__ import annotations

import socket

import pytest

from autotrace.web.answers import Answers
from autotrace.web.server import Server


def test_it_listens_on_this_machine_only(server):
    """No other machine reaches it, and its address says where it is."""
    assert server.socket.getsockname()[0] == "127.0.0.1"
    assert server.url == f"http://127.0.0.1:{server.server_port}/"


@pytest.mark.parametrize("path", ["/", "/api/state", "/app.js", "/nothing"])
@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:{port}", "127.0.0.1", "localhost.evil.example:{port}", "", None]
)
def test_a_name_that_is_not_ours_gets_nothing(ask, server, host, path):
    """DNS rebinding: another page's own name leads here, and reads nothing."""
    answer = ask(path, Host=host and host.format(port=server.server_port))
    assert answer.status == 421
    assert answer.told == {"error": f"this is {server.url}"}


@pytest.mark.parametrize("host", ["127.0.0.1:{port}", "localhost:{port}", "LocalHost:{port}"])
def test_our_names_are_answered(ask, server, host):
    """By address and as localhost."""
    assert ask("/api/state", Host=host.format(port=server.server_port)).status == 200


def test_two_hosts_are_refused(server):
    """Whoever looks at the first and whoever looks at the last must not disagree."""
    with socket.create_connection(("127.0.0.1", server.server_port), timeout=60) as connection:
        ours = f"127.0.0.1:{server.server_port}"
        connection.sendall(f"GET /api/state HTTP/1.1\r\nHost: {ours}\r\nHost: evil.example\r\n\r\n".encode())
        assert connection.recv(100).startswith(b"HTTP/1.0 421")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_there_is_nothing_to_write(ask, method):
    """Only reading is understood."""
    assert ask("/api/traces", method).status == 501


def test_another_page_may_not_ask(ask):
    """Browsers say who asks."""
    assert ask("/api/state", Sec_Fetch_Site="cross-site").status == 403
    assert ask("/api/state", Sec_Fetch_Site="same-origin").status == 200
    assert ask("/", Sec_Fetch_Site="cross-site").status == 200  # a link from elsewhere


@pytest.mark.parametrize("path", ["/", "/app.js", "/api/state", "/api/nothing"])
def test_every_answer_shuts_the_page_in(ask, path):
    """No script but ours, no frame around it, nothing kept, and no word on CORS."""
    headers = ask(path).headers
    assert headers["Content-Security-Policy"].startswith("default-src 'none'; script-src 'self'")
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert (headers["X-Content-Type-Options"], headers["Cache-Control"]) == ("nosniff", "no-store")
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert headers["Access-Control-Allow-Origin"] is None


@pytest.mark.parametrize("path", ["/../server.py", "/..%2fserver.py", "/page/app.js", "//etc/passwd", "/api", "/api/"])
def test_no_path_leads_to_the_disk(ask, path):
    """Only the page's own files are there, by name."""
    assert ask(path).status == 404


def test_head_sends_no_body(ask):
    """But the same headers."""
    answer = ask("/api/state", "HEAD")
    assert (answer.status, answer.body) == (200, b"")
    assert int(answer.headers["Content-Length"]) > 10


def test_a_taken_port_is_an_error(server, data):
    """The command says so."""
    with pytest.raises(OSError, match="in use"):
        Server(Answers(data), server.server_port)
