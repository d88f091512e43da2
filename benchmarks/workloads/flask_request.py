"""A request to a Flask application, called as a WSGI server calls it."""

import io
from itertools import islice

from chunks import numbers, serve
from flask import Flask

app = Flask("pizzeria")


@app.route("/menu/<name>")
def menu(name: str) -> str:
    return name


ENVIRON = {
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

NUMBERS = numbers()


def start_response(status: str, _headers: list, _exc_info: object = None) -> None:
    assert status == "200 OK"


def run(count: int) -> None:
    for number in islice(NUMBERS, count):
        body = app({**ENVIRON, "PATH_INFO": f"/menu/{number}"}, start_response)
        assert b"".join(body) == b"%d" % number
        if hasattr(body, "close"):
            body.close()


serve(run)
