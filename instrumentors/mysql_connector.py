"""MySQL Connector/Python, in Python and in C: statements, batches, procedures; connections and transactions beneath a span.

Cursors of every kind, also prepared ones and the program's own, send through the methods that are patched; so do the
connections of a pool.  A batch is one span, in however many statements it is sent.  What the library sends on a new
connection, or to reconnect, has no spans of its own.

Not traced: the end of a transaction where there is none, though it is sent; ``cmd_query()`` and its like, beneath cursors;
what a pool resets.  Of several statements that are sent one by one (``multi``, before 9.2) a span is as long as the first.
"""

from __future__ import annotations

from operator import attrgetter

from mysql.connector import HAVE_CEXT  # not by way of ``mysql``, of which it is no attribute yet
from mysql.connector.errors import Error

from autotrace.families import suppression
from autotrace.families.db import dbapi, mysql
from autotrace.patching import Instrumentor, Patch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from autotrace.families.db.query import Database
    from autotrace.patching import Args, Kwargs

_HOME = "mysql.connector"
_is_in_transaction = attrgetter("in_transaction")


def _database(connection: Any) -> Database:
    # ``database`` asks the server
    handshake = getattr(connection, "_handshake", None)
    version = handshake.get("server_version_original") if handshake else None
    host, port, socket = connection.server_host, connection.server_port, connection.unix_socket
    return mysql.database(version, connection._database, host, port, socket)  # noqa: SLF001


_of = dbapi.Kept(_database).of


def _of_cursor(cursor: Any) -> Database:
    try:
        # what a cursor has is a proxy; its methods are those of the connection itself
        connection = getattr(cursor, "_connection", None) or cursor._cnx  # noqa: SLF001 - before 9 in C the latter
        found: Database = _of(connection.close.__self__)
    except ReferenceError:  # the connection is gone, as the library will say itself
        return mysql.UNKNOWN
    return found


_code_of = mysql.code_of(Error)
_driver = dbapi.Driver(
    Error, _of, _of_cursor, mysql.UNKNOWN, "operation", "seq_params", read=mysql.text, code_of=_code_of
)


def _beginning(_args: Args, _kwargs: Kwargs) -> str:
    return "START TRANSACTION"


def _always(_args: Args, _kwargs: Kwargs) -> bool:
    return True


def _cursors(module: str, *names: str, awaited: bool = False) -> list[Patch]:
    made = []
    for name in names:
        prepares = _always if name.endswith("Prepared") else None
        made.append(Patch(f"{module}:{name}.execute", _driver.execute(awaited, remembered=prepares)))
        made.append(Patch(f"{module}:{name}.executemany", _driver.executemany(awaited)))
    return [*made, Patch(f"{module}:{names[0]}.callproc", _driver.callproc(awaited))]


def _connections(module: str, name: str, awaited: bool = False) -> list[Patch]:
    commit, rollback = (
        _driver.ending(mysql.ending(text, _is_in_transaction), awaited) for text in ("COMMIT", "ROLLBACK")
    )
    return [Patch(f"{module}:{name}.commit", commit), Patch(f"{module}:{name}.rollback", rollback)]


_patches = [
    *_cursors(f"{_HOME}.cursor", "MySQLCursor", "MySQLCursorPrepared"),
    *_connections(f"{_HOME}.connection", "MySQLConnection"),
    Patch(f"{_HOME}.abstracts:MySQLConnectionAbstract.connect", _driver.connecting(_database)),
    Patch(f"{_HOME}.abstracts:MySQLConnectionAbstract.start_transaction", _driver.ending(_beginning)),
    # its properties ask the server by a cursor
    Patch(f"{_HOME}.connection:MySQLConnection.info_query", suppression.suppressed()),
]
if HAVE_CEXT:
    from _mysql_connector import MySQLInterfaceError  # type: ignore[import-not-found]

    mysql.code_of(MySQLInterfaceError)  # the cause of the library's own exceptions
    _patches += [
        *_cursors(f"{_HOME}.cursor_cext", "CMySQLCursor", "CMySQLCursorPrepared"),
        *_connections(f"{_HOME}.connection_cext", "CMySQLConnection"),
    ]

INSTRUMENTOR = Instrumentor("mysql_connector", *_patches)

AIO = Instrumentor(
    "mysql_connector_aio",
    *_cursors(f"{_HOME}.aio.cursor", "MySQLCursor", "MySQLCursorPrepared", awaited=True),
    *_connections(f"{_HOME}.aio.connection", "MySQLConnection", awaited=True),
    Patch(f"{_HOME}.aio.connection:MySQLConnection.connect", _driver.connecting(_database, awaited=True)),
    Patch(
        f"{_HOME}.aio.connection:MySQLConnection.start_transaction",
        _driver.ending(_beginning, awaited=True),
        optional=True,
    ),
    Patch(f"{_HOME}.aio.connection:MySQLConnection.info_query", suppression.suppressed(awaited=True)),
)
