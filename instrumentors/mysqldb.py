"""mysqlclient (``MySQLdb``): statements, batches and procedures; connections and transactions beneath what is current.

Cursors of every kind, also of the program's own, send through the methods that are patched; so does ``Connection.query()``
where a program calls it itself.  A batch is one span, in however many statements it is sent.  What the library sends on a
new connection has no spans of its own.

Not traced: ``ping()``, ``select_db()``, and what ``_mysql`` is used for alone; the namespace is the one that the connection
was opened with.  Whether there is a transaction the library does not tell: each end of one is told that is sent.
"""

from __future__ import annotations

from MySQLdb import MySQLError  # type: ignore[import-untyped]

from autotrace.families.beside import Beside
from autotrace.families.db import dbapi, mysql
from autotrace.patching import Instrumentor, Patch, argument
from autotrace.patching.wrapping import after, before

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from autotrace.patching import Args, Call, Kwargs

_databases = Beside(mysql.UNKNOWN)  # of the connections, of which nothing but C knows where they are to
_of = _databases.of


def _keep_arguments(args: Args, kwargs: Kwargs) -> None:
    # The arguments are host, user, password, database, port and unix_socket, as in C.
    name = argument(args, kwargs, 4, "database") or kwargs.get("db")
    host, port = argument(args, kwargs, 1, "host"), argument(args, kwargs, 5, "port")
    _databases.keep(args[0], mysql.database(None, name, host, port, argument(args, kwargs, 6, "unix_socket")))


def _keep_server(args: Args, _kwargs: Kwargs, result: Any) -> Any:
    connection = args[0]
    _, name, host, port = _of(connection)
    if host is None:  # a file said where to, or it is the usual one
        host = connection.get_host_info().partition(" via ")[0].lower()
    _databases.keep(connection, mysql.database(connection.get_server_info(), name, host, port))
    return result


def _connect(original: Call, scope: str) -> Call:
    opened = _driver.connecting(_of)(after(_keep_server)(original, scope), scope)
    return before(_keep_arguments)(opened, scope)


_code_of = mysql.code_of(MySQLError)
_driver = dbapi.Driver(MySQLError, _of, None, mysql.UNKNOWN, "query", "args", mysql.text, _code_of)
_direct = dbapi.Driver(MySQLError, _of, _of, mysql.UNKNOWN, "query", read=mysql.text, code_of=_code_of)

INSTRUMENTOR = Instrumentor(
    "mysqldb",
    Patch("MySQLdb.cursors:BaseCursor.execute", _driver.execute()),
    Patch("MySQLdb.cursors:BaseCursor.executemany", _driver.executemany()),
    Patch("MySQLdb.cursors:BaseCursor.callproc", _driver.callproc()),
    Patch("MySQLdb.connections:Connection.__init__", _connect),
    Patch("MySQLdb.connections:Connection.query", _direct.execute()),
    Patch("MySQLdb.connections:Connection.commit", _driver.ending(lambda _args, _kwargs: "COMMIT")),
    Patch("MySQLdb.connections:Connection.rollback", _driver.ending(lambda _args, _kwargs: "ROLLBACK")),
)
