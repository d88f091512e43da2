"""oracledb: statements, batches, procedures, sync and asyncio; connections and ends of transactions beneath what is current.

All is of Python down to where it is sent, in thin mode and in thick.  A statement that is repeated by ``execute(None)`` is
told by the text that the cursor has.

Not traced: pipelines, data frames and direct path loads.
"""

from __future__ import annotations

import oracledb

from autotrace.families.db import dbapi
from autotrace.patching import Instrumentor, Patch, argument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from autotrace.families.db.query import Database
    from autotrace.patching import Args, Kwargs

_UNKNOWN: Database = ("oracle", None, None, None)


def _parsed(dsn: Any) -> Database:
    try:
        told = oracledb.ConnectParams()
        told.parse_connect_string(dsn)
        host, port, name = (
            one[0] if isinstance(one, list) else one for one in (told.host, told.port, told.service_name)
        )
    except Exception:  # a name for the library of C, or something that it will not take
        return _UNKNOWN
    return "oracle", name or None, host or None, port


def _named(args: Args, kwargs: Kwargs) -> Database:
    dsn = argument(args, kwargs, 0, "dsn")
    if dsn is not None:
        return _parsed(dsn.rpartition("@")[2]) if isinstance(dsn, str) else _UNKNOWN
    given = [kwargs.get(name) for name in ("service_name", "host", "port")]
    return ("oracle", *given) if given[1] else _UNKNOWN  # type: ignore[return-value]


_kept = dbapi.Kept(lambda connection: _parsed(connection.dsn))


def _text(args: Args, kwargs: Kwargs) -> Any:
    return argument(args, kwargs, 1, "statement") or args[0].statement


def _of_cursor(cursor: Any) -> Any:
    # a property of that name looks whether the cursor is open
    return _kept.of(getattr(cursor, "_connection", None) or cursor.connection)


_driver = dbapi.Driver(oracledb.Error, _kept.of, _of_cursor, _UNKNOWN, "statement", "parameters")


def _procedure(args: Args, kwargs: Kwargs) -> str | None:
    name = argument(args, kwargs, 1, "name") or kwargs.get("keyword_name")
    return f"CALL {name}" if isinstance(name, str) else None


def _patches(prefix: str, awaited: bool) -> list[Patch]:
    cursor, connection = f"oracledb.cursor:{prefix}Cursor", f"oracledb.connection:{prefix}Connection"
    commit, rollback = (_driver.ending(lambda *_, text=text: text, awaited) for text in ("COMMIT", "ROLLBACK"))
    return [
        Patch(f"{cursor}.execute", _driver.told(_text, awaited), optional=awaited),
        Patch(f"{cursor}.executemany", _driver.executemany(awaited), optional=awaited),
        Patch(f"{cursor}.callproc", _driver.told(_procedure, awaited), optional=awaited),
        Patch(f"{cursor}.callfunc", _driver.told(_procedure, awaited), optional=awaited),
        Patch(f"{connection}.commit", commit, optional=awaited),
        Patch(f"{connection}.rollback", rollback, optional=awaited),
    ]


_connect = _driver.connect(_named)

INSTRUMENTOR = Instrumentor(
    "oracledb",
    *_patches("", awaited=False),
    *_patches("Async", awaited=True),
    Patch("oracledb.connection:connect", _connect),
    Patch("oracledb:connect", _connect),
)
