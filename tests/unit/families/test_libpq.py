"""What drivers that stand on libpq share: text of statements that are put together, and where a connection is to."""

from __future__ import annotations

import sys

import psycopg.sql
import psycopg2.sql
import pytest

from autotrace.families.db import libpq
from autotrace.families.db.query import TEXT_LIMIT


@pytest.fixture(params=[psycopg.sql, psycopg2.sql], ids=["psycopg", "psycopg2"])
def parts(request):
    """The driver's parts of statements."""
    return request.param


def test_parts_become_text_without_their_values(parts):
    """Names are quoted, placeholders stay, of what is a literal nothing is told; nested parts, too."""
    columns = parts.SQL(", ").join(parts.Identifier(name) for name in ("id", 'ti"tle'))
    made = parts.SQL("SELECT {} FROM {} WHERE a = {} AND b = {} AND c = {}").format(
        columns,
        parts.Identifier("public", "songs"),
        parts.Literal("secret"),
        parts.Placeholder(),
        parts.Placeholder("c"),
    )
    assert (
        libpq.reading(parts)(made)
        == 'SELECT "id", "ti""tle" FROM "public"."songs" WHERE a = ? AND b = %s AND c = %(c)s'
    )


def test_nothing_of_a_programs_own_part_runs(parts):
    """The library asks it for its text; we do not."""

    class Own(parts.Composable):
        def as_string(self, context=None):
            raise AssertionError

        as_bytes = as_string

    assert libpq.reading(parts)(parts.SQL("SELECT {}").format(Own("secret"))) == "SELECT ?"


@pytest.mark.parametrize(
    ("given", "text"), [("SELECT 1", "SELECT 1"), (b"SELECT \xff", "SELECT \ufffd"), (5, None), (None, None)]
)
def test_other_statements(parts, given, text):
    """Text stays, bytes are decoded, anything else is none."""
    assert libpq.reading(parts)(given) == text


def test_a_statement_of_very_many_parts_is_not_read_to_its_end(parts):
    """A little more than what is kept is enough."""
    seen = []

    class Counted(parts.SQL):
        def as_string(self, context=None):
            seen.append(1)
            return super().as_string(context)

    made = parts.Composed([Counted("x" * 100)] * 10_000)
    assert TEXT_LIMIT < len(libpq.reading(parts)(made)) < TEXT_LIMIT + 200
    assert len(seen) < 400
    assert len(libpq.reading(parts)(b"x" * 1_000_000)) == TEXT_LIMIT * 4


@pytest.mark.skipif(sys.version_info < (3, 14), reason="templates came with Python 3.14")
def test_templates(parts):
    """A value is told where it is a name, or a template itself."""
    space = {"secret": "hunter2", "table": "songs", "parts": parts}
    space["inner"] = eval('t"id = {secret}"', space)
    made = eval('t"SELECT {secret}, {secret:l} FROM {table:i} WHERE {inner:q}"', space)
    assert libpq.reading(parts)(made) == 'SELECT ?, ? FROM "songs" WHERE id = ?'


@pytest.mark.parametrize(
    ("told", "database"),
    [
        ({}, (None, None, None)),
        ({"host": "h", "port": "5433", "dbname": "d", "user": "u", "password": "p"}, ("d", "h", 5433)),
        ({"host": "a,b", "port": "1,2"}, (None, "a,b", None)),
        ({"host": "", "port": 7}, (None, None, 7)),
    ],
)
def test_parameters(told, database):
    """Name, host and port, as far as they are told."""
    assert libpq.of_parameters(told) == ("postgresql", *database)
