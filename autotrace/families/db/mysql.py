"""What drivers of MySQL and MariaDB share: which of the two a connection is to, and where; texts; the server's code."""

from __future__ import annotations

from autotrace.families.db import dbapi
from autotrace.families.db.db_calls import conceal
from autotrace.families.db.query import TEXT_LIMIT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from autotrace.families.db.query import Database
    from autotrace.patching import Args, Kwargs

_IN_TRANSACTION = 1  # SERVER_STATUS_IN_TRANS, of the protocol
UNKNOWN: Database = ("mysql", None, None, None)


def drivers(error: type[Exception], of_connection: Callable[[Any], Database]) -> tuple[dbapi.Driver, dbapi.Driver]:
    """Return what is known of a driver: what its cursors are asked by, and what its connections are, themselves.

    Args:
        error: the class of its exceptions; see ``code_of``.
        of_connection: tells the Database of a connection.
    """
    kept, code = dbapi.Kept(of_connection), code_of(error)
    by_cursor = dbapi.Driver(error, kept.of, kept.of_cursor, UNKNOWN, "query", "args", text, code)
    return by_cursor, dbapi.Driver(error, kept.of, kept.of, UNKNOWN, "sql", read=text, code_of=code)


def of_connection(connection: Any) -> Database:
    """Return what a connection is to, of a driver that is written in Python alone."""
    version = getattr(connection, "server_version", None)
    return database(version, connection.db, connection.host, connection.port, connection.unix_socket)


def database(version: Any, name: Any, host: Any, port: Any, socket: Any = None) -> Database:
    """Return what a connection is to.

    Args:
        version: what the server called its version, of which MariaDB's has its name in it; None where nobody has asked.
        name: the name of the database, if one was chosen.
        host: the host, where there is no socket.
        port: the port there.
        socket: the path of a socket, which is told as the host (semantic conventions 1.44, "server.address").
    """
    system = "mariadb" if "mariadb" in (text(version) or "").lower() else "mysql"
    if socket:
        host, port = socket, None
    return system, text(name) or None, text(host) or None, port if type(port) is int else None


def is_in_transaction(connection: Any) -> bool:
    """Tell whether a connection is in a transaction, of a driver that is written in Python alone."""
    return bool(getattr(connection, "server_status", 0) & _IN_TRANSACTION)


def ending(
    statement: str, is_in_transaction: Callable[[Any], bool] = is_in_transaction
) -> Callable[[Args, Kwargs], str | None]:
    """Return what tells the statement that ends a transaction, of a method of a connection.

    Where there is no transaction it is sent all the same, as by pools that make sure; that is no operation of anybody's.

    Args:
        statement: COMMIT or ROLLBACK.
        is_in_transaction: tells whether there is one, as the server has said last.
    """
    return lambda args, _kwargs: statement if is_in_transaction(args[0]) else None


def beginning(_args: Args, _kwargs: Kwargs) -> str:
    """Tell the statement that begins a transaction."""
    return "BEGIN"


def text(given: Any) -> Any:
    """Return text for bytes; other things, of which some are text, as they are."""
    if isinstance(given, (bytes, bytearray)):
        return given[: TEXT_LIMIT * 4].decode(errors="replace")
    return given


def code_of(kind: type[Exception]) -> Callable[[Exception], str | None]:
    """Return what finds the server's number in an exception of a driver's, whose values are not kept.

    MySQL's numbers are told, not SQLSTATE, of which many have the same (semantic conventions 1.44, "MySQL").

    Args:
        kind: the class of the driver's exceptions, whose first argument is the number.
    """
    conceal(kind, loosely=True)

    def code(error: Exception) -> str | None:
        number = error.args[0] if isinstance(error, kind) and error.args else None
        return str(number) if type(number) is int and number > 0 else None

    return code
