"""psycopg 3: statements, batches and copies, sync and asyncio; connections and ends of transactions beneath what is current.

Cursors of every kind, also of the program's own, send through the methods that are patched.  A copy is a span from the
statement to the end of its block, and is not current in it.  Threads of a pool belong to nobody's request;
a wait for one of its connections is told where it takes long, or fails.

Not traced: ``stream()``, the beginning of a transaction, and what a server's cursor fetches.  In a pipeline a span is only
as long as the sending.
"""

from __future__ import annotations

import psycopg
from psycopg import conninfo, pq, sql

from autotrace.families.db import copying, dbapi, libpq, waiting
from autotrace.families.execution import concurrency
from autotrace.patching import Instrumentor, Patch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from autotrace.patching import Args, Kwargs

_kept = dbapi.Kept(libpq.of_connection)
_driver = dbapi.Driver(
    psycopg.Error,
    _kept.of,
    _kept.of_cursor,
    statement="query",
    rows="params_seq",
    read=libpq.reading(sql),
)
_IN_TRANSACTION = pq.TransactionStatus.ACTIVE, pq.TransactionStatus.INTRANS, pq.TransactionStatus.INERROR


def _parameters(args: Args, kwargs: Kwargs) -> Any:
    try:
        return libpq.of_parameters(conninfo.conninfo_to_dict(*args[1:2], **kwargs))
    except (psycopg.Error, TypeError):  # the library will say so itself
        return libpq.UNKNOWN


def _ending(text: str) -> Any:
    return lambda args, _kwargs: text if args[0].pgconn.transaction_status in _IN_TRANSACTION else None


def _block(args: Args, _kwargs: Kwargs) -> str | None:
    transaction, failed = args[0], args[2]
    if transaction.connection.pgconn.transaction_status not in _IN_TRANSACTION:
        return None
    kept = failed is None and not transaction.force_rollback
    if transaction._outer_transaction:  # noqa: SLF001
        return "COMMIT" if kept else "ROLLBACK"
    return f'{"RELEASE" if kept else "ROLLBACK TO"} "{transaction.savepoint_name}"'


_KEPT_HERE = tuple(getattr(psycopg, name) for name in ("ClientCursor", "AsyncClientCursor") if hasattr(psycopg, name))


def _prepares(args: Args, kwargs: Kwargs) -> bool:
    # the server is asked to once a text has come several times
    never = isinstance(args[0], _KEPT_HERE) or kwargs.get("prepare") is False
    return not never and args[0].connection.prepare_threshold is not None


def _connection_of(transaction: Any) -> Any:
    return transaction.connection


def _patches(prefix: str, awaited: bool) -> list[Patch]:
    commit, rollback = (_driver.ending(_ending(text), awaited) for text in ("COMMIT", "ROLLBACK"))
    return [
        Patch(f"psycopg:{prefix}Cursor.execute", _driver.execute(awaited, remembered=_prepares)),
        Patch(f"psycopg:{prefix}Cursor.executemany", _driver.executemany(awaited)),
        Patch(f"psycopg:{prefix}ServerCursor.execute", _driver.execute(awaited)),
        Patch(f"psycopg:{prefix}Cursor.copy", copying.block(_driver.statement("statement"), awaited)),
        Patch(f"psycopg:{prefix}Connection.commit", commit),
        Patch(f"psycopg:{prefix}Connection.rollback", rollback),
        Patch(
            f"psycopg:{prefix}Transaction.__{'a' if awaited else ''}exit__",
            _driver.ending(_block, awaited, _connection_of),
        ),
    ]


_connect = _driver.connect(_parameters)

INSTRUMENTOR = Instrumentor(
    "psycopg",
    *_patches("", awaited=False),
    *_patches("Async", awaited=True),
    Patch("psycopg:Connection.connect", _connect),
    Patch("psycopg:connect", _connect),
    Patch("psycopg:AsyncConnection.connect", _driver.connect(_parameters, awaited=True)),
)


def _pooled(args: Args, _kwargs: Kwargs) -> Any:
    given = args[0].conninfo, args[0].kwargs
    text, more = (one if isinstance(one, kind) else kind() for one, kind in zip(given, (str, dict)))
    try:
        return (libpq.of_parameters(conninfo.conninfo_to_dict(text, **more)),)
    except (psycopg.Error, TypeError):
        return (libpq.UNKNOWN,)


POOL = Instrumentor(
    "psycopg_pool",
    Patch("psycopg_pool:ConnectionPool._start_workers", concurrency.isolate()),
    Patch("psycopg_pool:AsyncConnectionPool._start_workers", concurrency.isolate()),
    Patch("psycopg_pool:ConnectionPool.getconn", waiting.pooled(_pooled)),
    Patch("psycopg_pool:AsyncConnectionPool.getconn", waiting.pooled(_pooled, awaited=True)),
)
