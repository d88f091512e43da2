"""clickhouse-connect: queries, commands and inserts, sync and asyncio; opening a client beneath what is current.

A statement is one span: the requests of HTTP that it takes make none, and neither does what a new client asks for.  A result
that is streamed is read later, and its span does not last until then.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from clickhouse_connect.driver import exceptions

from autotrace.families import suppression
from autotrace.families.db import dbapi
from autotrace.patching import Instrumentor, Patch, argument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from autotrace.families.db.query import Database
    from autotrace.patching import Args, Call, Kwargs, Wrap

_UNKNOWN: Database = ("clickhouse", None, None, None)


def _read(client: Any) -> Database:
    where = urlsplit(client.url)
    return "clickhouse", getattr(client, "database", None), where.hostname, where.port


def _code(error: Exception) -> str | None:
    code = getattr(error, "code", None)
    return str(code) if type(code) is int else None


_kept = dbapi.Kept(_read)
_driver = dbapi.Driver(exceptions.ClickHouseError, _kept.of, _kept.of, _UNKNOWN, code_of=_code)


def _named(args: Args, kwargs: Kwargs) -> Database:
    host, port, name = (argument(args, kwargs, at, key) for at, key in ((2, "host"), (3, "port"), (6, "database")))
    return "clickhouse", name or None, host or None, port if isinstance(port, int) else None


def _connect(original: Call, scope: str) -> Call:
    return _driver.connect(_named)(suppression.suppressed()(original, scope), scope)


def _statement(text_of: Any, awaited: bool) -> Wrap:
    def wrap(original: Call, scope: str) -> Call:
        return _driver.told(text_of, awaited)(suppression.suppressed(awaited)(original, scope), scope)

    return wrap


def _of_context(args: Args, kwargs: Kwargs) -> Any:
    return argument(args, kwargs, 1, "context").query


def _of_insert(args: Args, kwargs: Kwargs) -> str:
    return f"INSERT INTO {argument(args, kwargs, 1, 'context').table}"


def _of_raw_insert(args: Args, kwargs: Kwargs) -> str | None:
    table = argument(args, kwargs, 1, "table")
    return f"INSERT INTO {table}" if table else None


def _of_text(name: str) -> Any:
    return lambda args, kwargs: argument(args, kwargs, 1, name)


def _patches(client: str, awaited: bool) -> list[Patch]:
    told = {
        "_query_with_context": _of_context,
        "command": _of_text("cmd"),
        "data_insert": _of_insert,
        "raw_insert": _of_raw_insert,
        "raw_query": _of_text("query"),
        "raw_stream": _of_text("query"),
    }
    return [
        *(
            Patch(f"{client}.{name}", _statement(text_of, awaited), awaited or name == "raw_stream")
            for name, text_of in told.items()
        ),
        Patch(f"{client}.ping", suppression.suppressed(awaited), awaited),
    ]


INSTRUMENTOR = Instrumentor(
    "clickhouse_connect",
    *_patches("clickhouse_connect.driver.httpclient:HttpClient", awaited=False),
    Patch("clickhouse_connect.driver.httpclient:HttpClient.__init__", _connect),
)

# One of its own since 1.0; before, it calls the other in a thread.
ASYNC = Instrumentor(
    "clickhouse_connect_async",
    *_patches("clickhouse_connect.driver.asyncclient:AsyncClient", awaited=True),
    Patch("clickhouse_connect.driver.asyncclient:AsyncClient._initialize", suppression.suppressed(awaited=True), True),
)
