"""CherryPy: its tree of objects called as a WSGI application, and over its own server."""

from __future__ import annotations

from io import BytesIO
from wsgiref.util import setup_testing_defaults

import cheroot.wsgi
import cherrypy
import pytest

from autotrace import api
from autotrace.testing.contracts.http_server import Served, threaded


class Orders:
    """Handlers that take what is left of a path."""

    exposed = True

    @cherrypy.expose
    def index(self):
        return "orders"

    @cherrypy.expose
    def item(self, number, size="small"):
        with api.span("work"):
            return f"{number} {size}"

    @cherrypy.expose
    def default(self, *rest):
        return "/".join(rest)


@cherrypy.popargs("customer")
class Customers:
    """Handlers beneath a part of the path that names nothing."""

    @cherrypy.expose
    def orders(self, customer):
        return customer


class Pizza:
    """A resource whose methods are those of HTTP."""

    exposed = True

    def GET(self, name):
        return name


class Shop:
    """The root of the tree."""

    orders = Orders()
    customers = Customers()
    pizza = Pizza()

    @cherrypy.expose
    def fail(self):
        raise ValueError("broken")

    @cherrypy.expose
    def refuse(self):
        raise cherrypy.HTTPError(503, "closed")

    @cherrypy.expose
    def elsewhere(self):
        raise cherrypy.HTTPRedirect("/orders/")

    @cherrypy.expose
    @cherrypy.config(**{"response.stream": True})
    def stream(self):
        for piece in ("one,", "two"):
            with api.span("step"):
                pass
            yield piece


@pytest.fixture
def application():
    """The tree, mounted beneath /shop."""
    logs = {"log.screen": False, "request.show_tracebacks": False}
    methods = {"request.dispatch": cherrypy.dispatch.MethodDispatcher()}
    cherrypy.config.update({"environment": "embedded", "log.screen": False})
    tree = cherrypy._cptree.Tree()
    tree.mount(Shop(), "/shop", {"/": logs, "/pizza": methods})
    return tree


def ask(application, target, method="GET"):
    """Call an application as a server does; returns status and body."""
    path, _, query = target.partition("?")
    environ = {"PATH_INFO": path, "SCRIPT_NAME": "", "QUERY_STRING": query, "REQUEST_METHOD": method}
    setup_testing_defaults(environ)
    environ["wsgi.input"] = BytesIO()
    started = []
    body = application(environ, lambda status, headers, exc_info=None: started.append(status))
    try:
        return int(started[0][:3]), b"".join(body).decode()
    finally:
        getattr(body, "close", lambda: None)()


def test_a_whole_request(application, recorder, instrument):
    """Without a server CherryPy makes the span: with route, page handler, and what runs within beneath it."""
    instrument("cherrypy")
    assert ask(application, "/shop/orders/item/7?size=large") == (200, "7 large")
    work, span = recorder.wait(2)
    assert span == {
        "name": "GET /shop/orders/item/{number}",
        "kind": "SERVER",
        "scope": "cherrypy",
        "trace_id": span["trace_id"],
        "span_id": span["span_id"],
        "parent_id": "",
        "attributes": {
            "http.request.method": "GET",
            "url.scheme": "http",
            "url.path": "/shop/orders/item/7",
            "url.query": "size=large",
            "server.address": "127.0.0.1",
            "server.port": 80,
            "network.protocol.version": "1.0",
            "http.route": "/shop/orders/item/{number}",
            "code.function.name": f"{__name__}.Orders.item",
            "http.response.status_code": 200,
        },
        "status": "UNSET",
    }
    assert work["parent_id"] == span["span_id"]


@pytest.mark.parametrize(
    ("target", "status", "name", "view"),
    [
        ("/shop/orders/", 200, "GET /shop/orders", "Orders.index"),
        ("/shop/orders/9/8/7", 200, "GET /shop/orders/{}/{}/{}", "Orders.default"),
        ("/shop/customers/ann/orders", 200, "GET /shop/customers/{customer}/orders", "Customers.orders"),
        ("/shop/pizza/funghi", 200, "GET /shop/pizza/{name}", "Pizza.GET"),
        ("/shop/elsewhere", 302, "GET /shop/elsewhere", "Shop.elsewhere"),
        ("/shop/nowhere", 404, "GET", None),
        ("/other", 404, "GET", None),
    ],
)
def test_routes(application, recorder, instrument, target, status, name, view):
    """What is fixed in a path is in the route, what is not is there by its name."""
    instrument("cherrypy")
    assert ask(application, target)[0] == status
    (span,) = recorder.wait(1)
    assert (span["name"], span["status"]) == (name, "UNSET")
    assert span["attributes"].get("code.function.name") == (view and f"{__name__}.{view}")


def test_an_exception_that_became_a_500_is_told_once(application, recorder, instrument):
    """With its type and message; an HTTPError is an answer."""
    instrument("cherrypy")
    assert ask(application, "/shop/fail")[0] == 500
    assert ask(application, "/shop/refuse")[0] == 503
    failed, refused = recorder.wait(2)
    assert (failed["status"], failed["exception"]) == ("ERROR", "ValueError: broken")
    assert failed["attributes"]["error.type"] == "ValueError"
    assert ("exception" in refused, refused["attributes"]["error.type"]) == (False, "503")


def test_a_streamed_body_is_within_the_request(application, recorder, instrument):
    """The span ends with the body."""
    instrument("cherrypy")
    assert ask(application, "/shop/stream") == (200, "one,two")
    *steps, span = recorder.wait(3)
    assert [step["parent_id"] for step in steps] == [span["span_id"]] * 2


def test_its_own_server_has_the_span(application, recorder, instrument):
    """cheroot's, to which CherryPy adds the route."""
    instrument("cherrypy", "cheroot")
    server = cheroot.wsgi.Server(("127.0.0.1", 0), application, numthreads=2, shutdown_timeout=1)
    server.expiration_interval = 0.05
    server.prepare()
    with threaded(server.serve, server.stop):
        assert Served(server.bind_addr[1], recorder).ask("/shop/orders/item/7")[2] == b"7 small"
    work, span = recorder.wait(2)
    assert (span["name"], span["scope"]) == ("GET /shop/orders/item/{number}", "cheroot")
    assert work["parent_id"] == span["span_id"]
