"""duckdb: statements and batches of connections, and of the module; ends of transactions beneath what is current.

Its types and functions are of C++, by pybind11 or nanobind, and their methods can be replaced in place.  What Python code a
statement calls asks for itself.  The database of a connection is known where it comes from ``connect()`` or a cursor.

Not traced: relations.  What ``sql()`` and ``query()`` return runs when it is read, and their span does not last until then.
"""

from __future__ import annotations

import os

import duckdb

from autotrace.families.beside import Beside
from autotrace.families.db import dbapi, query, waiting
from autotrace.patching import Instrumentor, Patch, argument
from autotrace.patching.wrapping import after

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from autotrace.families.db.query import Database
    from autotrace.patching import Args, Call, Kwargs

_CONNECTION = "duckdb:DuckDBPyConnection"
_UNKNOWN: Database = ("duckdb", None, None, None)
_databases = Beside(_UNKNOWN)
_of = _databases.of


def _read(given: Any) -> Any:
    return getattr(given, "query", given)  # of a statement that was read already


_driver = dbapi.Driver(duckdb.Error, _of, _of, _UNKNOWN, "query", "parameters", _read, nests=True)


def _named(args: Args, kwargs: Kwargs) -> Database:
    name = argument(args, kwargs, 0, "database") or ":memory:"
    return "duckdb", os.fsdecode(name) if isinstance(name, (str, bytes, os.PathLike)) else None, None, None


def _opened(args: Args, kwargs: Kwargs, connection: Any) -> Any:
    _databases.keep(connection, _named(args, kwargs))
    return connection


def _again(args: Args, _kwargs: Kwargs, connection: Any) -> Any:
    _databases.keep(connection, _of(args[0]))
    return connection


def _connect(original: Call, scope: str) -> Call:
    return waiting.connecting(lambda args, kwargs: (_named(args, kwargs),))(after(_opened)(original, scope), scope)


def _module(many: bool) -> Any:
    def facts_of(args: Args, kwargs: Kwargs) -> Any:
        text = query.text(_read(argument(args, kwargs, 0, "query")))
        size = query.batch_size(argument(args, kwargs, 1, "parameters")) if many else None
        return text and (_of(kwargs.get("connection")), text, size)

    return query.call(facts_of)


def _ending(text: str) -> Any:
    return _driver.ending(lambda _args, _kwargs: text)


_execute, _ask, _cursor = _driver.execute(), _module(many=False), after(_again)

INSTRUMENTOR = Instrumentor(
    "duckdb",
    Patch(f"{_CONNECTION}.execute", _execute),
    Patch(f"{_CONNECTION}.executemany", _driver.executemany()),
    Patch(f"{_CONNECTION}.sql", _execute),
    Patch(f"{_CONNECTION}.query", _execute),
    Patch(f"{_CONNECTION}.commit", _ending("COMMIT")),
    Patch(f"{_CONNECTION}.rollback", _ending("ROLLBACK")),
    Patch(f"{_CONNECTION}.cursor", _cursor),
    Patch(f"{_CONNECTION}.duplicate", _cursor),
    Patch("duckdb:execute", _ask),
    Patch("duckdb:executemany", _module(many=True)),
    Patch("duckdb:sql", _ask),
    Patch("duckdb:query", _ask),
    Patch("duckdb:connect", _connect),
    # where the newest have these two, and pickle them from
    Patch("duckdb._relation:_connection_sql", _execute, optional=True),
    Patch("duckdb._relation:module_sql", _ask, optional=True),
)
