"""asyncmy: statements, batches and procedures; connections and transactions beneath what is current.

Its cursors are of C, so what ``Connection.cursor()`` makes is of a real subclass, and of a class of the program's there is
one beneath which ours stands.  ``Connection.query()`` is traced where a program calls it itself, and statements that it
prepares itself.  A batch is one span, in however many statements it is sent.  What the library sends on a new connection,
or to reconnect, has no spans of its own, but for what the program does to find a password.

Not traced: cursors that are made without ``cursor()``, which send through the connection without naming their batches; the
end of a transaction where there is none, though it is sent.  ``type(cursor) is asyncmy.cursors.Cursor`` is false.
"""

from __future__ import annotations

from asyncmy import cursors
from asyncmy.errors import MySQLError

from autotrace.families import suppression
from autotrace.families.beside import Beside
from autotrace.families.db import mysql
from autotrace.patching import Instrumentor, Patch, argument, subclassing, with_argument
from autotrace.patching.wrapping import after, before

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from autotrace.families.db.query import Database
    from autotrace.patching import Args, Kwargs

_NAME = "asyncmy"
_statements = Beside()  # what was prepared


def _database(connection: Any) -> Database:
    version = getattr(connection, "server_version", None)
    host, port, socket = connection._host, connection._port, connection._unix_socket  # noqa: SLF001
    return mysql.database(version, connection._db, host, port, socket)  # noqa: SLF001


_driver, _direct = mysql.drivers(MySQLError, _database)
_cursors = subclassing.StandIns(
    cursors.Cursor,
    _NAME,
    {
        "execute": _driver.execute(awaited=True),
        "executemany": _driver.executemany(awaited=True),
        "callproc": _driver.callproc(awaited=True),
    },
)


def _cursor_arguments(args: Args, kwargs: Kwargs) -> Args:
    given = argument(args, kwargs, 1, "cursor") or args[0]._cursor_cls  # noqa: SLF001
    return with_argument(args, kwargs, 1, "cursor", _cursors.of(given))


def _prepared(args: Args, kwargs: Kwargs, statement: Any) -> Any:
    _statements.keep(statement, mysql.text(argument(args, kwargs, 1, "query")))
    return statement


_connection = "asyncmy.connection:Connection"

INSTRUMENTOR = Instrumentor(
    _NAME,
    Patch(f"{_connection}.cursor", before(_cursor_arguments)),
    Patch(f"{_connection}.query", _direct.execute(awaited=True)),
    Patch(f"{_connection}.begin", _driver.ending(mysql.beginning, awaited=True)),
    Patch(f"{_connection}.commit", _driver.ending(mysql.ending("COMMIT"), awaited=True)),
    Patch(f"{_connection}.rollback", _driver.ending(mysql.ending("ROLLBACK"), awaited=True)),
    Patch(f"{_connection}.connect", _driver.connecting(_database, awaited=True)),
    Patch(f"{_connection}._refresh_password", suppression.resumed(awaited=True), optional=True),
    Patch(f"{_connection}.prepare", after(_prepared, awaited=True), optional=True),
    Patch(
        "asyncmy.connection:PreparedStatement.execute",
        _driver.told(lambda args, _kwargs: _statements.of(args[0]), awaited=True),
        optional=True,
    ),
)
