"""psycopg2: statements, batches, procedures and copies; connections and ends of transactions beneath what is current.

Its types are of C, and its functions of C want them, so connections and cursors are real subclasses, reached by the
factories that ``connect()`` and ``cursor()`` take.  A class of the program's gets a subclass beneath which ours stands.

Not traced: connections that are made without ``connect()``, and by factories that are not classes.  Of an asynchronous
connection a span is only as long as the sending.  ``type(connection) is psycopg2.extensions.connection`` is false.
"""

from __future__ import annotations

import psycopg2  # type: ignore[import-untyped]
from psycopg2 import extensions, sql

from autotrace.families.db import dbapi, libpq
from autotrace.patching import Instrumentor, Patch, argument, subclassing, with_argument
from autotrace.patching.wrapping import before

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from autotrace.patching import Args, Call, Kwargs

_NAME = "psycopg2"
_OURS = ("connection_factory", "cursor_factory", "async", "async_")
_read = libpq.reading(sql)
_kept = dbapi.Kept(libpq.of_connection)
_driver = dbapi.Driver(
    psycopg2.Error,
    _kept.of,
    _kept.of_cursor,
    statement="query",
    rows="vars_list",
    read=_read,
)


def _copy_expert(args: Args, kwargs: Kwargs) -> Any:
    return _read(argument(args, kwargs, 1, "sql"))


def _copy(direction: str) -> Any:
    def text_of(args: Args, kwargs: Kwargs) -> str | None:
        table = argument(args, kwargs, 2, "table")
        return f"COPY {table} {direction}" if isinstance(table, str) else None

    return _driver.told(text_of)


_cursors = subclassing.StandIns(
    extensions.cursor,
    _NAME,
    {
        "execute": _driver.execute(),
        "executemany": _driver.executemany(),
        "callproc": _driver.callproc(),
        "copy_expert": _driver.told(_copy_expert),
        "copy_from": _copy("FROM STDIN"),
        "copy_to": _copy("TO STDOUT"),
    },
)


def _cursor_arguments(args: Args, kwargs: Kwargs) -> Args:
    # after the name
    given = argument(args, kwargs, 2, "cursor_factory") or args[0].cursor_factory or extensions.cursor
    return with_argument(args, kwargs, 2, "cursor_factory", _cursors.of(given))


def _ending(text: str) -> Any:
    return _driver.ending(lambda args, _kwargs: text if args[0].status == extensions.STATUS_BEGIN else None)


_connections = subclassing.StandIns(
    extensions.connection,
    _NAME,
    {"cursor": before(_cursor_arguments), "commit": _ending("COMMIT"), "rollback": _ending("ROLLBACK")},
)


def _parameters(args: Args, kwargs: Kwargs) -> Any:
    given = {name: value for name, value in kwargs.items() if name not in _OURS}
    try:
        return libpq.of_parameters(extensions.parse_dsn(extensions.make_dsn(*args[:1], **given)))
    except (psycopg2.Error, TypeError):  # the library will say so itself
        return libpq.UNKNOWN


def _connect_arguments(args: Args, kwargs: Kwargs) -> Args:
    given = argument(args, kwargs, 1, "connection_factory") or extensions.connection
    return with_argument(args, kwargs, 1, "connection_factory", _connections.of(given))


def _connect(original: Call, scope: str) -> Call:
    return _driver.connect(_parameters)(before(_connect_arguments)(original, scope), scope)


INSTRUMENTOR = Instrumentor(_NAME, Patch("psycopg2:connect", _connect))
