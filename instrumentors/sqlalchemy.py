"""SQLAlchemy: statements and batches where a connection hands them to the driver, and opening a connection.

Core, ORM, text, DDL, ``exec_driver_sql``, ``insertmanyvalues`` and asynchronous engines all come through there.  The
driver's own spans beneath are left out, those of what listeners ask are not.  What the library asks on a new connection is
beneath a span of its own; what it asks to see whether a pooled one is alive has none.  A wait for one of a pool is told
where it takes long, or fails.

Not seen: what event hooks make of the parameters, and of a statement of ``insertmanyvalues``.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy.engine.base import Connection
from sqlalchemy.exc import SQLAlchemyError

from autotrace.families import suppression
from autotrace.families.beside import Beside
from autotrace.families.db import db_calls, query, waiting
from autotrace.families.execution import concurrency
from autotrace.patching import Args, Instrumentor, Kwargs, Patch, argument
from autotrace.patching.wrapping import before

db_calls.conceal(SQLAlchemyError)
_databases = Beside()  # of the dialects, which a pool has and an engine does not share
_settled = Beside()  # the URLs that those were asked with, and what that is, once they have asked the server


def _database(connection: Connection, dialect: Any) -> tuple[Any, ...]:
    url = connection.engine.url
    found = _settled.kept.get(id(dialect))
    if found is not None and found[1][0] is url:
        return found[1][1]  # type: ignore[no-any-return]
    database = _system(dialect), url.database or None, url.host, url.port
    if getattr(dialect, "server_version_info", None) is not None:
        _settled.keep(dialect, (url, database))
    return database


def _system(dialect: Any) -> Any:
    # it has asked the server by then; of MySQL's it is an attribute of the class, and false
    return "mariadb" if getattr(dialect, "is_mariadb", False) else dialect.name


def _new_engine(args: Args, kwargs: Kwargs) -> None:
    engine = argument(args, kwargs, 0, "instance")
    dialect, url = getattr(engine, "dialect", None), getattr(engine, "url", None)
    if dialect is None or url is None:  # a pool, which has a logger as well
        return
    _databases.keep(dialect, (dialect.name, url.database or None, url.host, url.port))
    failure = getattr(getattr(dialect, "dbapi", None), "Error", None)
    if isinstance(failure, type):  # connecting fails with the driver's own
        db_calls.conceal(failure)


def _pooled(args: Args, _kwargs: Kwargs) -> Any:
    return _to_pool(args[0]._ConnectionRecord__pool)  # noqa: SLF001


def _waited_for(args: Args, _kwargs: Kwargs) -> Any:
    return _to_pool(args[0])


def _to_pool(pool: Any) -> Any:
    dialect = getattr(pool, "_dialect", None)
    database = _databases.of(dialect)
    return database and ((_system(dialect), *database[1:]),)


def _with_listeners(span: Any, args: Args) -> None:
    if args[0]._has_events or args[0].engine._has_events:  # noqa: SLF001
        query.apart(span)


def _in_context(args: Args, kwargs: Kwargs) -> Any:
    context = args[2] if len(args) > 2 else kwargs["context"]
    text = query.text(context.statement)
    rows = context.parameters
    batch = query.batch_size(rows) if len(rows) != 1 and context.executemany else None  # PERF: the latter is a property
    return text and (_database(args[0], args[1]), text, batch)


def _by_cursor(args: Args, kwargs: Kwargs) -> Any:
    text = query.text(argument(args, kwargs, 2, "statement"))
    return text and (_database(args[0], args[0].dialect), text, None)


def _before_context(args: Args, kwargs: Kwargs) -> Any:
    connection, dialect = args[:2]
    statement = argument(args, kwargs, 3, "statement")
    parameters = argument(args, kwargs, 4, "parameters") or ()
    text = query.text(getattr(statement, "string", statement))
    return text and (_database(connection, dialect), text, query.batch_size(parameters) or None)


def _sent(done: Any) -> Any:
    context = getattr(done, "context", None)
    return getattr(done if context is None else context, "statement", None)


def _statement(args: Args, kwargs: Kwargs) -> Any:
    return argument(args, kwargs, 2, "statement")


_context, _cursor = (query.call(facts, None, _with_listeners) for facts in (_in_context, _by_cursor))
_patches: tuple[Patch, ...]
if hasattr(Connection, "_exec_single_context"):
    _patches = (
        Patch("sqlalchemy.engine.base:Connection._exec_single_context", _context),
        Patch("sqlalchemy.engine.base:Connection._exec_insertmany_context", _context),
    )
else:  # 1.4, where the context is made inside, and lists are only written out there
    _context = query.call(_before_context, _sent, _with_listeners)
    _await = concurrency.carry_awaitable()  # its greenlets have copies of the context, out of which nothing comes
    _patches = (
        Patch("sqlalchemy.engine.base:Connection._execute_context", _context),
        Patch("sqlalchemy.util._concurrency_py3k:await_only", _await, optional=True),
        Patch("sqlalchemy.util.concurrency:await_only", _await, optional=True),
        Patch("sqlalchemy.util:await_only", _await, optional=True),
    )
_patches += (
    Patch("sqlalchemy.engine.base:Connection._cursor_execute", _cursor),
    Patch("sqlalchemy.engine.default:DefaultDialect.do_execute", query.sending(_statement)),
    Patch("sqlalchemy.engine.default:DefaultDialect.do_execute_no_params", query.sending(_statement)),
    Patch("sqlalchemy.engine.default:DefaultDialect.do_executemany", query.sending(_statement, many=True)),
    # Every engine asks for its logger when it is made. Its own __init__ must stay a plain function: create_engine reads in
    # its code which arguments are the engine's.
    Patch("sqlalchemy.log:instance_logger", before(_new_engine)),
    Patch("sqlalchemy.pool.base:_ConnectionRecord._ConnectionRecord__connect", query.connecting(_pooled), True),
    Patch("sqlalchemy.pool.impl:QueuePool._do_get", waiting.pooled(_waited_for)),
    Patch("sqlalchemy.engine.default:DefaultDialect.do_ping", suppression.suppressed()),
    Patch("sqlalchemy.engine.default:DefaultDialect._do_ping_w_event", suppression.suppressed(), optional=True),
)

INSTRUMENTOR = Instrumentor("sqlalchemy", *_patches)
