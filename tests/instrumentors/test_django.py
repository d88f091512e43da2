"""Django: routes, views and exceptions, under its test clients and its handlers."""

from __future__ import annotations

import asyncio
import gc
import io
import sys

import pytest
from autotrace.instrumentors.django.routes import template
from django.core.management import CommandError, call_command
from django.test import AsyncClient, Client, override_settings
from django.urls import set_script_prefix

from autotrace import api
from autotrace.testing import frames
from autotrace.testing.contracts.http_server import REMOTE, TRACE, excluding, server_span
from contracts.django import DJANGO, USUAL

pytestmark = [*USUAL, pytest.mark.usefixtures("shop")]
pytest_plugins = ["contracts.django"]
NAMES = (
    *("django", "django_wsgi", "django_asgi", "django_test_client", "rest_framework", "ninja"),
    *("sqlite3", "django_sqlite3"),
)


@pytest.fixture
def client(recorder, instrument):
    """A test client that answers with what a server would."""
    instrument(*NAMES)
    return Client(raise_request_exception=False)


@pytest.fixture
def async_client(client):
    """An asynchronous one; a coroutine that asks and returns the response."""
    return AsyncClient(raise_request_exception=False)


@pytest.fixture
def unsafe(monkeypatch):
    """Queries may be made in an event loop."""
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")


def told(span):
    """Return what is told of a request: name, view, status, exception."""
    attributes = span["attributes"]
    assert span["name"] == f"GET {attributes.get('http.route', '')}".rstrip()
    view = attributes.get("code.function.name")
    return span["name"], view, attributes["http.response.status_code"], span.get("exception")


def test_the_test_client_makes_the_span(client, recorder):
    """Where no server made a span the test client does, with route, view, and the query beneath."""
    assert client.get("/books/1/?q=1", HTTP_TRACEPARENT=REMOTE["traceparent"]).content == b"One"
    query, span = recorder.wait(2)
    assert span == {
        "name": "GET /books/<int:number>/",
        "kind": "SERVER",
        "scope": "django_test_client",
        "trace_id": TRACE,
        "span_id": span["span_id"],
        "parent_id": "b7ad6b7169203331",
        "attributes": {
            "http.request.method": "GET",
            "url.scheme": "http",
            "url.path": "/books/1/",
            "url.query": "q=1",
            "server.address": "testserver",
            "server.port": 80,
            "client.address": "127.0.0.1",
            "network.protocol.version": "1.1",
            "http.route": "/books/<int:number>/",
            "code.function.name": "django_shop.views.sync",
            "http.response.status_code": 200,
        },
        "status": "UNSET",
    }
    assert (query["name"], query["parent_id"]) == ("SELECT django_shop_book", span["span_id"])


VIEWS = [
    ("/books/1/", "/books/<int:number>/", "django_shop.views.sync", 200, None),
    ("/async/1/", "/async/<int:number>/", "django_shop.views.asynchronous", 200, None),
    ("/class/1/", "/class/<int:number>/", "django_shop.views.Classy", 200, None),
    ("/wrapped/", "/wrapped/", "django_shop.views.wrapped", 200, None),
    ("/old/1999/page-3/", "/old/<year>/page-<var>/", "django_shop.views.Callable", 200, None),
    ("/old/x/", "/old/<slug:name>/", "django_shop.views.Callable", 200, None),
    ("/very-old/1999/2000/", "/very-old/<year>/<year>/page-<var>/", "django_shop.views.Callable", 200, None),
    ("/moved/", "/moved/", "django.views.generic.base.RedirectView", 302, None),
    ("/admin/", "/admin/", "django.contrib.admin.sites.AdminSite.index", 302, None),
    ("/api/books/1/", "/api/books/<pk>/", "django_shop.rest.BookViewSet", 200, None),
    ("/api/hello/", "/api/hello/", "django_shop.rest.hello", 200, None),
    ("/ninja/books/1", "/ninja/books/<int:number>", "django_shop.operations.book", 200, None),
    ("/ninja/async/hello", "/ninja/async/hello", "django_shop.operations.hello", 200, None),
    # what is no failure
    ("/missing/9/", "/missing/<int:number>/", "django_shop.views.missing", 404, None),
    ("/refuse/lost/", "/refuse/<way>/", "django_shop.views.refusing", 404, None),
    ("/refuse/forbidden/", "/refuse/<way>/", "django_shop.views.refusing", 403, None),
    ("/refuse/bad/", "/refuse/<way>/", "django_shop.views.refusing", 400, None),
    ("/refuse/suspicious/", "/refuse/<way>/", "django_shop.views.refusing", 400, None),
    ("/api/books/9/", "/api/books/<pk>/", "django_shop.rest.BookViewSet", 404, None),
    ("/ninja/broken/lost", "/ninja/broken/<way>", "django_shop.operations.broken", 404, None),
    ("/nowhere", None, None, 404, None),
    ("/books/1", None, None, 301, None),
    # what was answered with a server error, by whomever
    ("/raise/", "/raise/", "django_shop.views.raising", 500, "ValueError: no One"),
    ("/raise-async/", "/raise-async/", "django_shop.views.raising_async", 500, "ValueError: no"),
    ("/refuse/lookup/", "/refuse/<way>/", "django_shop.views.refusing", 500, "LookupError: looked"),
    ("/api/broken/fail/", "/api/broken/<way>/", "django_shop.rest.Broken", 500, "ValueError: broken"),
    ("/api/broken/answered/", "/api/broken/<way>/", "django_shop.rest.Broken", 500, "KeyError: 'answered'"),
    ("/api/broken/refuse/", "/api/broken/<way>/", "django_shop.rest.Broken", 503, None),
    ("/ninja/broken/fail", "/ninja/broken/<way>", "django_shop.operations.broken", 500, "ValueError: broken"),
    ("/ninja/broken/answered", "/ninja/broken/<way>", "django_shop.operations.broken", 500, "KeyError: 'answered'"),
    ("/ninja/broken/refuse", "/ninja/broken/<way>", "django_shop.operations.broken", 503, None),
    # middleware: before anything is resolved, before the view, after it
    ("/books/1/?door=1", None, None, 503, None),
    ("/books/1/?instead=1", "/books/<int:number>/", None, 200, None),
    ("/books/1/?spill=1", "/books/<int:number>/", "django_shop.views.sync", 500, "OSError: spilt"),
]


