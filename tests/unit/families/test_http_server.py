"""What the span of an HTTP server's request means, and when it is made."""

from __future__ import annotations

import functools

import pytest

from autotrace.conventions.http_server import describe_decoded
from autotrace.families import manual
from autotrace.families.http import http_routes, http_server, wsgi
from autotrace.trace.context import set_current
from autotrace.trace.failure import Failure
from autotrace.trace.sampling import Sampler

FACTS = ("GET", "https", "/a", "q=1", "shop.example", ("10.0.0.1", 8443), "10.0.0.2", None, "tester", "2")


def facts(**changes):
    """Return the facts of a request, with changes."""
    names = ("method", "scheme", "path", "query", "host", "server", "client", "forwarded", "agent", "version")
    return tuple({**dict(zip(names, FACTS)), **changes}.values())


def attributes(**changes):
    """Return the attributes of a request, with changes of its facts."""
    return http_server.describe(facts(**changes), (200, None, None), None)[1]


def test_a_whole_request():
    """Name, attributes and status of a request whose every fact is known."""
    assert http_server.describe(FACTS, (200, "/{letter}", ("shop.views", "letter")), None) == (
        "GET /{letter}",
        {
            "http.request.method": "GET",
            "url.scheme": "https",
            "url.path": "/a",
            "url.query": "q=1",
            "server.address": "shop.example",
            "server.port": 443,
            "client.address": "10.0.0.2",
            "user_agent.original": "tester",
            "network.protocol.version": "2",
            "http.route": "/{letter}",
            "code.function.name": "shop.views.letter",
            "http.response.status_code": 200,
        },
        0,
        "",
    )


def test_a_request_of_which_nothing_is_known():
    """What is not known is left out; a request that ended from outside has no status."""
    empty = ("GET", "http", "", "", None, None, None, None, None, None)
    assert http_server.describe(empty, None, None) == (
        "GET",
        {"http.request.method": "GET", "url.scheme": "http", "url.path": "/"},
        0,
        "",
    )


@pytest.mark.parametrize(
    ("status", "code", "kind"), [(100, 0, None), (302, 0, None), (404, 0, None), (500, 2, "500"), (599, 2, "599")]
)
def test_the_status_code_decides(status, code, kind):
    """Only codes from 500 on are errors, with themselves as type."""
    _, made, got, message = http_server.describe(FACTS, (status, None, None), None)
    assert (got, made.get("error.type"), message) == (code, kind, "")


def test_a_failure_goes_before_the_status_code():
    """The exception is the error's type, whatever the status code."""
    for status in (200, 500, None):
        _, made, code, message = http_server.describe(FACTS, (status, None, None), Failure("app.Broken", "no dough"))
        assert (made["error.type"], code, message) == ("app.Broken", 2, "no dough")


@pytest.mark.parametrize(
    ("host", "server", "address", "port"),
    [
        ("shop.example:8080", None, "shop.example", 8080),
        ("[2001:db8::1]:8080", None, "2001:db8::1", 8080),
        (None, ("10.0.0.1", 8443), "10.0.0.1", 8443),
        (None, ("10.0.0.1", "8443"), "10.0.0.1", 8443),
        (None, ("/run/shop.socket", None), "/run/shop.socket", None),
    ],
)
def test_where_the_request_was_sent(host, server, address, port):
    """The Host header says where a request was sent, and the socket where there is none."""
    made = attributes(host=host, server=server)
    assert (made["server.address"], made.get("server.port")) == (address, port)


@pytest.mark.parametrize(
    ("forwarded", "client", "origin", "peer"),
    [
        (None, "10.0.0.2", "10.0.0.2", None),
        ("203.0.113.9, 10.0.0.1", "10.0.0.2", "203.0.113.9", "10.0.0.2"),
        ("[2001:db8::1]:4711", None, "2001:db8::1", None),
        (", ", "10.0.0.2", "10.0.0.2", None),
    ],
)
def test_who_asked(forwarded, client, origin, peer):
    """The first of the proxies' list is the client, and else the peer."""
    made = attributes(forwarded=forwarded, client=client)
    assert (made["client.address"], made.get("network.peer.address")) == (origin, peer)


