"""oracledb: the real package, above what would speak with a server, since no package could install one."""

from __future__ import annotations

import inspect
import pickle
import sys

import oracledb
import pytest

from autotrace.testing import frames
from autotrace.testing.contracts.db_client import Work
from services.ports import LOOPBACK, free_port


@pytest.fixture
def traced(recorder, instrument):
    """oracledb, patched."""
    instrument("oracledb")
    return recorder


def test_a_connection_that_is_refused_has_failed(traced):
    """The span tells where it was to be to, however that is said, and nobody else."""
    port = free_port()
    refused = (oracledb.Error, OSError)
    with Work() as work:
        for told in (
            {"dsn": f"{LOOPBACK}:{port}/shop", "user": "me", "password": "hunter2"},
            {"dsn": f"me/hunter2@{LOOPBACK}:{port}/shop"},
            {"user": "me", "password": "hunter2", "host": LOOPBACK, "port": port, "service_name": "shop"},
        ):
            with pytest.raises(refused) as caught:
                oracledb.connect(**told)
    *spans, _ = traced.wait(4)
    for failed in spans:
        assert (failed["name"], failed["scope"], failed["status"]) == ("connect", "oracledb", "ERROR")
        assert failed["parent_id"] == work.span_id
        attributes = {
            name: value for name, value in failed["attributes"].items() if "error" not in name and "code" not in name
        }
        assert attributes == {
            "db.system.name": "oracle.db",
            "db.namespace": "shop",
            "server.address": LOOPBACK,
            "server.port": port,
        }
    assert "hunter2" not in repr(spans)
    if sys.version_info >= (3, 11):
        assert not frames.ours(caught.value)


class Sending:
    """Takes the place of what speaks with a server, beneath a connection or a cursor of the library's own classes."""

    statement, dsn = "SELECT 1 FROM dual", "db.example:1522/shop"

    def close(self, *_, **_named):
        """Close nothing."""

    def process_sync_operation(self, _thing, name, _args, _kwargs):
        """Say what was asked for."""
        return name

    async def process_async_operation(self, _thing, name, _args, _kwargs):
        """Say what was asked for."""
        return name


NEWEST = hasattr(oracledb.Cursor, "_execute")


def made(kind, **more):
    """Return an object of a class of the library's that was never connected."""
    thing = kind.__new__(kind)
    for name, value in more.items():
        setattr(thing, name, value)
    return thing


@pytest.mark.skipif(not NEWEST, reason="older ones do not send through one method")
def test_what_is_asked_is_told(traced):
    """Statements, batches, procedures and ends of transactions, sync and awaited."""
    connection = made(oracledb.Connection, _impl=Sending())
    cursor = made(oracledb.Cursor, _impl=Sending(), _connection=connection)
    with Work():
        cursor.execute("SELECT name FROM songs WHERE name = 'hunter2'")
        cursor.execute(None)
        cursor.executemany("INSERT INTO songs VALUES (:1)", [(1,), (2,)])
        cursor.callproc("refresh", [1])
        connection.commit()
        connection.rollback()
    spans = traced.finished()
    assert [span["name"] for span in spans] == [
        *("SELECT songs", "SELECT dual", "BATCH INSERT songs", "CALL refresh", "COMMIT", "ROLLBACK", "work")
    ]
    assert spans[0]["attributes"] == {
        "db.system.name": "oracle.db",
        "db.namespace": "shop",
        "db.operation.name": "SELECT",
        "db.collection.name": "songs",
        "db.query.text": "SELECT name FROM songs WHERE name = ?",
        "db.query.summary": "SELECT songs",
        "server.address": "db.example",
        "server.port": 1522,
    }


def test_functions_look_as_before(traced):
    """What is patched pickles, and is a coroutine function where it was one."""
    assert pickle.loads(pickle.dumps(oracledb.Cursor.execute)) is oracledb.Cursor.execute
    assert oracledb.Cursor.execute.__qualname__ == "Cursor.execute"
    if hasattr(oracledb, "AsyncCursor"):
        assert inspect.iscoroutinefunction(oracledb.AsyncCursor.execute)
        assert inspect.iscoroutinefunction(oracledb.AsyncConnection.commit)
