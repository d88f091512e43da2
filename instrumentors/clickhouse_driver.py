"""clickhouse-driver: statements of clients, and so of its DB-API; connections beneath what is current.

Not timed: ``execute_iter``, whose statement is sent when its result is first read.
"""

from __future__ import annotations

from clickhouse_driver import errors  # type: ignore[import-untyped]

from autotrace.families.db import dbapi
from autotrace.patching import Instrumentor, Patch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from autotrace.families.db.query import Database
    from autotrace.patching import Args, Kwargs


def _of(connection: Any) -> Database:
    first = connection.hosts[0] if connection.hosts else (None, None)
    host, port = getattr(connection, "host", None) or first[0], getattr(connection, "port", None) or first[1]
    return "clickhouse", connection.database or None, host, port


def _code(error: Exception) -> str | None:
    code = getattr(error, "code", None)
    return str(code) if isinstance(error, errors.ServerException) and type(code) is int else None


_driver = dbapi.Driver(errors.Error, _of, lambda client: _of(client.connection), statement="query", code_of=_code)
_execute = _driver.execute()


def _connecting(args: Args, _kwargs: Kwargs) -> Database:
    return _of(args[0])


INSTRUMENTOR = Instrumentor(
    "clickhouse_driver",
    *(
        Patch(f"clickhouse_driver.client:Client.{name}", _execute)
        for name in ("execute", "execute_iter", "execute_with_progress", "insert_dataframe", "query_dataframe")
    ),
    Patch("clickhouse_driver.connection:Connection.connect", _driver.connect(_connecting)),
)