@pytest.mark.parametrize(("path", "route", "view", "status", "exception"), VIEWS)
def test_what_is_told_of_a_request(client, async_client, recorder, path, route, view, status, exception):
    """Route, view, status and exception, the same under the asynchronous client; all beneath the one span."""

    async def ask_async():
        return await async_client.get(path)

    expected = f"GET {route or ''}".rstrip(), view, status, exception
    for ask in (lambda: client.get(path), lambda: asyncio.run(ask_async())):
        assert ask().status_code == status
        *beneath, span = recorder.finished()
        assert told(span) == expected
        assert {one["parent_id"] for one in beneath} <= {span["span_id"]}
        assert span["status"] == ("ERROR" if status >= 500 else "UNSET")
        assert "events" not in span
        recorder.clear()


@pytest.mark.parametrize("debug", [False, True])
@pytest.mark.parametrize("path", ["/raise/", "/raise-async/", "/api/broken/fail/"])
def test_an_exception_has_its_stack(client, recorder, path, debug):
    """With ``DEBUG`` and without; the innermost frame is the program's, and none is ours."""
    with override_settings(DEBUG=debug):
        assert client.get(path).status_code == 500
    *_, span = recorder.spans
    assert span.failure.frames[-1][2] in ("raising", "raising_async", "get")
    assert not [frame for frame in span.failure.frames if frames.is_ours(frame[0])]


def test_an_exception_that_the_client_raises_is_told_once(client, recorder):
    """The client raises what became a 500, as it does by default; with the setting for it Django lets it through."""
    for propagate in (False, True):
        with (
            override_settings(DEBUG_PROPAGATE_EXCEPTIONS=propagate),
            pytest.raises(ValueError, match="no One") as caught,
        ):
            Client().get("/raise/")
        *_, span = recorder.wait(2)
        assert told(span) == ("GET /raise/", "django_shop.views.raising", 500, "ValueError: no One")
        assert "events" not in span
        if sys.version_info >= (3, 11):
            assert not frames.ours(caught.value)
        recorder.clear()


def test_an_error_handler_that_fails_is_told(client, recorder):
    """Of two exceptions the one that became the 500 counts."""

    def handler404(request, exception):
        raise KeyError("page")

    from django_shop import urls

    urls.handler404 = handler404
    try:
        assert client.get("/refuse/lost/").status_code == 500
    finally:
        del urls.handler404
    (span,) = recorder.wait(1)
    assert span["exception"] == "KeyError: 'page'"


def test_a_stream_is_covered(client, recorder):
    """Each step of a stream runs beneath the request, which ends with it."""
    answer = client.get("/stream/")
    assert recorder.finished() == []
    with api.span("reading"):
        assert answer.getvalue() == b"OneTwo"
    first, second, span, reading = recorder.wait(4)
    assert told(span) == ("GET /stream/", "django_shop.views.streaming", 200, None)
    assert [first["parent_id"], second["parent_id"], reading["parent_id"]] == [span["span_id"], span["span_id"], ""]


