"""Django over its databases: of what it asks, only what the program asked for is told."""

from __future__ import annotations

import pytest
from django.db import connections

from autotrace.testing.contracts.db_client import Work
from contracts.django import DJANGO, USUAL, set_up

pytestmark = USUAL


@pytest.fixture
def connection(tmp_path, recorder, instrument, monkeypatch):
    """A connection to a file that was not opened yet, which logs its queries."""
    set_up()
    instrument("sqlite3", "django_sqlite3")
    made = connections.create_connection("default")
    monkeypatch.setitem(made.settings_dict, "NAME", str(tmp_path / "shop.db"))
    made.force_debug_cursor = True
    yield made
    made.close()


def test_what_it_asks_for_itself_has_no_span(connection, recorder):
    """Neither when a connection is opened, with a span around it or without one, nor to show the parameters in ``DEBUG``."""
    connection.ensure_connection()
    assert recorder.finished() == []
    connection.close()
    with Work(), connection.cursor() as cursor:
        cursor.execute("SELECT %s AS a, %s", [1, "x"])
        assert cursor.fetchone() == (1, "x")
    assert [query["sql"] for query in connection.queries] == ["SELECT 1 AS a, 'x'"]
    query, work = recorder.wait(2)
    text = "SELECT ? AS a, ?" if DJANGO >= (4, 2) else "SELECT %s AS a, %s"  # seen before Django writes it anew
    assert (query["attributes"]["db.query.text"], query["parent_id"]) == (text, work["span_id"])


def test_what_the_program_asks_in_the_same_words_is_told(connection, recorder):
    """A pragma, and what the library asks to show a query, asked by the program."""
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA foreign_keys")
        cursor.execute("SELECT QUOTE(%s)", [5])
    assert [span["name"] for span in recorder.finished()] == ["PRAGMA foreign_keys", "SELECT"]
