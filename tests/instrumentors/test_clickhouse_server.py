"""clickhouse-driver and clickhouse-connect: the contract of database clients, at a real server."""

from __future__ import annotations

import socket

import clickhouse_connect
import clickhouse_driver
import pytest
from clickhouse_connect.driver import exceptions
from clickhouse_driver import dbapi, errors

from autotrace.families.db import query
from autotrace.testing.contracts.db_client import Work, describe_work
from autotrace.trace.failure import type_name
from autotrace.trace.span import Operation
from contracts.clickhouse import ClickHouseContract, front
from services.ports import LOOPBACK

__all__ = ["front"]


class TestDriver(ClickHouseContract):
    """The contract, through clickhouse-driver's client."""

    instrumentors = ("clickhouse_driver",)
    scope = "clickhouse_driver"
    error = errors.ServerException
    error_name = "clickhouse_driver.errors.ServerException"

    def open(self, path):
        return clickhouse_driver.Client(LOOPBACK, port=self.port, database=path)

    def run(self, db, sql, parameters=()):
        return db.execute(sql, {"value": parameters[0]} if parameters else None)

    def run_many(self, db, sql, rows):
        db.execute(sql, rows)

    def close(self, db):
        db.disconnect()

    def test_a_time_out_is_a_failure(self, db, path, recorder):
        """There are no locks that are waited for: an answer is late."""
        slow = clickhouse_driver.Client(LOOPBACK, port=self.port, database=path, send_receive_timeout=0.2)
        with pytest.raises(socket.timeout):
            slow.execute("SELECT sleep(2)")
        slow.disconnect()
        span = recorder.finished()[-1]
        assert (span["name"], span["status"]) == ("SELECT", "ERROR")
        assert span["attributes"]["error.type"] == type_name(socket.timeout)

    def test_beneath_a_query_there_is_no_second_span(self, db, recorder):
        """But for the connection that the client makes anew where a statement has failed."""
        with Work("above", Operation(query.FAMILY, 3, "above", describe_work)):
            assert self.run(db, "SELECT title FROM songs") == [("One",)]
            with pytest.raises(self.error):
                self.run(db, "SELECT nothing FROM songs")
            assert self.run(db, "SELECT title FROM songs") == [("One",)]
        connect, _ = recorder.wait(2)
        assert [span["name"] for span in recorder.finished()] == ["connect", "above"]
        assert connect["status"] == "UNSET"


class TestDbapi(TestDriver):
    """The contract, through clickhouse-driver's DB-API."""

    error = dbapi.OperationalError

    def open(self, path):
        return dbapi.connect(host=LOOPBACK, port=self.port, database=path).cursor()  # which has a client of its own

    def run(self, db, sql, parameters=()):
        db.execute(sql, {"value": parameters[0]} if parameters else None)
        return db.fetchall()

    def run_many(self, db, sql, rows):
        db.executemany(sql, rows)

    def close(self, db):
        db.close()


class TestConnect(ClickHouseContract):
    """The contract, through clickhouse-connect."""

    instrumentors = ("clickhouse_connect", "urllib3", "http_client")
    scope = "clickhouse_connect"
    error = exceptions.DatabaseError
    error_name = "clickhouse_connect.driver.exceptions.DatabaseError"
    code = None  # a server of 2018 does not say it in a header

    @pytest.fixture(autouse=True)
    def _through(self, front):
        self.front = front.server_address[1]

    def server(self):
        return {"server.address": LOOPBACK, "server.port": self.front}

    def open(self, path):
        with Work(sampled=False):
            return clickhouse_connect.get_client(host=LOOPBACK, port=self.front, database=path, compress=False)

    def run(self, db, sql, parameters=()):
        return [tuple(row) for row in db.query(sql, {"value": parameters[0]} if parameters else None).result_rows]

    def run_many(self, db, sql, rows):
        db.insert("songs", rows, column_names=["id", "title"], column_type_names=["UInt32", "String"])

    def close(self, db):
        db.close()

    def test_a_time_out_is_a_failure(self, db, path, recorder):
        """There are no locks that are waited for: an answer is late."""
        with Work(sampled=False):
            slow = clickhouse_connect.get_client(
                host=LOOPBACK, port=self.front, database=path, send_receive_timeout=1, query_retries=0
            )
        with pytest.raises(exceptions.ClickHouseError):
            slow.query("SELECT sleep(3)")
        slow.close()
        span = recorder.finished()[-1]
        assert (span["name"], span["status"]) == ("SELECT", "ERROR")
