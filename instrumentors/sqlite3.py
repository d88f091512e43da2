"""sqlite3: queries, through subclasses of ``Connection`` and ``Cursor`` that ``connect()`` makes.

The types of C cannot be patched, so connections are real subclasses, reached by ``connect(factory=...)``.  A factory of the
program's gets a subclass beneath which ours stands: its own methods come first, and their ``super()`` is ours.

The ends of transactions are told beneath what is current, and so is a connection that takes long to be opened, or fails.

Not traced: connections and cursors that are made without ``connect()`` and ``Connection.cursor()``, and by factories that
are not classes.  ``type(connection) is sqlite3.Connection`` is false.
"""

from __future__ import annotations

import os
import sqlite3
import sys
from operator import attrgetter
from typing import Any

from autotrace.families.db import dbapi, waiting
from autotrace.patching import Args, Call, Instrumentor, Kwargs, Patch, argument, subclassing, with_argument
from autotrace.patching.wrapping import before

_NAME = "sqlite3"
_SLOT = "_autotrace_database"
_sqlite = dbapi.Driver(
    sqlite3.Error, attrgetter(_SLOT), attrgetter(f"connection.{_SLOT}"), ("sqlite", "", None, None), nests=True
)
_TRACED = {"execute": _sqlite.execute, "executemany": _sqlite.executemany, "executescript": _sqlite.execute}
_cursors = subclassing.StandIns(sqlite3.Cursor, _NAME, {name: traced() for name, traced in _TRACED.items()})


def _cursor_arguments(args: Args, kwargs: Kwargs) -> Any:
    if len(args) == 1 and not kwargs:
        return args[0], _cursors.plain
    if kwargs and (len(kwargs) > 1 or "factory" not in kwargs):  # it would complain of ours, not of theirs
        return args
    return with_argument(args, kwargs, 1, "factory", _cursors.of(argument(args, kwargs, 1, "factory", sqlite3.Cursor)))


def _keep_database(args: Args, kwargs: Kwargs) -> None:
    database = argument(args, kwargs, 1, "database")
    if isinstance(database, (str, bytes, os.PathLike)):
        setattr(args[0], _SLOT, ("sqlite", os.fsdecode(database), None, None))


def _ending(text_of: Any) -> Any:
    def sent(args: Args, _kwargs: Kwargs) -> str | None:
        try:
            sends = args[0].in_transaction and getattr(args[0], "autocommit", None) is not True
        except sqlite3.Error:  # it is closed, and will say so
            return None
        return text_of(args) if sends else None

    return _sqlite.ending(sent)


_methods = {
    "__init__": before(_keep_database),
    "cursor": before(_cursor_arguments),
    "commit": _ending(lambda _args: "COMMIT"),
    "rollback": _ending(lambda _args: "ROLLBACK"),
    "__exit__": _ending(lambda args: "COMMIT" if args[1] is None else "ROLLBACK"),
}
if sys.version_info >= (3, 11):  # before, these go through cursor(), also through one of the program's
    for _method, _traced in _TRACED.items():
        _by = sqlite3.Connection.cursor, (_cursors.plain,), getattr(sqlite3.Cursor, _method)
        _methods[_method] = _traced(by=_by)
_connections = subclassing.StandIns(sqlite3.Connection, _NAME, _methods, (_SLOT,))


def _connect_arguments(args: Args, kwargs: Kwargs) -> Any:
    # the sixth, after database, timeout, detect_types, isolation_level and check_same_thread
    factory = _connections.of(argument(args, kwargs, 5, "factory", sqlite3.Connection))
    return with_argument(args, kwargs, 5, "factory", factory)


def _opening(args: Args, kwargs: Kwargs) -> Any:
    database = argument(args, kwargs, 0, "database")
    return (("sqlite", os.fsdecode(database), None, None),)


def _connect(original: Call, scope: str) -> Call:
    return waiting.connecting(_opening)(before(_connect_arguments)(original, scope), scope)


INSTRUMENTOR = Instrumentor(
    _NAME,
    *(Patch(f"{module}:connect", _connect) for module in ("_sqlite3", "sqlite3.dbapi2", "sqlite3")),
)
