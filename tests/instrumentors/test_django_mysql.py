"""Django over MariaDB, with mysqlclient or PyMySQL in its place: of what it asks, only what the program asked for is told."""

from __future__ import annotations

import importlib
import sys

import pymysql
import pytest

from autotrace.testing.contracts.db_client import Work
from contracts.django import set_up
from contracts.mariadb import database, songs, where

__all__ = ["database", "songs", "where"]
# Old ones use what newer Pythons warn of.
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::PendingDeprecationWarning"),
]
try:
    importlib.import_module("MySQLdb")
    DRIVER = "mysqldb"
except ImportError:
    if pymysql.version_info < (2, 2, 1):
        pytest.skip(
            "this PyMySQL does not say that it is like the mysqlclient that Django wants", allow_module_level=True
        )
    DRIVER = "pymysql"


@pytest.fixture
def stand_in(monkeypatch):
    """PyMySQL in mysqlclient's place while a test runs, with all of its modules.

    What ``install_as_MySQLdb()`` does lasts, and Django then imports PyMySQL's modules a second time, beneath the other
    name: ``pymysql.err`` is another module afterwards, and other tests take PyMySQL for mysqlclient.
    """
    if DRIVER == "pymysql":
        for name, module in list(sys.modules.items()):
            if name.partition(".")[0] == "pymysql":
                monkeypatch.setitem(sys.modules, name.replace("pymysql", "MySQLdb", 1), module)


@pytest.fixture
def connection(songs, recorder, instrument, stand_in):
    """A connection of Django's that was not opened yet, with ``DEBUG``."""
    set_up()
    backend = importlib.import_module("django.db.backends.mysql.base")
    instrument(DRIVER, "django_mysql")
    place = {"NAME": songs["database"], "HOST": songs["host"], "PORT": songs["port"], "USER": songs["user"]}
    rest = {"PASSWORD": "", "TIME_ZONE": None, "CONN_MAX_AGE": 0, "CONN_HEALTH_CHECKS": False, "AUTOCOMMIT": True}
    made = backend.DatabaseWrapper({**place, **rest, "OPTIONS": {}, "ATOMIC_REQUESTS": False}, alias="shop")
    made.force_debug_cursor = True
    yield made
    made.close()


def test_what_it_asks_for_itself_has_no_span(connection, recorder, where):
    """But for connecting, beneath a span."""
    with Work(), connection.cursor() as cursor:
        cursor.execute("SELECT title FROM songs WHERE id = %s", [1])
        assert cursor.fetchone() == ("One",)
    assert connection.queries[-1]["sql"] == "SELECT title FROM songs WHERE id = 1"
    connect, query, _ = recorder.wait(3)
    assert (connect["name"], connect["attributes"]) == ("connect", where)
    assert query["attributes"] == {
        **where,
        "db.operation.name": "SELECT",
        "db.collection.name": "songs",
        "db.query.text": "SELECT title FROM songs WHERE id = %s",
        "db.query.summary": "SELECT songs",
    }


def test_the_library_that_stands_in_is_the_one_that_is_traced(connection, recorder):
    """Its scope says which."""
    with connection.cursor() as cursor:
        cursor.executemany("INSERT INTO songs VALUES (%s, %s)", [(2, "b"), (3, "c")])
    [batch] = recorder.wait(1)
    assert (batch["scope"], batch["name"]) == (DRIVER, "BATCH INSERT songs")
    assert sys.modules["MySQLdb"].__name__ == {"mysqldb": "MySQLdb"}.get(DRIVER, DRIVER)
