"""pyodbc: statements and batches; connections and ends of transactions beneath what is current.

Its types are of C, and can neither be changed nor derived from, so connections and cursors are proxies: ``isinstance``
holds, ``type(connection) is pyodbc.Connection`` does not.  Which system it is, is asked of
the driver once for each connection.

The end of a transaction is told where a statement was sent since the last one.

Not seen: what the catalog's functions ask, such as ``tables()``.
"""

from __future__ import annotations

import pyodbc  # type: ignore[import-not-found]

from autotrace.families.db import dbapi
from autotrace.patching import Instrumentor, Patch, argument
from autotrace.patching.proxy import proxies
from autotrace.patching.wrapping import after, before

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from autotrace.families.db.query import Database
    from autotrace.patching import Args, Call, Kwargs, Wrap

_NAME = "pyodbc"
# what drivers call their systems, in lower case, and what those are called in URLs
_SYSTEMS = {"microsoft sql server": "mssql", "db2": "db2", "sqlite3": "sqlite"}


def _read(connection: Any) -> Database:
    real = connection.__wrapped__
    system = real.getinfo(pyodbc.SQL_DBMS_NAME).lower()
    server = real.getinfo(pyodbc.SQL_SERVER_NAME) or None
    name = real.getinfo(pyodbc.SQL_DATABASE_NAME) or None
    system = _SYSTEMS.get(system, system)
    return system, name, None if system == "sqlite" else server, None


def _code(error: Exception) -> str | None:
    first = error.args[0] if error.args else None
    return first if isinstance(first, str) and len(first) == 5 else None  # SQLSTATE


_kept = dbapi.Kept(_read)


_driver = dbapi.Driver(pyodbc.Error, _kept.of, lambda cursor: _kept.of(cursor._self_connection), code_of=_code)  # noqa: SLF001
_on_connection = dbapi.Driver(pyodbc.Error, _kept.of, _kept.of, code_of=_code)


def _sending(wrap: Wrap) -> Wrap:
    def note(args: Args, _kwargs: Kwargs) -> None:
        connection = args[0] if type(args[0]) is _Connection else args[0]._self_connection  # noqa: SLF001 - ours
        connection._self_open = True  # noqa: SLF001 - ours

    return lambda original, scope: before(note)(wrap(original, scope), scope)


def _ends(connection: Any) -> bool:
    sent, connection._self_open = connection._self_open, False  # noqa: SLF001 - ours
    return sent and not connection.autocommit


def _ending(text: str) -> Any:
    return _on_connection.ending(lambda args, _kwargs: text if _ends(args[0]) else None)


def _ending_block(args: Args, _kwargs: Kwargs) -> str | None:
    return ("COMMIT" if args[1] is None else "ROLLBACK") if _ends(args[0]) else None


_Cursors = proxies(
    _NAME, {"execute": _sending(_driver.execute()), "executemany": _sending(_driver.executemany())}, {"__enter__": None}
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


def _cursor(connection: Any, cursor: Any) -> Any:
    return _Cursor(cursor, connection)


_Connections = proxies(
    _NAME,
    {
        "execute": _sending(_on_connection.execute()),
        "commit": _ending("COMMIT"),
        "rollback": _ending("ROLLBACK"),
        "__exit__": _on_connection.ending(_ending_block),
    },
    {"cursor": _cursor, "execute": _cursor, "__enter__": None},
)


class _Connection(_Connections):  # type: ignore[misc, valid-type]
    __slots__ = ("_self_open",)

    def __init__(self, connection: Any) -> None:
        super().__init__(connection)
        self._self_open = False  # whether a statement was sent since a transaction ended


def _named(args: Args, kwargs: Kwargs) -> Database:
    text = argument(args, kwargs, 0, "connstring")
    given = dict(kwargs)
    for part in text.split(";") if isinstance(text, str) else ():
        name, _, value = part.partition("=")
        given.setdefault(name.strip().lower(), value.strip())
    return None, given.get("database"), given.get("server") or given.get("servername"), None


def _connect(original: Call, scope: str) -> Call:
    made = after(lambda _args, _kwargs, connection: _Connection(connection))(original, scope)
    return _driver.connect(_named)(made, scope)


INSTRUMENTOR = Instrumentor(_NAME, Patch("pyodbc:connect", _connect))