@pytest.mark.parametrize(
    ("target", "path", "query"),
    [
        ("/a?q=1&token=x", "/a", "q=1&token=REDACTED"),
        ("http://user:secret@shop.example/a?q=1", "/a", "q=1"),
        ("*", "*", None),
        ("?q=1", "/", "q=1"),
    ],
)
def test_a_request_target(target, path, query):
    """A request target is split in both its forms, and secrets of its query are redacted."""
    made = attributes(path=target, query=None)
    assert (made["url.path"], made.get("url.query")) == (path, query)


def test_a_path_that_was_decoded_is_encoded_again():
    """A WSGI path is written as in the request line; what may stand in a path stays."""
    _, made, _, _ = describe_decoded(facts(path="/a b/\xc3\xa9/100%/x:y@z;v=1,2~"), (200, None, None), None)
    assert made["url.path"] == "/a%20b/%C3%A9/100%25/x:y@z;v=1,2~"


def a_request(recorder, path="/shop/v2/items/7"):
    """Make the span of a request current."""
    made = http_server.operation("test")
    span = http_server.begin(made, (lambda: facts(path=path), (), lambda _name: None), 1, outermost=True)
    set_current(span)
    return span


def noting(wrap, *args):
    """Call a function that a framework's patch was put around."""

    def original(*_args):
        return "result"

    assert wrap(original, "test")(*args) == "result"


def test_a_request_knows_its_boundary(recorder):
    """A framework finds the server's span, another server only that of its own request; a call to oneself is new."""
    span = a_request(recorder)
    assert http_server.served(2, outermost=False)
    assert http_server.served(1, outermost=True)
    assert not http_server.served(2, outermost=True)
    inner = manual.begin("inner", {})
    assert http_server.serving() is span
    inner.operation = wsgi.http_server.operation("client")
    inner.operation.family, inner.operation.kind = "http_client", 3
    assert http_server.serving() is None
    set_current(span)
    http_server.finished(span, 200, None)
    assert http_server.serving() is None


def test_the_innermost_route_counts(recorder):
    """Routes are put together from mounts, roots and templates; the last one that is found wins."""
    span = a_request(recorder)
    noting(http_routes.mount(lambda _args, _kwargs: ("/shop", "/shop/v2", "/{version}")))
    assert span.notes["route"] == "/shop/{version}/{path}"
    noting(http_routes.route(lambda _args, _kwargs: ("/shop/v2", "/{anything}")))
    noting(http_routes.route(lambda _args, _kwargs: ("/shop/v2/items", "/{number}")))
    noting(http_routes.route(lambda _args, _kwargs: None))
    http_server.finished(span, 404, None)
    assert recorder.wait(1)[0]["name"] == "GET /shop/{version}/items/{number}"


def test_a_root_that_is_not_in_the_path_is_not_in_the_route(recorder):
    """A proxy that takes a prefix off the path takes it off the route."""
    span = a_request(recorder, "/items/7")
    noting(http_routes.route(lambda _args, _kwargs: ("/shop", "/items/{number}")))
    http_server.finished(span, 200, None)
    assert recorder.wait(1)[0]["name"] == "GET /items/{number}"


def test_a_noted_exception_counts_only_for_a_server_error(recorder):
    """An exception that a framework answered with less than 500 was no error."""
    for status in (400, 500):
        span = a_request(recorder)
        noting(http_routes.exception(lambda args, _kwargs: args[0]), ValueError("broken"))
        http_server.finished(span, status, None)
    fine, broken = recorder.wait(2)
    assert ("exception" in fine, broken["exception"]) == (False, "ValueError: broken")


class Letters:
    """Views of each kind that a framework may call."""

    def get(self):
        raise AssertionError

    @classmethod
    def listed(cls):
        raise AssertionError

    def plain(self):
        raise AssertionError

    decorated = functools.wraps(plain)(lambda self: None)

    def __call__(self):
        raise AssertionError


@pytest.mark.parametrize(
    ("view", "name"),
    [
        (Letters, "Letters"),
        (Letters.get, "Letters.get"),
        (Letters().get, "Letters.get"),
        (Letters.listed, "Letters.listed"),
        (Letters.decorated, "Letters.plain"),
        (Letters(), "Letters"),
        (functools.partial(functools.partial(Letters().get, 1), 2), "Letters.get"),
    ],
)
def test_the_view_has_its_whole_name(recorder, view, name):
    """Functions, methods, classes, and what is put around them."""
    span = a_request(recorder)
    noting(http_routes.view(lambda _args, _kwargs: None))
    noting(http_routes.view(lambda _args, _kwargs: view))
    http_server.finished(span, 404, None)
    assert recorder.wait(1)[0]["attributes"]["code.function.name"] == f"{__name__}.{name}"


