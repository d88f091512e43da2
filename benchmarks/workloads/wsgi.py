"""A request as a WSGI server hands it to an application."""

from __future__ import annotations

import io

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

_ENVIRON = {
    "REQUEST_METHOD": "GET",
    "SCRIPT_NAME": "",
    "QUERY_STRING": "size=large",
    "SERVER_NAME": "127.0.0.1",
    "SERVER_PORT": "8000",
    "SERVER_PROTOCOL": "HTTP/1.1",
    "REMOTE_ADDR": "127.0.0.1",
    "REMOTE_PORT": "50000",
    "HTTP_HOST": "127.0.0.1:8000",
    "HTTP_USER_AGENT": "benchmark",
    "HTTP_ACCEPT": "*/*",
    "wsgi.version": (1, 0),
    "wsgi.url_scheme": "http",
    "wsgi.input": io.BytesIO(),
    "wsgi.errors": io.StringIO(),
    "wsgi.multithread": False,
    "wsgi.multiprocess": False,
    "wsgi.run_once": False,
}


def _start_response(status: str, _headers: list[Any], _exc_info: object = None) -> None:
    assert status == "200 OK"


def ask(application: Callable[..., Iterable[bytes]], number: int) -> None:
    """Ask for one item of the menu, which answers with its number."""
    body: Any = application({**_ENVIRON, "PATH_INFO": f"/menu/{number}"}, _start_response)
    assert b"".join(body) == b"%d" % number
    if hasattr(body, "close"):
        body.close()
