"""SQLAlchemy: statements and batches where a connection hands them to the driver.

Core, ORM, text, DDL, ``exec_driver_sql``, ``insertmanyvalues`` and asynchronous engines all come through there.  The
driver's own spans beneath are left out.

Not seen: what event hooks make of a statement; in 1.4 also what an insert asks before to get its defaults.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy.engine.base import Connection
from sqlalchemy.exc import SQLAlchemyError

from autotrace.patching import Args, Instrumentor, Kwargs, Patch, argument
from autotrace.protocols import concurrency, db_calls, db_client

db_calls.conceal(SQLAlchemyError)


def _database(connection: Connection, dialect: Any) -> tuple[Any, ...]:
    url = connection.engine.url
    return dialect.name, url.database or None, url.host, url.port


def _in_context(args: Args, kwargs: Kwargs) -> Any:
    connection, dialect = args[:2]
    context = argument(args, kwargs, 2, "context")
    text = db_client.text(context.statement)
    batch = db_client.batch_size(context.parameters) if context.executemany else None
    return text and (_database(connection, dialect), text, batch)


def _by_cursor(args: Args, kwargs: Kwargs) -> Any:
    text = db_client.text(argument(args, kwargs, 2, "statement"))
    return text and (_database(args[0], args[0].dialect), text, None)


def _before_context(args: Args, kwargs: Kwargs) -> Any:
    connection, dialect = args[:2]
    statement = argument(args, kwargs, 3, "statement")
    parameters = argument(args, kwargs, 4, "parameters") or ()
    text = db_client.text(getattr(statement, "string", statement))
    return text and (_database(connection, dialect), text, db_client.batch_size(parameters) or None)


def _sent(done: Any) -> Any:
    context = getattr(done, "context", None)
    return getattr(done if context is None else context, "statement", None)


_patches: tuple[Patch, ...]
if hasattr(Connection, "_exec_single_context"):
    _patches = (
        Patch("sqlalchemy.engine.base:Connection._exec_single_context", db_client.query(_in_context)),
        Patch("sqlalchemy.engine.base:Connection._exec_insertmany_context", db_client.query(_in_context)),
        Patch("sqlalchemy.engine.base:Connection._cursor_execute", db_client.query(_by_cursor)),
    )
else:  # 1.4, where the context is made inside, and lists are only written out there
    _await = concurrency.carry_awaitable()  # its greenlets have copies of the context, out of which nothing comes
    _patches = (
        Patch("sqlalchemy.engine.base:Connection._execute_context", db_client.query(_before_context, _sent)),
        Patch("sqlalchemy.engine.base:Connection._cursor_execute", db_client.query(_by_cursor)),
        Patch("sqlalchemy.util._concurrency_py3k:await_only", _await, optional=True),
        Patch("sqlalchemy.util.concurrency:await_only", _await, optional=True),
        Patch("sqlalchemy.util:await_only", _await, optional=True),
    )

INSTRUMENTOR = Instrumentor(library="sqlalchemy", versions=">=1.4,<3", distribution="SQLAlchemy", patches=_patches)
