"""sqlite3: queries, through subclasses of ``Connection`` and ``Cursor`` that ``connect()`` makes.

The types of C cannot be patched, so connections are real subclasses, reached by ``connect(factory=...)``.  A factory of the
program's gets a subclass beneath which ours stands: its own methods come first, and their ``super()`` is ours.

Not traced: connections and cursors that are made without ``connect()`` and ``Connection.cursor()``, and by factories that
are not classes.  ``type(connection) is sqlite3.Connection`` is false.
"""

from __future__ import annotations

import os
import sqlite3
import sys
from typing import Any

from autotrace.families.db import db_calls, db_client, subclasses
from autotrace.patching import Args, Instrumentor, Kwargs, Patch, argument, with_argument

db_calls.conceal(sqlite3.Error)
_NAME = "sqlite3"
_SLOT = "_autotrace_database"
_SOMEWHERE = ("sqlite", "", None, None)


def _execute(args: Args, _kwargs: Kwargs) -> Any:
    text = db_client.text(args[1]) if len(args) > 1 else None
    return text and (getattr(args[0].connection, _SLOT, _SOMEWHERE), text, None)


def _executemany(args: Args, _kwargs: Kwargs) -> Any:
    text = db_client.text(args[1]) if len(args) > 2 else None
    database = getattr(args[0].connection, _SLOT, _SOMEWHERE)
    return text and (database, text, db_client.batch_size(args[2]))


def _traced(name: str, facts_of: Any) -> Any:
    original = getattr(sqlite3.Cursor, name)
    return subclasses.method(db_client.query(facts_of)(original, _NAME), original)


class _Cursor(sqlite3.Cursor):
    __slots__ = ()
    execute = _traced("execute", _execute)
    executemany = _traced("executemany", _executemany)
    executescript = _traced("executescript", _execute)


_PlainCursor = subclasses.in_place_of(sqlite3.Cursor, _Cursor)


def _cursor_arguments(args: Args, kwargs: Kwargs) -> tuple[Args, Kwargs]:
    if kwargs and (len(kwargs) > 1 or "factory" not in kwargs):  # it would complain of ours, not of theirs
        return args, kwargs
    factory = argument(args, kwargs, 1, "factory", sqlite3.Cursor)
    if factory is sqlite3.Cursor:
        factory = _PlainCursor
    elif isinstance(factory, type) and issubclass(factory, sqlite3.Cursor):
        factory = subclasses.stand_in(factory, _Cursor)
    return with_argument(args, kwargs, 1, "factory", factory), kwargs


def _init_arguments(args: Args, kwargs: Kwargs) -> tuple[Args, Kwargs]:
    database = argument(args, kwargs, 1, "database")
    if isinstance(database, (str, bytes, os.PathLike)):
        setattr(args[0], _SLOT, ("sqlite", os.fsdecode(database), None, None))
    return args, kwargs


def _adjusted(name: str, adjust: Any) -> Any:
    original = getattr(sqlite3.Connection, name)
    return subclasses.method(subclasses.adjusted(adjust)(original, _NAME), original)


def _by_cursor(name: str) -> Any:
    original = getattr(sqlite3.Connection, name)
    through = subclasses.by_way_of(sqlite3.Connection.cursor, original, _PlainCursor)(getattr(_Cursor, name))
    return subclasses.method(through, original)


class _Connection(sqlite3.Connection):
    __slots__ = ()
    __init__ = _adjusted("__init__", _init_arguments)
    cursor = _adjusted("cursor", _cursor_arguments)
    if sys.version_info >= (3, 11):  # before, these go through cursor(), also through one of the program's
        execute = _by_cursor("execute")
        executemany = _by_cursor("executemany")
        executescript = _by_cursor("executescript")


_PlainConnection = subclasses.in_place_of(sqlite3.Connection, _Connection, (_SLOT,))


def _connect_arguments(args: Args, kwargs: Kwargs) -> tuple[Args, Kwargs]:
    # the sixth, after database, timeout, detect_types, isolation_level and check_same_thread
    factory = argument(args, kwargs, 5, "factory", sqlite3.Connection)
    if factory is sqlite3.Connection:
        factory = _PlainConnection
    elif isinstance(factory, type) and issubclass(factory, sqlite3.Connection):
        factory = subclasses.stand_in(factory, _Connection, (_SLOT,))
    return with_argument(args, kwargs, 5, "factory", factory), kwargs


_connect = subclasses.adjusted(_connect_arguments)

INSTRUMENTOR = Instrumentor(
    library=_NAME,
    versions="*",
    distribution="",
    patches=tuple(Patch(f"{module}:connect", _connect) for module in ("_sqlite3", "sqlite3.dbapi2", "sqlite3")),
)