def test_a_route_and_its_view_are_noted_together(recorder):
    """As a framework knows both at the same place."""
    span = a_request(recorder)
    noting(http_routes.route(lambda _args, _kwargs: ("", "/items/{number}"), lambda _args, _kwargs: Letters))
    http_server.finished(span, 200, None)
    (told,) = recorder.wait(1)
    assert (told["name"], told["attributes"]["code.function.name"]) == ("GET /items/{number}", f"{__name__}.Letters")


def test_notes_without_a_request(recorder):
    """A framework's function that is called outside of a request notes nothing."""
    noting(http_routes.route(lambda _args, _kwargs: ("", "/a")))
    noting(http_routes.exception(lambda args, _kwargs: args[0]), ValueError("broken"))
    assert recorder.finished() == []


def test_notes_of_a_request_that_is_not_recorded(recorder):
    """A request that is not recorded is not looked at."""
    span = a_request(recorder)
    span.trace = span.trace.unsampled()

    def look(_args, _kwargs):
        raise AssertionError

    noting(http_routes.route(look))
    http_server.finished(span, 200, None)
    assert recorder.finished() == []


def test_the_end_can_be_in_the_past(recorder):
    """A span ends once, at the moment that is given."""
    span = a_request(recorder)
    http_server.finished(span, 200, None, end=7)
    http_server.finished(span, 500, None, end=9)
    assert (span.end, span.outcome, len(recorder.spans)) == (7, (200, None, None), 1)


def test_nobody_asks_for_the_facts_of_a_trace_that_is_not_sampled(recorder, monkeypatch):
    """The decision comes first: it takes the headers, and nothing else of the request."""
    monkeypatch.setattr(http_server.tracer, "sampler", Sampler(0.0))
    asked = []
    made = http_server.operation("test")
    span = http_server.begin(made, (lambda: asked.append(1), (), lambda _name: None), 1, outermost=True)
    http_server.finished(span, 200, None)
    assert (asked, span.facts, recorder.spans) == ([], (), [])


NOW = 1_700_000_000_500_000_000


@pytest.mark.parametrize(
    ("since", "wait"),
    [
        ("t=1700000000.250", 250.0),
        ("1700000000.250", 250.0),
        ("1700000000250", 250.0),
        ("t=1700000000250000", 250.0),
        ("t=1700000000250000000", 250.0),
        ("1700000000.250, 1700000000.400", 250.0),
        ("1700000000.500", 0.0),
        ("1700000000.900", None),  # the proxy's clock is ahead
        ("1600000000.000", None),
        ("yesterday", None),
        ("nan", None),
        ("inf", None),
        ("", None),
    ],
)
def test_the_wait_before_the_server(since, wait):
    """Proxies say in many ways when they got a request."""
    _, made, _, _ = http_server.describe((*FACTS, since, NOW), (200, None, None), None)
    assert made.get("autotrace.http.wait_ms") == wait


@pytest.mark.parametrize(
    ("method", "path", "status", "noise"),
    [
        ("GET", "/healthz", 200, "health check"),
        ("GET", "/api/v1/health/", 204, "health check"),
        ("HEAD", "/ping", 200, "health check"),
        ("GET", "/healthz", 503, None),  # that is what it is for
        ("GET", "/healthz", None, None),
        ("GET", "/wealthz", 200, None),
        ("GET", "/tickets/up", 200, None),
        ("POST", "/healthz", 200, None),
        ("GET", "/static/admin/css/base.css", 304, "static file"),
        ("GET", "/pizza.svg", 200, "static file"),
        ("GET", "/favicon.ico", 404, "static file"),
        ("GET", "/static", 200, None),
        ("GET", "/orders/7.json", 200, None),
        ("OPTIONS", "/orders", 204, "preflight"),
        ("HEAD", "/", 200, "probe"),
        ("HEAD", "/orders", 200, None),
        ("GET", "/metrics", 200, "scrape"),
    ],
)
def test_noise_is_marked(method, path, status, noise):
    """What balancers, browsers and monitors ask for by themselves, unless it failed."""
    _, made, _, _ = http_server.describe(facts(method=method, path=path), (status, None, None), None)
    assert made.get("autotrace.noise") == noise
