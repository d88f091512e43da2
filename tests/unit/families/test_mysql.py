"""What MySQL's drivers share: whom a connection is to, texts, numbers, and what is left of messages."""

from __future__ import annotations

import gc
from types import SimpleNamespace

import pytest

from autotrace.families.db import dbapi, mysql, query
from autotrace.families.db.query import TEXT_LIMIT
from autotrace.testing.contracts.db_client import Work
from autotrace.trace import failure


class DriverError(Exception):
    """What a driver of MySQL's raises."""


class UpperError(Exception):
    """What a library above it raises."""

    def __init__(self, message, orig):
        super().__init__(message)
        self.orig = orig


@pytest.mark.parametrize(
    ("told", "database"),
    [
        ((None, None, None, None), ("mysql", None, None, None)),
        (("8.4.3", "shop", "h", 3307), ("mysql", "shop", "h", 3307)),
        (("10.11.19-MariaDB-0+deb12u1", b"shop", b"h", 3306), ("mariadb", "shop", "h", 3306)),
        ((b"5.5.5-10.3.39-MariaDB", "", "", 0), ("mariadb", None, None, 0)),
        (("8.0.36", "shop", "h", 3306, "/run/mysqld.sock"), ("mysql", "shop", "/run/mysqld.sock", None)),
        (("8.0.36", None, "h", "3306"), ("mysql", None, "h", None)),
    ],
)
def test_databases(told, database):
    """Which of the two, and where: a socket before a host, and nothing that is none of it."""
    assert mysql.database(*told) == database


def test_texts():
    """Bytes are text, as much as is kept of it; what is neither stays what it is."""
    assert mysql.text("SELECT 1") == "SELECT 1"
    assert mysql.text(b"SELECT '\xff'") == "SELECT '\ufffd'"
    assert mysql.text(bytearray(b"SELECT 1")) == "SELECT 1"
    assert len(mysql.text(b"x" * TEXT_LIMIT * 5)) == TEXT_LIMIT * 4
    assert mysql.text(7) == 7


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (DriverError(1062, "Duplicate entry"), "1062"),
        (DriverError(-1, "unknown"), None),
        (DriverError(0, ""), None),
        (DriverError("1062"), None),
        (DriverError(), None),
        (KeyError(5), None),
    ],
)
def test_numbers(error, code, monkeypatch):
    """The driver's own, where the server or its library said one."""
    monkeypatch.setattr(failure, "_quoting", ())
    monkeypatch.setattr(failure, "_loosely", ())
    assert mysql.code_of(DriverError)(error) == code


def test_a_number_is_told_before_sqlstate():
    """Of an exception beneath one of a library above it."""
    driver = DriverError(1062, "Duplicate entry")
    driver.sqlstate = "23000"
    assert query.code(UpperError("", driver)) == "1062"
    driver.args = (-1, "")
    assert query.code(UpperError("", driver)) == "23000"


@pytest.mark.parametrize(
    ("message", "left"),
    [
        ("(1054, \"Unknown column 'nothing' in 'SELECT'\")", "1054: Unknown column ?"),
        ("1062 (23000): Duplicate entry 'rock 'n' roll 555' for key 'title'", "1062 (23000): Duplicate entry ?"),
        ("(1062, 'Duplicate entry \\'a \"secret\" b\\' for key')", "1062: Duplicate entry ? for key"),
        ("1064: near 'SELEKT 'secret' , 5551234' at line 1", "1064: near ? at line 1"),
        ("1064: near 'a 'b' 5551234\nc' at line 2", "1064: near ?"),
        ("no end of 'secret", "no end of ?"),
        ("Column count doesn't match value count at row 1", "Column count doesn't match value count at row 1"),
        ("Lock wait timeout exceeded", "Lock wait timeout exceeded"),
        ("(acme.E) (1062, \"Duplicate entry 'x' for\")\n[SQL: 'secret']", "(acme.E) 1062: Duplicate entry ?"),
    ],
)
def test_messages(message, left, monkeypatch):
    """From the first quote to the last everything is hidden, also where a library above tells it."""
    monkeypatch.setattr(failure, "_quoting", ())
    monkeypatch.setattr(failure, "_loosely", ())
    failure.conceal(UpperError)
    mysql.code_of(DriverError)
    assert failure.failure_of(DriverError(message)).message == left
    assert failure.failure_of(UpperError(message, DriverError())).message == left


def test_a_method_that_connects_its_receiver(recorder, monkeypatch):
    """It is looked at again at the end, also where it failed, and the span keeps it no longer than anybody else."""
    monkeypatch.setattr(failure, "_quoting", failure._quoting)
    driver = dbapi.Driver(DriverError, lambda _connection: mysql.UNKNOWN)

    class Connection(SimpleNamespace):
        def connect(self, fails):
            self.server_version = "11.4.2-MariaDB"
            if fails:
                raise DriverError

    connect = driver.connecting(mysql.of_connection)(Connection.connect, "acme")
    with Work():
        for fails in (False, True):
            connection = Connection(db="shop", host="h", port=3306, unix_socket=None)
            try:
                connect(connection, fails)
            except DriverError:
                assert fails
    del connection
    gc.collect()
    assert [span["attributes"]["db.system.name"] for span in recorder.finished()[:2]] == ["mariadb", "mariadb"]
    assert [span["status"] for span in recorder.finished()[:2]] == ["UNSET", "ERROR"]
    assert not [found for found in gc.get_objects() if type(found) is Connection]