# Django says that a synchronous stream has to be read at once there; before 4.2 it reads it in the event loop itself.
at_once = pytest.mark.filterwarnings("ignore:StreamingHttpResponse must consume synchronous iterators")


@at_once
@pytest.mark.usefixtures("unsafe")
def test_a_stream_of_the_asynchronous_client_is_covered(async_client, recorder):
    """So it is there."""

    async def ask():
        answer = await async_client.get("/stream/")
        return b"".join([part async for part in answer]) if DJANGO >= (4, 2) else answer.getvalue()

    assert asyncio.run(ask()) == b"OneTwo"
    first, second, span = recorder.wait(3)
    assert told(span) == ("GET /stream/", "django_shop.views.streaming", 200, None)
    assert [first["parent_id"], second["parent_id"]] == [span["span_id"]] * 2


def test_a_stream_that_fails_is_told(client, recorder):
    """The response had begun; the exception is told, and passes."""
    with pytest.raises(ValueError, match="torn"):
        client.get("/torn/").getvalue()
    _, span = recorder.wait(2)
    assert told(span) == ("GET /torn/", "django_shop.views.broken_stream", 200, "ValueError: torn")


def test_a_stream_that_nobody_reads_ends(client, recorder):
    """When the response is gone, so is the request."""
    client.get("/stream/")
    gc.collect()
    (span,) = recorder.wait(1)
    assert told(span) == ("GET /stream/", "django_shop.views.streaming", 200, None)


def test_a_call_from_a_span_of_the_program_is_beneath_it(client, recorder):
    """A test that has a span of its own is the request's parent."""
    with api.span("test"):
        client.get("/moved/")
    span, outer = recorder.wait(2)
    assert (span["trace_id"], span["parent_id"]) == (outer["trace_id"], outer["span_id"])


def test_under_a_script_name(client, recorder):
    """What the application is mounted beneath is part of the route."""
    try:
        assert client.get("/books/1/", SCRIPT_NAME="/shop").content == b"One"
    finally:
        set_script_prefix("/")
    span = server_span(recorder.wait(2))
    assert (span["name"], span["attributes"]["url.path"]) == ("GET /shop/books/<int:number>/", "/shop/books/1/")


@at_once
@pytest.mark.usefixtures("unsafe")
def test_a_handler_without_a_server_makes_the_span(recorder, instrument):
    """Whoever calls the application as a server would gets a span, also of a stream, and it is gone through once."""
    instrument(*NAMES)
    from django.core.asgi import get_asgi_application
    from django.core.wsgi import get_wsgi_application
    from django.test import RequestFactory

    body = get_wsgi_application()(RequestFactory().get("/stream/").environ, lambda status, headers: None)
    assert b"".join(body) == b"OneTwo"
    body.close()

    async def ask():
        scope = {
            "type": "http",
            "method": "GET",
            "path": "/stream/",
            "headers": [],
            "query_string": b"",
            "scheme": "http",
        }
        sent, asked = [], iter([{"type": "http.request", "body": b"", "more_body": False}])

        async def receive():
            return next(asked, None) or await asyncio.Event().wait()

        async def send(message):
            sent.append(message.get("body", b""))

        await get_asgi_application()(scope, receive, send)
        return b"".join(sent)

    assert asyncio.run(ask()) == b"OneTwo"
    first, second = [span for span in recorder.finished() if span["kind"] == "SERVER"]
    assert [first["scope"], second["scope"]] == ["django_wsgi", "django_asgi"]
    assert told(first) == told(second) == ("GET /stream/", "django_shop.views.streaming", 200, None)
    queries = [span["parent_id"] for span in recorder.finished() if span["kind"] == "CLIENT"]
    assert queries == [first["span_id"]] * 2 + [second["span_id"]] * 2


def test_a_cancelled_request_is_no_failure(async_client, recorder):
    """Whoever asked no longer waits: the span ends without an error, and what was current is so again."""
    from django_shop import urls

    async def hang(request):
        entered.set()
        await asyncio.Event().wait()

    async def ask():
        nonlocal entered
        entered = asyncio.Event()
        task = asyncio.ensure_future(async_client.get("/hang/"))
        await entered.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        with api.span("afterwards"):
            pass

    from django.urls import clear_url_caches, path

    entered = None
    urls.urlpatterns.append(path("hang/", hang))
    clear_url_caches()
    try:
        asyncio.run(ask())
    finally:
        urls.urlpatterns.pop()
        clear_url_caches()
    span, afterwards = recorder.wait(2)
    assert (span["name"], span["status"], afterwards["parent_id"]) == ("GET /hang/", "UNSET", "")


