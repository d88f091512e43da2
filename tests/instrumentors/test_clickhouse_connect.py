"""clickhouse-connect: queries, commands and inserts, at a double of the interface over HTTP."""

from __future__ import annotations

import asyncio
import sys

import clickhouse_connect
import pytest
from clickhouse_connect.driver.exceptions import DatabaseError

from autotrace.testing import frames
from autotrace.testing.contracts.db_client import Work
from contracts.clickhouse import double
from services.ports import LOOPBACK, free_port

__all__ = ["double"]

VERSION = (
    tuple(int(part) for part in clickhouse_connect.__version__.split(".")[:2])
    if hasattr(clickhouse_connect, "__version__")
    else (0, 6)
)


@pytest.fixture
def traced(recorder, instrument):
    """clickhouse-connect, patched, and what it stands upon."""
    instrument("clickhouse_connect", "urllib3", "http_client")
    return recorder


def opened(double):
    """Return a client."""
    port = double.server_address[1]
    return clickhouse_connect.get_client(host=LOOPBACK, port=port, database="shop", username="me", password="hunter2")


def test_a_statement_is_one_span(traced, double):
    """Without the requests that it takes, and without what a new client asks."""
    client = opened(double)
    assert traced.finished() == []
    with Work() as work:
        assert client.query("SELECT n FROM songs WHERE title = 'hunter2'").result_rows in ([(7,)], [[7]])
        client.command("CREATE TABLE songs (n UInt8) ENGINE Memory")
        assert client.raw_query("SELECT n FROM songs", fmt="CSV") == b"7\n"
        client.insert("songs", [[1], [2]], column_names=["n"], column_type_names=["UInt8"])
        assert client.ping() in (True, False)
    select, create, raw, insert, _ = traced.wait(5)
    where = {
        "db.system.name": "clickhouse",
        "db.namespace": "shop",
        "server.address": LOOPBACK,
        "server.port": double.server_address[1],
    }
    assert select == {
        "name": "SELECT songs",
        "kind": "CLIENT",
        "scope": "clickhouse_connect",
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
    assert [span["name"] for span in (create, raw)] == ["CREATE TABLE songs", "SELECT songs"]
    assert insert["name"].startswith("INSERT ")
    assert "songs" in insert["name"]
    assert "hunter2" not in repr(traced.finished())
    client.close()


def test_a_failure_passes_and_is_told(traced, double):
    """The exception is the library's own."""
    client = opened(double)
    with pytest.raises(DatabaseError) as caught:
        client.query("SELECT 1 FROM missing")
    span = traced.finished()[-1]
    assert (span["status"], span["attributes"]["error.type"]) == (
        "ERROR",
        "clickhouse_connect.driver.exceptions.DatabaseError",
    )
    if VERSION >= (1, 0):
        assert span["attributes"]["db.response.status_code"] == "60"
    if sys.version_info >= (3, 11):
        assert not frames.ours(caught.value)
    client.close()


def test_opening_a_client_is_a_span_beneath_what_is_current(traced, double):
    """One, and one that has failed where nobody answers."""
    with Work() as work:
        opened(double).close()
        with pytest.raises(Exception, match=r".") as caught:
            clickhouse_connect.get_client(host=LOOPBACK, port=free_port(), database="shop", connect_timeout=1)
    connect, failed, _ = traced.wait(3)
    assert (connect["name"], connect["status"], connect["parent_id"]) == ("connect", "UNSET", work.span_id)
    assert connect["attributes"] == {
        "db.system.name": "clickhouse",
        "db.namespace": "shop",
        "server.address": LOOPBACK,
        "server.port": double.server_address[1],
    }
    assert (failed["name"], failed["status"]) == ("connect", "ERROR")
    assert failed["attributes"]["error.type"].endswith(type(caught.value).__name__)


@pytest.mark.skipif(VERSION < (1, 0), reason="an asynchronous client of its own came with 1.0")
def test_awaited(recorder, instrument, double):
    """The same, without the requests of the library that it stands upon then."""
    instrument("clickhouse_connect", "clickhouse_connect_async", "aiohttp_client")

    async def main():
        client = await clickhouse_connect.get_async_client(
            host=LOOPBACK, port=double.server_address[1], database="shop"
        )
        with Work():
            assert (await client.query("SELECT n FROM songs")).result_rows in ([(7,)], [[7]])
            await client.command("SELECT 1")
            with pytest.raises(DatabaseError):
                await client.query("SELECT 1 FROM missing")
        await client.close()

    asyncio.run(main())
    assert [(span["scope"], span["name"], span["status"]) for span in recorder.finished()] == [
        ("clickhouse_connect_async", "SELECT songs", "UNSET"),
        ("clickhouse_connect_async", "SELECT", "UNSET"),
        ("clickhouse_connect_async", "SELECT missing", "ERROR"),
        ("test", "work", "UNSET"),
    ]
