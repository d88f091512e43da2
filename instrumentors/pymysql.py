"""PyMySQL: statements, batches and procedures; connections and transactions beneath what is current.

Cursors of every kind, also of the program's own, send through the methods that are patched; so does ``Connection.query()``
where a program calls it itself.  A batch is one span, in however many statements it is sent.  What the library sends on a
new connection, or to reconnect, has no spans of its own.

Not traced: the end of a transaction where there is none, though it is sent; ``select_db()``, ``ping()`` and
``show_warnings()``, which are no statements of the program's; the namespace is the one that the connection was opened with.
"""

from __future__ import annotations

from pymysql.err import MySQLError  # type: ignore[import-untyped]

from autotrace.families.db import mysql
from autotrace.patching import Instrumentor, Patch

_driver, _direct = mysql.drivers(MySQLError, mysql.of_connection)

INSTRUMENTOR = Instrumentor(
    "pymysql",
    Patch("pymysql.cursors:Cursor.execute", _driver.execute()),
    Patch("pymysql.cursors:Cursor.executemany", _driver.executemany()),
    Patch("pymysql.cursors:Cursor.callproc", _driver.callproc()),
    Patch("pymysql.connections:Connection.query", _direct.execute()),
    Patch("pymysql.connections:Connection.begin", _driver.ending(mysql.beginning)),
    Patch("pymysql.connections:Connection.commit", _driver.ending(mysql.ending("COMMIT"))),
    Patch("pymysql.connections:Connection.rollback", _driver.ending(mysql.ending("ROLLBACK"))),
    Patch("pymysql.connections:Connection.connect", _driver.connecting(mysql.of_connection)),
)
