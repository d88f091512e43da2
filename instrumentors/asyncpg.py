"""asyncpg: statements, prepared or not, batches, cursors and copies; connections and transactions beneath what is current.

All of a connection's calls pass through a few methods of Python, also those of a pool's proxies and of connections of the
program's own class.  A cursor is one span, where its portal is bound: reading on is told only where it fails, and so is
preparing a statement.  A copy is beneath what is current, and so is what the program asks while it goes on.

What the library asks for itself (types, the reset of a connection that goes back to its pool, the kind of a server) has no
spans.  Connections of a pool's upkeep belong to nobody's request.
"""

from __future__ import annotations

import os

import asyncpg  # type: ignore[import-untyped]

from autotrace.families import suppression
from autotrace.families.db import dbapi, libpq, query, waiting
from autotrace.families.db.db_calls import conceal
from autotrace.families.execution import concurrency
from autotrace.patching import Instrumentor, Patch, argument
from autotrace.patching.wrapping import when_awaited

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from autotrace.families.db.query import Database
    from autotrace.patching import Args, Kwargs

conceal(asyncpg.InterfaceError)  # beside what the server says, what the library says of arguments


def _database(address: Any, parameters: Any) -> Database:
    if isinstance(address, str):  # a socket, which libpq knows by its directory and port
        directory, name = os.path.split(address)
        return "postgresql", parameters.database, directory, int(name.rpartition(".")[2])
    return "postgresql", parameters.database, *address[:2]


_kept = dbapi.Kept(lambda connection: _database(connection._addr, connection._params))  # noqa: SLF001
_connection = dbapi.Driver(asyncpg.PostgresError, _kept.of, _kept.of, statement="query", rows="args")
_resource = dbapi.Driver(asyncpg.PostgresError, _kept.of, lambda resource: _kept.of(resource._connection))  # noqa: SLF001


def _remembered(args: Args, _kwargs: Kwargs) -> bool:
    return args[0]._config.statement_cache_size > 0  # type: ignore[no-any-return] # noqa: SLF001


def _remembered_with_arguments(args: Args, kwargs: Kwargs) -> bool:
    return len(args) > 2 and _remembered(args, kwargs)


def _text(args: Args, _kwargs: Kwargs) -> Any:
    return args[0]._query  # noqa: SLF001


def _of_text(args: Args, _kwargs: Kwargs) -> Any:
    return _kept.of(args[0]._connection), query.text(_text(args, _kwargs)), None  # noqa: SLF001


def _to_prepare(args: Args, kwargs: Kwargs) -> Any:
    # to be executed at once it is not asked for by a name
    text = "named" in kwargs and query.text(argument(args, kwargs, 1, "query"))
    return (_kept.of(args[0]), text, None) if text else None


def _rows(args: Args, kwargs: Kwargs) -> Any:
    database, text, _ = _of_text(args, kwargs)
    return database, text, query.batch_size(argument(args, kwargs, 1, "args"))


def _copying(direction: str) -> Any:
    def facts_of(args: Args, kwargs: Kwargs) -> Any:
        names = kwargs.get("schema_name"), argument(args, kwargs, 1, "table_name")
        table = ".".join('"' + name.replace('"', '""') + '"' for name in names if name is not None)
        return _kept.of(args[0]), query.text(f"COPY {table} {direction}"), None

    return query.async_call(facts_of, opened=_apart)


def _copying_query(args: Args, kwargs: Kwargs) -> Any:
    return _kept.of(args[0]), query.text(f"COPY ({argument(args, kwargs, 1, 'query')}) TO STDOUT"), None


def _apart(span: Any, _args: Args) -> None:
    query.apart(span)


def _pooled(args: Args, _kwargs: Kwargs) -> Any:
    held = (holder._con for holder in args[0]._holders)  # noqa: SLF001
    return (next((_kept.of(connection) for connection in held if connection is not None), libpq.UNKNOWN),)


_CONNECTION, _STATEMENT = "asyncpg.connection:Connection", "asyncpg.prepared_stmt:PreparedStatement"
_TRANSACTION, _CURSOR = "asyncpg.transaction:Transaction", "asyncpg.cursor:BaseCursor"
_cursor = _resource.told(_text, awaited=True)
_prepared_rows = when_awaited(query.async_call(_rows, nests=False))
_connect = _connection.connect(lambda _args, _kwargs: libpq.UNKNOWN, awaited=True)
_connect_again = _connection.connect(lambda _args, kwargs: _database(kwargs["addr"], kwargs["params"]), awaited=True)
_parsed = query.resolving(lambda parsed: _database(parsed[0][0], parsed[1]))

INSTRUMENTOR = Instrumentor(
    "asyncpg",
    Patch(f"{_CONNECTION}.execute", _connection.execute(awaited=True, remembered=_remembered_with_arguments)),
    Patch(f"{_CONNECTION}._execute", _connection.execute(awaited=True, remembered=_remembered)),
    Patch(f"{_CONNECTION}._executemany", _connection.executemany(awaited=True)),
    Patch(f"{_CONNECTION}._get_statement", waiting.failing(_to_prepare, awaited=True)),
    Patch(f"{_CONNECTION}.copy_from_table", _copying("TO STDOUT")),
    Patch(f"{_CONNECTION}.copy_from_query", query.async_call(_copying_query, opened=_apart)),
    Patch(f"{_CONNECTION}.copy_to_table", _copying("FROM STDIN")),
    Patch(f"{_CONNECTION}.copy_records_to_table", _copying("FROM STDIN")),
    Patch(f"{_CONNECTION}.reset", suppression.suppressed(awaited=True)),
    Patch(f"{_CONNECTION}._reset", suppression.suppressed(awaited=True), optional=True),
    Patch(f"{_CONNECTION}._introspect_type", suppression.suppressed(awaited=True)),
    Patch("asyncpg.utils:_mogrify", suppression.suppressed(awaited=True)),
    Patch(f"{_STATEMENT}._PreparedStatement__bind_execute", _resource.told(_text, awaited=True)),
    Patch(f"{_STATEMENT}.executemany", _prepared_rows),
    Patch(f"{_STATEMENT}.fetchmany", _prepared_rows, optional=True),
    Patch(f"{_CURSOR}._bind_exec", _cursor),
    Patch(f"{_CURSOR}._bind", _cursor),
    Patch(f"{_CURSOR}._exec", waiting.failing(_of_text, awaited=True)),
    Patch(f"{_TRANSACTION}.start", when_awaited(suppression.suppressed_alone(awaited=True))),
    Patch(f"{_TRANSACTION}._Transaction__commit", suppression.suppressed_alone(awaited=True)),
    Patch(f"{_TRANSACTION}._Transaction__rollback", suppression.suppressed_alone(awaited=True)),
    Patch("asyncpg.connect_utils:_parse_connect_arguments", _parsed),
    Patch("asyncpg.connect_utils:_can_use_connection", suppression.suppressed(awaited=True), optional=True),
    Patch("asyncpg.connection:connect", _connect),
    Patch("asyncpg:connect", _connect),
    # as old pools do where they have connected before
    Patch("asyncpg.connect_utils:_connect_addr", _connect_again),
    Patch("asyncpg.pool:Pool._acquire", waiting.pooled(_pooled, awaited=True)),
    Patch("asyncpg.pool:Pool._schedule_min_size_maintenance", concurrency.isolate(), optional=True),
)
