"""What is different in the contract of database clients where the database is MariaDB."""

from __future__ import annotations

import contextlib
import warnings

import pymysql
import pytest

from autotrace.testing.contracts.db_client import DbClientContract, Work


def ask(server, *statements, database=None):
    """Send statements outside of all tracing, whatever is patched, each by itself."""
    with Work(sampled=False), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # old versions pass on what the server notes
        connection = pymysql.connect(
            host=server.host, port=server.port, user=server.user, database=database, autocommit=True
        )
        for statement in statements:
            connection.cursor().execute(statement)
        connection.close()


@pytest.fixture(scope="session")
def database(mariadb, worker_id):
    """The name of a database of this process's own."""
    name = f"songs_{worker_id}"
    ask(mariadb, f"DROP DATABASE IF EXISTS {name}", f"CREATE DATABASE {name}")
    return name


@pytest.fixture
def songs(mariadb, database):
    """How a connection is made to a database with one table, of one song."""
    ask(
        mariadb,
        "CREATE TABLE IF NOT EXISTS songs (id INTEGER PRIMARY KEY, title VARCHAR(100) UNIQUE)",
        "DELETE FROM songs",
        "INSERT INTO songs VALUES (1, 'One')",
        database=database,
    )
    return {"host": mariadb.host, "port": mariadb.port, "user": mariadb.user, "database": database}


@pytest.fixture
def where(songs, mariadb, database):
    """The attributes of spans that say to whom they went."""
    return {
        "db.system.name": "mariadb",
        "db.namespace": database,
        "server.address": mariadb.host,
        "server.port": mariadb.port,
    }


@pytest.fixture
def url(songs):
    """A function that returns SQLAlchemy's URL of the database, by a dialect and a driver."""

    def made(driver):
        return f"{driver}://{songs['user']}@{songs['host']}:{songs['port']}/{songs['database']}"

    return made


class MariaContract(DbClientContract):
    """The contract, at a server."""

    system = "mariadb"
    mark = "%s"
    code = "1054"  # ER_BAD_FIELD_ERROR

    def server(self):
        return {"server.address": self.where.host, "server.port": self.where.port}

    def unquoted(self, message):
        return "1054: Unknown column ?"

    @pytest.fixture
    def path(self, songs, mariadb, database):
        """The name of a database with a table of songs."""
        self.where, self.arguments = mariadb, songs
        return database

    def call(self, db, name, arguments):
        """Call a procedure."""
        raise NotImplementedError

    def expected_server(self, path):
        """Return the attributes of all spans of the database."""
        return {"db.system.name": "mariadb", "db.namespace": path, **self.server()}

    def test_values_in_messages_are_hidden(self, db, recorder):
        """Also those with quotes of their own, which the server does not mark."""
        title = "rock 'n' roll \"hunter2\" 5551234"
        self.run(db, f"INSERT INTO songs VALUES (2, {self.mark})", (title,))
        for statement, code in (
            (f"INSERT INTO songs VALUES (3, {self.mark})", "1062"),
            (f"SELEKT 1 WHERE title = {self.mark}", "1064"),
            (f"SELEKT 1 WHERE\ntitle = {self.mark}", "1064"),
        ):
            recorder.clear()
            with pytest.raises(self.errors):
                self.run(db, statement, (title,))
            [span] = recorder.wait(1)
            assert span["attributes"]["db.response.status_code"] == code
            assert span["message"].startswith(code)
            for part in ("rock", "roll", "hunter2", "5551234"):
                assert part not in repr(span)

    def test_a_procedure_is_called_in_one_span(self, db, path, recorder):
        """In however many statements its arguments are sent, and none of them is told."""
        self.run(db, "CREATE OR REPLACE PROCEDURE twice(a INT, b VARCHAR(20)) SELECT a * 2")
        recorder.clear()
        self.call(db, "twice", (21, "hunter2"))
        [span] = recorder.wait(1)
        assert span["name"] == "CALL twice"
        assert span["attributes"] == {
            **self.expected_server(path),
            "db.operation.name": "CALL",
            "db.stored_procedure.name": "twice",
            "db.query.text": "CALL twice",
            "db.query.summary": "CALL twice",
        }

    def test_a_load_of_a_file_is_told_without_its_name(self, db, recorder, tmp_path):
        """The statement reads a file of the client's."""
        file = tmp_path / "hunter2.tsv"
        file.write_text("7\tSeven\n")
        self.run(db, f"LOAD DATA LOCAL INFILE '{file}' INTO TABLE songs")
        assert self.run(db, "SELECT title FROM songs WHERE id = 7") == [("Seven",)]
        span = recorder.finished()[0]
        assert span["attributes"]["db.query.text"] == "LOAD DATA LOCAL INFILE ? INTO TABLE songs"
        assert "hunter2" not in repr(recorder.finished())

    @contextlib.contextmanager
    def locked(self, path):
        with Work(sampled=False):
            other = pymysql.connect(**self.arguments)
            other.cursor().execute("LOCK TABLES songs WRITE")
        try:
            yield
        finally:
            other.close()
