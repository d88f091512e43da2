"""Django on PostgreSQL, under each server and in its test clients: the whole tree of each of nine kinds of view.

A server is a row of a table.
"""

from __future__ import annotations

import http.client
import importlib.metadata
import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import django
import psycopg2
import pytest

from machine import RUN, Machine
from services.ports import free_port
from waiting import LIMIT_S, answered, until

TESTS = Path(__file__).parent.parent
MANAGE = str(TESTS / "django_shop" / "manage.py")
# By hand: its command does not go with the oldest click. Its workers are spawned.
_GRANIAN = """if __name__ == "__main__":
    import granian

    granian.Granian("django_shop.{0}:application", port={{port}}, interface="{0}").serve()
"""
_UVICORNS = "--worker-class", "uvicorn.workers.UvicornWorker"
_DAPHNES = "--noreload", "--settings=django_shop.by_daphne"
_UWSGI = "uwsgi", "--http=127.0.0.1:{port}", "--die-on-term"
# The scope of its spans, and its command.
SERVERS = {
    "daphne": ("daphne", "daphne", "--port", "{port}", "django_shop.asgi:application"),
    "granian": ("granian", sys.executable, "-c", _GRANIAN.format("asgi")),
    "granian's WSGI": ("granian", sys.executable, "-c", _GRANIAN.format("wsgi")),
    "gunicorn": ("gunicorn", "gunicorn", "--bind", "127.0.0.1:{port}", "django_shop.wsgi"),
    "gunicorn's threads": ("gunicorn", "gunicorn", "--threads=2", "--bind", "127.0.0.1:{port}", "django_shop.wsgi"),
    "gunicorn's uvicorn": ("uvicorn", "gunicorn", *_UVICORNS, "--bind", "127.0.0.1:{port}", "django_shop.asgi"),
    "hypercorn": ("hypercorn", "hypercorn", "--bind", "127.0.0.1:{port}", "django_shop.asgi:application"),
    "runserver": ("wsgiref", sys.executable, MANAGE, "runserver", "--noreload", "127.0.0.1:{port}"),
    "runserver of daphne's": ("daphne", sys.executable, MANAGE, "runserver", *_DAPHNES, "127.0.0.1:{port}"),
    "uvicorn": ("uvicorn", "uvicorn", "--port", "{port}", "django_shop.asgi:application"),
    "uvicorn's channels": ("uvicorn", "uvicorn", "--port", "{port}", "django_shop.sockets:application"),
    "uwsgi": ("django_wsgi", *_UWSGI, "--master", "--module=django_shop.wsgi"),  # its own part is C
    "uwsgi's threads": ("django_wsgi", *_UWSGI, "--threads=2", "--lazy-apps", "--wsgi-file={shop}/wsgi.py"),
    "waitress": ("waitress", "waitress-serve", "--listen", "127.0.0.1:{port}", "django_shop.wsgi:application"),
}
if int(importlib.metadata.version("daphne").split(".")[0]) < 4:  # it had none of its own
    del SERVERS["runserver of daphne's"]
USUAL = ("uvicorn", "psycopg2")  # the one of `make test`; the others are asked each night
# By what is asked for; the query of each span is beneath it, and so is the connection that is opened for each request.
TREES = {
    "/books/1/": """
GET /books/<int:number>/ SERVER 200 django_shop.views.sync
    connect CLIENT
    SELECT django_shop_book CLIENT
""",
    "/async/1/": """
GET /async/<int:number>/ SERVER 200 django_shop.views.asynchronous
    connect CLIENT
    SELECT django_shop_book CLIENT
""",
    "/class/1/": """
GET /class/<int:number>/ SERVER 200 django_shop.views.Classy
    connect CLIENT
    SELECT django_shop_book CLIENT
""",
    "/stream/": """
GET /stream/ SERVER 200 django_shop.views.streaming
    connect CLIENT
    SELECT django_shop_book CLIENT
    SELECT django_shop_book CLIENT
""",
    "/raise/": """
GET /raise/ SERVER 500 django_shop.views.raising ERROR (ValueError: no One, in raising)
    connect CLIENT
    SELECT django_shop_book CLIENT
""",
    "/missing/9/": """
GET /missing/<int:number>/ SERVER 404 django_shop.views.missing
    connect CLIENT
    SELECT django_shop_book CLIENT
""",
    "/api/books/1/": """
GET /api/books/<pk>/ SERVER 200 django_shop.rest.BookViewSet
    connect CLIENT
    SELECT django_shop_book CLIENT
""",
    "/admin/django_shop/book/": """
GET /admin/django_shop/book/ SERVER 200 django.contrib.admin.options.ModelAdmin.changelist_view
    connect CLIENT
    SELECT django_session CLIENT
    SELECT auth_user CLIENT
    SELECT django_shop_book CLIENT
    SELECT django_shop_book CLIENT
    SELECT django_shop_book CLIENT
""",
    "/moved/": """
GET /moved/ SERVER 302 django.views.generic.base.RedirectView
""",
}
COMMAND = """
manage.py stocktake INTERNAL django_shop.management.commands.stocktake.Command
    connect CLIENT
    INSERT django_shop_book CLIENT
    SAVEPOINT CLIENT
    UPDATE django_shop_book CLIENT
    ROLLBACK CLIENT
    RELEASE CLIENT
    COMMIT CLIENT
    SELECT django_shop_book CLIENT
    SELECT django_shop_book CLIENT
    SELECT django_shop_book CLIENT
    connect CLIENT
    INSERT django_shop_book CLIENT
    DELETE django_shop_book CLIENT
    COMMIT CLIENT
"""


