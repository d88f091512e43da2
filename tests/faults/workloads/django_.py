"""The shop on Django: its test clients, its handlers, a command, and a websocket."""

from __future__ import annotations

import asyncio
import io
import os
import sys
from contextlib import contextmanager
from pathlib import Path

from .common import loop, outcome, silenced

NAMES = (
    *("django", "django_wsgi", "django_asgi", "django_static", "django_test_client", "django_commands"),
    *("django_sqlite3", "rest_framework", "ninja", "channels_routing", "channels_consumer", "sqlite3"),
)
PATHS = (
    *("/class/1/", "/stream/", "/raise/", "/refuse/lookup/", "/api/broken/answered/", "/ninja/broken/answered"),
    "/old/1999/",
)


_DATABASE = "file:shop?mode=memory&cache=shared"  # of all threads, for as long as one has it open


def _stock():
    sys.path.append(str(Path(__file__).parents[2]))
    os.environ.update(DJANGO_SETTINGS_MODULE="django_shop.settings", SHOP_SQLITE=_DATABASE)
    import django

    django.setup()
    from django.core.management import call_command

    from django_shop.models import Book

    call_command("migrate", run_syncdb=True, verbosity=0)
    if not Book.objects.exists():
        Book.objects.bulk_create([Book(pk=1, title="One"), Book(pk=2, title="Two")])


def _sync():
    from django.contrib.staticfiles.handlers import StaticFilesHandler
    from django.core.management import call_command
    from django.core.wsgi import get_wsgi_application
    from django.test import Client, RequestFactory

    client = Client(raise_request_exception=False)
    made = []
    for path in PATHS:
        answer = client.get(path)
        made.append((answer.status_code, answer.getvalue()))
    made.append(outcome(lambda: client.get("/torn/").getvalue()))
    handler = StaticFilesHandler(get_wsgi_application())
    for path in ("/static/nothing", "/stream/"):
        said = []
        body = handler(RequestFactory().get(path).environ, lambda status, headers, said=said: said.append(status))
        made.append((said, b"".join(body)))
        body.close()
    out = io.StringIO()
    call_command("diffsettings", stdout=out)
    return [*made, out.getvalue(), outcome(call_command, "loaddata", "nothing", verbosity=0)]


async def _talk(application, scope, messages):
    waiting, sent = list(messages), []

    async def receive():
        return waiting.pop(0) if waiting else await asyncio.get_running_loop().create_future()

    async def send(message):
        sent.append((message["type"], message.get("status"), message.get("text"), message.get("body")))
        if message["type"] == "websocket.send":
            waiting.append({"type": "websocket.disconnect", "code": 1000})

    scope = {"headers": [], "query_string": b"", **scope}
    try:
        await application(scope, receive, send)
    except Exception as error:
        sent.append(type(error).__name__)
    return sent


async def _async():
    from django.test import AsyncClient

    from django_shop import sockets

    client, made = AsyncClient(raise_request_exception=False), []
    for path in ("/async/1/", "/ninja/async/hello"):
        answer = await client.get(path)
        made.append((answer.status_code, answer.getvalue()))
    application = sockets.ProtocolTypeRouter({"http": sockets.pages, "websocket": sockets.URLRouter(sockets.routes)})
    request = {"type": "http.request", "body": b"", "more_body": False}
    page = {"type": "http", "method": "GET", "scheme": "http"}
    made.append(await _talk(application, {**page, "path": "/raise-async/"}, [request]))
    said = [{"type": "websocket.connect"}, {"type": "websocket.receive", "text": "1"}]
    paths = "/shelf/3/titles/", "/shelf/3/other/", "/nowhere/"
    return made + [await _talk(application, {"type": "websocket", "path": path}, said) for path in paths]


@contextmanager
def django_():
    """Everything, twice in one process: bare, and traced."""
    with silenced("django"), loop() as run:
        _stock()
        yield lambda: (_sync(), run(_async))
