"""pymssql: statements, batches and procedures; connections and ends of transactions beneath what is current.

Its types are of Cython, and neither change nor make others than themselves, so connections and cursors are proxies:
``isinstance`` holds, ``type(connection) is pymssql.Connection`` does not.

The end of a transaction is told where a statement was sent since the last one.
"""

from __future__ import annotations

import pymssql

from autotrace.families.db import dbapi
from autotrace.patching import Instrumentor, Patch, argument
from autotrace.patching.proxy import proxies
from autotrace.patching.wrapping import after, before

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from autotrace.families.db.query import Database
    from autotrace.patching import Args, Call, Kwargs, Wrap

_NAME = "pymssql"
_UNKNOWN: Database = ("mssql", None, None, None)


def _of(connection: Any) -> Any:
    return connection._self_database  # noqa: SLF001 - ours


_driver = dbapi.Driver(
    pymssql.Error,
    _of,
    lambda cursor: _of(cursor._self_connection),  # noqa: SLF001
    _UNKNOWN,
    "operation",
    "seq_of_parameters",
)


def _sending(wrap: Wrap) -> Wrap:
    def note(args: Args, _kwargs: Kwargs) -> None:
        args[0]._self_connection._self_open = True  # noqa: SLF001 - ours

    return lambda original, scope: before(note)(wrap(original, scope), scope)


def _ends(connection: Any) -> bool:
    sent, connection._self_open = connection._self_open, False  # noqa: SLF001 - ours
    return sent and not connection.autocommit_state


def _ending(text: str) -> Any:
    return _driver.ending(lambda args, _kwargs: text if _ends(args[0]) else None)


_Cursors = proxies(
    _NAME,
    {
        "execute": _sending(_driver.execute()),
        "executemany": _sending(_driver.executemany()),
        "callproc": _sending(_driver.callproc()),
    },
    {"__enter__": None},
)
_Connections = proxies(
    _NAME,
    {"commit": _ending("COMMIT"), "rollback": _ending("ROLLBACK")},
    {"cursor": lambda connection, cursor: _Cursor(cursor, connection), "__enter__": None},
)


class _Cursor(_Cursors):  # type: ignore[misc, valid-type]
    __slots__ = ("_self_connection",)

    def __init__(self, cursor: Any, connection: Any) -> None:
        super().__init__(cursor)
        self._self_connection = connection

    @property
    def connection(self) -> Any:
        """The connection, as the program has it."""
        return self._self_connection


class _Connection(_Connections):  # type: ignore[misc, valid-type]
    __slots__ = ("_self_database", "_self_open")

    def __init__(self, connection: Any, database: Database) -> None:
        super().__init__(connection)
        self._self_database = database
        self._self_open = False  # whether a statement was sent since a transaction ended


def _named(args: Args, kwargs: Kwargs) -> Database:
    host = argument(args, kwargs, 0, "server") or kwargs.get("host") or None
    port = str(kwargs.get("port") or 1433)
    if isinstance(host, str):
        found, _, told = host.partition(":" if ":" in host else ",")
        host, port = found, told or port
    name = argument(args, kwargs, 3, "database") or None
    return "mssql", name, host, int(port) if port.isdecimal() else None


def _connect(original: Call, scope: str) -> Call:
    made = after(lambda args, kwargs, opened: _Connection(opened, _named(args, kwargs)))(original, scope)
    return _driver.connect(_named)(made, scope)


INSTRUMENTOR = Instrumentor(
    _NAME, *(Patch(f"{module}:connect", _connect) for module in ("pymssql._pymssql", "pymssql"))
)
