"""Serves the page to this machine alone.

It listens on the loopback address, which keeps other machines out but not other web pages in the same browser:
a page of somebody else's may point a name of its own at 127.0.0.1 (DNS rebinding) and would then count as the same
origin. So every request must name this server by its address or as localhost in its `Host` header. There is
nothing to write: only GET and HEAD are answered. All that is shown comes from other programs, so the page may run
no script but its own (Content-Security-Policy), and builds its contents as text.
"""

from __future__ import annotations

import json
import sqlite3
import sys
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, unquote, urlsplit

from autotrace.store.queries import AmbiguousTraceError, UnknownTraceError
from autotrace.store.schema import StoreError

if TYPE_CHECKING:
    from typing import Any

    from autotrace.web.answers import Answers

ADDRESS = "127.0.0.1"
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
}
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class Server(ThreadingHTTPServer):
    """The page's server; `url` says where.

    Args:
        answers: who answers the page's questions.
        port: 0 takes a free one.

    Raises:
        OSError: the port is taken, or not to be had.
    """

    daemon_threads = True

    def __init__(self, answers: Answers, port: int = 0) -> None:
        super().__init__((ADDRESS, port), _Handler)
        self.answers = answers
        self.hosts = {f"{name}:{self.server_port}" for name in (ADDRESS, "localhost")}
        if self.server_port == 80:
            self.hosts |= {ADDRESS, "localhost"}
        # Read once and by name, so that no path of a request ever becomes a path of the disk.
        page = Path(__file__).parent / "page"
        self.files = {"/" + file.name: (TYPES[file.suffix], file.read_bytes()) for file in page.iterdir()}
        self.files["/"] = self.files["/index.html"]

    @property
    def url(self) -> str:
        """Where the page is."""
        return f"http://{ADDRESS}:{self.server_port}/"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a browser that went away; anything else is told."""
        if not isinstance(sys.exc_info()[1], (ConnectionError, TimeoutError)):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    server: Server
    server_version, sys_version = "autotrace", ""
    timeout = 30

    def do_GET(self) -> None:
        """Answer with a file of the page, or with JSON."""
        hosts = self.headers.get_all("Host") or []
        if len(hosts) != 1 or hosts[0].lower() not in self.server.hosts:
            self._tell(HTTPStatus.MISDIRECTED_REQUEST, {"error": f"this is {self.server.url}"})
            return
        parts = urlsplit(self.path)
        if parts.path in self.server.files:
            self._send(HTTPStatus.OK, *self.server.files[parts.path])
        elif parts.path.startswith("/api/"):
            if self.headers.get("Sec-Fetch-Site", "same-origin") not in {"same-origin", "none"}:
                self._tell(HTTPStatus.FORBIDDEN, {"error": "asked by another page"})
                return
            self._tell(*self._answer(unquote(parts.path[5:]), dict(parse_qsl(parts.query))))
        else:
            self._tell(HTTPStatus.NOT_FOUND, {"error": "nothing is here"})

    do_HEAD = do_GET  # noqa: N815 its name there

    def _answer(self, path: str, query: dict[str, str]) -> tuple[HTTPStatus, dict[str, Any]]:
        try:
            return HTTPStatus.OK, self.server.answers.answer(path, query)
        except (UnknownTraceError, AmbiguousTraceError) as error:
            return HTTPStatus.NOT_FOUND, {"error": str(error)}
        except LookupError:
            return HTTPStatus.NOT_FOUND, {"error": "nothing is here"}
        except ValueError as error:
            return HTTPStatus.BAD_REQUEST, {"error": str(error)}
        except (StoreError, sqlite3.Error) as error:
            return HTTPStatus.SERVICE_UNAVAILABLE, {"error": str(error)}

    def _tell(self, status: HTTPStatus, told: dict[str, Any]) -> None:
        self._send(status, "application/json", json.dumps(told, ensure_ascii=True).encode())

    def _send(self, status: HTTPStatus, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in HEADERS.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002 its name there
        """Keep the terminal free."""
