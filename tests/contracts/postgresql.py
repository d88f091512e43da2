"""What is different in the contract of database clients where the database is PostgreSQL."""

from __future__ import annotations

import contextlib

import psycopg2
import pytest

from autotrace.testing.contracts.db_client import DbClientContract

SONGS = "CREATE TABLE songs (id INTEGER PRIMARY KEY, title TEXT); INSERT INTO songs VALUES (1, 'One')"
# psycopg2 itself, whatever becomes of its name while tests patch it
_connect = psycopg2.connect


def ask(dsn, *statements):
    """Send statements outside of all tracing, each by itself."""
    connection = _connect(dsn)
    connection.autocommit = True
    for statement in statements:
        connection.cursor().execute(statement)
    connection.close()


@pytest.fixture(scope="session")
def database(postgresql, worker_id):
    """The name of a database of this process's own."""
    name = f"songs_{worker_id}"
    ask(postgresql.dsn(), f"DROP DATABASE IF EXISTS {name} WITH (FORCE)", f"CREATE DATABASE {name}")
    return name


@pytest.fixture
def songs(postgresql, database):
    """A connection string of a database with one table, of one song."""
    ask(postgresql.dsn(database), "DROP TABLE IF EXISTS songs", SONGS)
    return f"{postgresql.dsn(database)} options='-c lock_timeout=100'"


class PostgresContract(DbClientContract):
    """The contract, at a server."""

    system = "postgresql"
    mark = "%s"
    code = "42703"  # undefined_column

    def server(self):
        return {"server.address": self.where.host, "server.port": self.where.port}

    def unquoted(self, message):
        return message.replace('"nothing"', "?")

    @pytest.fixture
    def path(self, songs, postgresql, database):
        """The name of a database with a table of songs."""
        self.where, self.dsn = postgresql, songs
        return database

    @contextlib.contextmanager
    def locked(self, path):
        other = _connect(self.dsn)
        other.cursor().execute("LOCK TABLE songs")
        try:
            yield
        finally:
            other.close()
