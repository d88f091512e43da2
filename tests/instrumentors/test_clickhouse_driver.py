"""clickhouse-driver: statements and connections, at a double of the native protocol."""

from __future__ import annotations

import sys

import clickhouse_driver
import pytest
from clickhouse_driver import dbapi, errors

from autotrace.testing import frames
from autotrace.testing.contracts.db_client import Work
from contracts.clickhouse import native
from services.ports import LOOPBACK, free_port

__all__ = ["native"]


@pytest.fixture
def traced(recorder, instrument):
    """clickhouse-driver, patched."""
    instrument("clickhouse_driver")
    return recorder


def test_a_statement_is_one_span(traced, native):
    """With the connection beneath it that it opened, where it opened one."""
    port = native.server_address[1]
    client = clickhouse_driver.Client(LOOPBACK, port=port, database="shop", password="hunter2")
    with Work() as work:
        assert client.execute("SELECT n FROM songs WHERE title = 'hunter2'") == [(7,)]
        assert client.execute("SELECT n FROM songs WHERE n = %(n)s", {"n": 4711}) == [(7,)]
    connect, select, named, _ = traced.wait(4)
    where = {
        "db.system.name": "clickhouse",
        "db.namespace": "shop",
        "server.address": LOOPBACK,
        "server.port": port,
    }
    assert (connect["name"], connect["parent_id"], connect["attributes"]) == ("connect", select["span_id"], where)
    assert select == {
        "name": "SELECT songs",
        "kind": "CLIENT",
        "scope": "clickhouse_driver",
        "trace_id": select["trace_id"],
        "span_id": select["span_id"],
        "parent_id": work.span_id,
        "attributes": {
            **where,
            "db.operation.name": "SELECT",
            "db.collection.name": "songs",
            "db.query.text": "SELECT n FROM songs WHERE title = ?",
            "db.query.summary": "SELECT songs",
        },
        "status": "UNSET",
    }
    assert named["attributes"]["db.query.text"] == "SELECT n FROM songs WHERE n = %(n)s"
    assert "hunter2" not in repr(traced.finished())
    assert b"hunter2" in native.asked[0]
    client.disconnect()


def test_a_failure_passes_and_is_told(traced, native):
    """The exception is the library's own; the span has the server's code."""
    client = clickhouse_driver.Client(LOOPBACK, port=native.server_address[1])
    with pytest.raises(errors.ServerException) as caught:
        client.execute("SELECT 1 FROM missing")
    span = traced.finished()[-1]
    assert (span["status"], span["attributes"]["db.response.status_code"]) == ("ERROR", "60")
    assert span["attributes"]["error.type"] == "clickhouse_driver.errors.ServerException"
    if sys.version_info >= (3, 11):
        assert not frames.ours(caught.value)
    client.disconnect()


def test_rows_that_are_inserted_are_not_consumed(traced, native):
    """They are the library's to read, and their number is not the number of statements."""
    client = clickhouse_driver.Client(LOOPBACK, port=native.server_address[1])
    assert client.execute("INSERT INTO songs (n) VALUES", ((number,) for number in range(3))) == 3
    span = traced.finished()[-1]
    assert span["name"] == "INSERT songs"
    assert "db.operation.batch.size" not in span["attributes"]
    client.disconnect()


def test_the_dbapi_is_a_client(traced, native):
    """Cursors send through one."""
    connection = dbapi.connect(host=LOOPBACK, port=native.server_address[1])
    cursor = connection.cursor()
    cursor.execute("SELECT n FROM songs")
    assert cursor.fetchall() == [(7,)]
    assert [span["name"] for span in traced.finished() if span["name"] != "connect"] == ["SELECT songs"]
    connection.close()


def test_a_server_that_is_not_there(traced):
    """The statement has failed, and so has the connection beneath it."""
    port = free_port()
    client = clickhouse_driver.Client(LOOPBACK, port=port, connect_timeout=1)
    with pytest.raises(errors.NetworkError):
        client.execute("SELECT 1")
    connect, select = traced.wait(2)
    assert (connect["status"], select["status"]) == ("ERROR", "ERROR")
    assert select["attributes"]["server.port"] == port
