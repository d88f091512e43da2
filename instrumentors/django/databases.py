"""Django over its databases: what it asks to set a connection up, or to show a query in ``DEBUG``, makes no spans.

The program's queries are told by the driver's instrumentor.  Django before 4.2 calls the methods of ``sqlite3.Cursor``
by its name, past what that has put beneath its cursors, so its own methods are patched there.
"""

from __future__ import annotations

from operator import attrgetter

import django  # type: ignore[import-untyped]
from django.db.utils import DatabaseError  # type: ignore[import-untyped]

from autotrace.families import suppression
from autotrace.families.db import dbapi
from autotrace.patching import Instrumentor, Patch

_SQLITE3 = "django.db.backends.sqlite3"
_POSTGRESQL = "django.db.backends.postgresql.base:DatabaseWrapper"
_past = dbapi.Driver(
    DatabaseError,
    attrgetter("_autotrace_database"),
    unknown=("sqlite", None, None, None),
    nests=True,
)
_CURSOR = f"{_SQLITE3}.base:SQLiteCursorWrapper"
_cursors = (Patch(f"{_CURSOR}.execute", _past.execute()), Patch(f"{_CURSOR}.executemany", _past.executemany()))

SQLITE3 = Instrumentor(
    "django_sqlite3",
    *(_cursors if django.VERSION < (4, 2) else ()),
    Patch(f"{_SQLITE3}.base:DatabaseWrapper.get_new_connection", suppression.suppressed()),
    Patch(f"{_SQLITE3}.operations:DatabaseOperations._quote_params_for_last_executed_query", suppression.suppressed()),
)

MYSQL = Instrumentor(
    "django_mysql",
    Patch("django.db.backends.mysql.base:DatabaseWrapper.init_connection_state", suppression.suppressed()),
)

POSTGRESQL = Instrumentor(
    "django_postgresql",
    Patch(f"{_POSTGRESQL}.init_connection_state", suppression.suppressed()),
    Patch(f"{_POSTGRESQL}.is_usable", suppression.suppressed()),
    # Since 5.1: what a pool's threads do to a new connection.
    Patch(f"{_POSTGRESQL}._configure_connection", suppression.suppressed(), optional=True),
)
