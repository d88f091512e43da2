"""duckdb: the contract of database clients, and what is its own."""

from __future__ import annotations

import pickle

import duckdb
import pytest

from autotrace.testing.contracts.db_client import DbClientContract, Work


class TestConnection(DbClientContract):
    """The contract, through connections; the engine is in this process, and the database a file."""

    instrumentors = ("duckdb",)
    scope = "duckdb"
    system = "duckdb"
    error = duckdb.BinderException
    error_name = f"{duckdb.BinderException.__module__}.BinderException"
    code = None

    @pytest.fixture
    def path(self, tmp_path):
        """The name of a database with a table of songs: a file."""
        file = str(tmp_path / "songs.duckdb")
        with duckdb.connect(file) as plain:
            plain.execute(
                "CREATE TABLE songs (id INTEGER PRIMARY KEY, title TEXT); INSERT INTO songs VALUES (1, 'One')"
            )
        return file

    def open(self, path):
        return duckdb.connect(path)

    def run(self, db, sql, parameters=()):
        return db.execute(sql, list(parameters)).fetchall()

    def run_many(self, db, sql, rows):
        db.executemany(sql, rows)

    def unquoted(self, message):
        return message.replace('"nothing"', "?")

    def close(self, db):
        db.close()

    def test_a_time_out_is_a_failure(self, db, path, recorder):
        """There are no locks that are waited for: of two that write the same, one fails."""
        other = db.cursor()
        for connection in (db, other):
            connection.begin()
        db.execute("UPDATE songs SET title = 'a'")
        with pytest.raises(duckdb.Error, match=r"[Cc]onflict"):
            other.execute("UPDATE songs SET title = 'b'")
        db.commit()
        assert [span["status"] for span in recorder.finished()] == ["UNSET", "ERROR"]


class TestCursor(TestConnection):
    """The contract, through cursors and ``sql``."""

    def run(self, db, sql, parameters=()):
        if parameters:
            return db.cursor().execute(sql, list(parameters)).fetchall()
        relation = db.cursor().sql(sql)
        return relation.fetchall() if relation is not None else []


@pytest.fixture
def traced(recorder, instrument):
    """duckdb, patched."""
    instrument("duckdb")
    return recorder


def told(recorder):
    """Return the namespace and the text of each span."""
    return [
        (span["attributes"].get("db.namespace"), span["attributes"].get("db.query.text"))
        for span in recorder.finished()
    ]


def test_types_look_as_before(traced):
    """Connections are the library's own."""
    connection = duckdb.connect()
    assert type(connection) is duckdb.DuckDBPyConnection
    assert connection.execute("SELECT 1") is connection
    assert connection.execute.__name__ == "execute"
    assert "SQL query" in duckdb.DuckDBPyConnection.execute.__doc__
    with pytest.raises(TypeError):
        connection.execute()
    with pytest.raises(TypeError):
        pickle.dumps(connection)


def test_the_module_is_a_connection(traced):
    """What is asked of it is asked of the default connection, or of one that is given."""
    assert duckdb.execute("SELECT 'hunter2'").fetchall() == [("hunter2",)]
    assert duckdb.sql("SELECT 2").fetchall() == [(2,)]
    assert duckdb.query("SELECT 3").fetchall() == [(3,)]
    connection = duckdb.connect(":memory:")
    duckdb.execute(query="CREATE TABLE numbers (n INTEGER)", connection=connection)
    duckdb.executemany("INSERT INTO numbers VALUES (?)", [[1], [2]], connection=connection)
    assert told(traced) == [
        (None, "SELECT ?"),
        (None, "SELECT ?"),
        (None, "SELECT ?"),
        (":memory:", "CREATE TABLE numbers (n INTEGER)"),
        (":memory:", "INSERT INTO numbers VALUES (?)"),
    ]
    assert traced.finished()[-1]["attributes"]["db.operation.batch.size"] == 2


def test_names_in_double_quotes_are_names(traced):
    """And text in dollars is text; lists and structures keep their signs."""
    connection = duckdb.connect()
    connection.execute('CREATE TABLE "my songs" ("a b" INTEGER[])')
    connection.execute('SELECT "a b", $$hunter2$$, {\'a\': 1}, [1, 2] FROM "my songs"')
    assert told(traced)[1][1] == 'SELECT "a b", ?, {?: ?}, [?, ?] FROM "my songs"'
    assert traced.finished()[1]["name"] == 'SELECT "my songs"'


def test_ends_of_transactions(traced):
    """They are spans beneath what is current."""
    connection = duckdb.connect()
    connection.begin().commit()
    with Work():
        connection.begin()
        connection.execute("CREATE TABLE numbers (n INTEGER)")
        connection.commit()
        connection.begin()
        connection.rollback()
    assert [span["name"] for span in traced.finished()] == ["CREATE TABLE numbers", "COMMIT", "ROLLBACK", "work"]


def test_messages_quote_nothing(traced):
    """Neither values with quotes nor those without."""
    connection = duckdb.connect()
    connection.execute("CREATE TABLE numbers (n INTEGER PRIMARY KEY)")
    for statement in ("SELECT CAST('hunter2' AS INTEGER)", "SELECT CAST(4711471147 AS INTEGER)"):
        with pytest.raises(duckdb.Error):
            connection.execute(statement).fetchall()
    assert "4711" not in repr(traced.finished())
    assert "hunter2" not in repr(traced.finished())


def test_a_connection_that_fails_is_a_span(traced, tmp_path):
    """Beneath what is current."""
    nowhere = str(tmp_path / "nothing" / "songs.duckdb")
    with Work(), pytest.raises(duckdb.IOException):
        duckdb.connect(nowhere)
    failed, _ = traced.wait(2)
    assert (failed["name"], failed["status"]) == ("connect", "ERROR")
    assert failed["attributes"] == {
        "db.system.name": "duckdb",
        "db.namespace": nowhere,
        "error.type": f"{duckdb.IOException.__module__}.IOException",
    }