def test_excluded(client, recorder):
    """An excluded URL records nothing, nor does what is beneath."""
    with excluding(r"/books/\d"):
        assert client.get("/books/1/").content == b"One"
        with excluding("/stream"):
            assert client.get("/stream/").getvalue() == b"OneTwo"
    assert recorder.finished() == []


def test_static_files_have_one_route(recorder, instrument):
    """Whatever the file is called; its view is the one that serves it."""
    from django.contrib.staticfiles.handlers import StaticFilesHandler
    from django.core.wsgi import get_wsgi_application
    from django.test import RequestFactory

    instrument(*NAMES, "django_static")
    handler = StaticFilesHandler(get_wsgi_application())
    for path in ("/static/admin/css/base.css", "/static/nothing.css"):
        body = handler(RequestFactory().get(path).environ, lambda status, headers: None)
        assert b"".join(body)
        body.close()
    view = "django.contrib.staticfiles.views.serve"
    assert [told(span) for span in recorder.finished()] == [
        ("GET /static/<path>", view, 200, None),
        ("GET /static/<path>", view, 404, None),
    ]


@pytest.fixture
def commands(recorder, instrument):
    """What traces commands and their queries."""
    instrument("django_commands", "sqlite3", "django_sqlite3")


@pytest.mark.usefixtures("commands")
def test_a_command_is_one_span_with_its_queries(recorder):
    """Also one that the program calls; what it calls itself belongs to it."""
    call_command("migrate", run_syncdb=True, verbosity=0)
    *queries, span = recorder.finished()
    assert span == {
        "name": "migrate",
        "kind": "INTERNAL",
        "scope": "django_commands",
        "trace_id": span["trace_id"],
        "span_id": span["span_id"],
        "parent_id": "",
        "attributes": {"code.function.name": "django.core.management.commands.migrate.Command"},
        "status": "UNSET",
    }
    assert len(queries) > 5
    assert {(query["kind"], query["parent_id"]) for query in queries} == {("CLIENT", span["span_id"])}


@pytest.mark.usefixtures("commands")
def test_a_command_that_fails_is_told(recorder):
    """The exception passes, and is on the span."""
    with pytest.raises(CommandError, match="No fixture"):
        call_command("loaddata", "nothing", verbosity=0)
    *_, span = recorder.finished()
    assert (span["name"], span["status"], span["message"]) == ("loaddata", "ERROR", "No fixture named 'nothing' found.")
    assert span["exception"].endswith(".CommandError: No fixture named 'nothing' found.")


@pytest.mark.usefixtures("commands")
def test_servers_and_shells_are_no_commands(recorder, monkeypatch):
    """What runs until it is stopped is nobody's parent; what a server asks about migrations makes no spans."""
    from django.core.management.commands.shell import Command as Shell

    monkeypatch.setattr(sys, "stdin", io.StringIO("from django_shop.views import title; title(pk=1)"))
    call_command("shell", "-c", "from django_shop.views import title; title(pk=1)")
    (query,) = recorder.wait(1)
    assert (query["name"], query["parent_id"]) == ("SELECT django_shop_book", "")
    recorder.clear()
    Shell().check_migrations()
    assert recorder.finished() == []


@pytest.mark.parametrize(
    ("route", "expected"),
    [
        ("", "/"),
        ("books/<int:number>/", "/books/<int:number>/"),
        ("sitemap.xml", "/sitemap.xml"),
        ("^$", "/"),
        (r"^(?P<year>[0-9]{4})/$", "/<year>/"),
        (r"api/^users\.(?P<format>[a-z0-9]+)/?$", "/api/users.<format>/"),
        (r"\Afiles/(?P<path>.*)\Z", "/files/<path>"),
        (r"^(?:page-(?P<page>\d+)/)?x$", "/page-<page>/x"),
        (r"^(?:a|b)/(c(d)?)/((?P<n>[)\]]{2,3}?))*/$", "/(a|b)/<var>/<var>/"),
        (r"^\d{2,}-[^/]+/(?=x)(?i)\w+?\b$", r"/\d{2,}-[^/]+/\w+?"),
        (r"^[]()]*(", "/[]()]*<var>"),
    ],
)
def test_routes_of_expressions_are_readable(route, expected):
    """Groups are what ``path`` would have in their stead; what is no expression stays as it is."""
    assert template(route) == expected