@pytest.fixture(scope="session")
def stock(tmp_path_factory, postgresql, worker_id):
    """The environment of a shop whose database has what it sells, and the session of its administrator."""
    name = f"shop_{worker_id}"
    connection = psycopg2.connect(postgresql.dsn())
    connection.autocommit = True
    connection.cursor().execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
    connection.cursor().execute(f"CREATE DATABASE {name}")
    connection.close()
    environ = {
        "PYTHONPATH": str(TESTS),
        "PYTHONWARNINGS": "ignore",
        "DJANGO_SETTINGS_MODULE": "django_shop.settings",
        "DJANGO_ALLOW_ASYNC_UNSAFE": "1",  # before 4.2 a synchronous stream is read in the event loop
        "SHOP_POSTGRESQL": f"{postgresql.host}:{postgresql.port}:{postgresql.user}:{name}",
    }
    done = Machine(tmp_path_factory.mktemp("stock")).run(sys.executable, "-m", "django_shop.stock", environ=environ)
    assert done.returncode == 0, done.stderr
    return environ, done.stdout.decode().strip()


@pytest.fixture
def shop(machine, stock, request):
    """A machine to run the shop on, with one of the drivers; and the administrator's session."""
    environ, session = stock
    machine.environ.update(environ, SHOP_DRIVER=request.node.callspec.params["driver"])
    return machine, session


@contextmanager
def served(machine, *command):
    """Run a server for the length of a block; gives a function that asks it, as the administrator."""
    port = free_port()
    process = subprocess.Popen(
        [RUN, *(part.format(port=port, shop=TESTS / "django_shop") for part in command)],
        cwd=machine.directory,
        env=machine.environ,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )

    def ask(path, session=""):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        connection.request("GET", path, headers={"Cookie": f"sessionid={session}"})
        connection.getresponse().read()
        connection.close()

    try:
        answered(lambda: ask("/moved/"), process)
        yield ask
        process.send_signal(signal.SIGTERM)
        process.wait(LIMIT_S)
    finally:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        process.wait()


def trees(machine):
    """Return the scope and the tree of each trace, oldest first."""
    return [
        (trace["spans"][0]["scope"].rpartition(".")[2], "\n".join(_lines(trace["spans"], "")))
        for trace in reversed(machine.traces())
    ]


def _lines(spans, parent, depth=0):
    for span in spans:
        if (span["parent_id"] or "") == parent:
            yield "    " * depth + _told(span)
            yield from _lines(spans, span["span_id"], depth + 1)


def _told(span):
    attributes = span["attributes"]
    words = [span["name"], span["kind"]]
    words += [str(attributes[key]) for key in ("http.response.status_code", "code.function.name") if key in attributes]
    words += ["ERROR"] * (span["status"]["code"] == "ERROR")
    words += [_exception(event["attributes"]) for event in span["events"]]
    return " ".join(words)


def _exception(attributes):
    innermost = attributes["exception.stacktrace"].rpartition("  File ")[2].splitlines()[0].rpartition(" in ")[2]
    return f"({attributes['exception.type']}: {attributes['exception.message']}, in {innermost})"


@pytest.mark.parametrize(
    ("server", "driver"),
    [
        pytest.param(server, driver, marks=[] if (server, driver) == USUAL else pytest.mark.endurance)
        for server in SERVERS
        for driver in ("psycopg2", "psycopg")
    ],
)
def test_under_a_server(shop, server, driver):
    """One trace for each request, and none for what Django asks for itself."""
    machine, session = shop
    scope, *command = SERVERS[server]
    with served(machine, *command) as ask:
        for path in TREES:
            ask(path, session)
        expected = [(scope, TREES[path].strip()) for path in ("/moved/", *TREES)]
        count = sum(tree.count("\n") + 1 for _, tree in expected)
        until(lambda: machine.delivered() >= count, lambda: f"{count} spans, not {machine.delivered()}")
    assert trees(machine) == expected


@pytest.mark.parametrize("driver", ["psycopg", pytest.param("psycopg2", marks=pytest.mark.endurance)])
def test_in_the_test_clients(shop, driver):
    """The same trees, in both clients; they keep their connections."""
    machine, session = shop
    done = machine.python("-m", "django_shop.ask", session, *TREES)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    connect = "    connect CLIENT\n"
    first, *rest = [TREES[path].strip() for path in TREES]
    expected = [first, *(tree.replace(connect, "") for tree in rest)] * 2
    if django.VERSION < (4, 2):  # a stream is read in the event loop, which has a connection of its own
        expected[len(TREES) + [*TREES].index("/stream/")] = TREES["/stream/"].strip()
    assert trees(machine) == [("django_test_client", tree) for tree in expected]


@pytest.mark.parametrize("driver", ["psycopg2", pytest.param("psycopg", marks=pytest.mark.endurance)])
def test_a_command_is_one_trace(shop, driver):
    """Of what is asked within it, only what the program asked for is told, once: transactions, jsonb, cursors of the server."""
    machine, _ = shop
    done = machine.python(MANAGE, "stocktake")
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout == b"(('Third', {'pages': 3}), [{'pages': 3}], 1, [True], True, 2)\n"
    assert trees(machine) == [("django_commands", COMMAND.strip())]
