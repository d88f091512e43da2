"""What the facts of queries mean: semantic conventions 1.44, "Database client spans".

Facts are said in ``families.db.query``; ``server`` and ``answered`` are for all databases.
"""

from __future__ import annotations

from autotrace.conventions.ends import ended
from autotrace.conventions.sql import read
from autotrace.conventions.sql_shape import shape
from autotrace.conventions.sql_summary import SUMMARY_LIMIT
from autotrace.trace.span import Parted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from autotrace.trace.failure import Failure
    from autotrace.trace.span import Attributes, Description, Facts


# Names that libraries have for systems, where they are not the conventions' (semantic conventions 1.44, db.system.name).
_SYSTEMS = {
    "clickhousedb": "clickhouse",
    "db2": "ibm.db2",
    "firebird": "firebirdsql",
    "hana": "sap.hana",
    "ibm_db_sa": "ibm.db2",
    "mssql": "microsoft.sql_server",
    "oracle": "oracle.db",
    "postgres": "postgresql",
    "redshift": "aws.redshift",
    "spanner+spanner": "gcp.spanner",
    "teradatasql": "teradata",
}
_PORTS = {"mariadb": 3306, "microsoft.sql_server": 1433, "mysql": 3306, "oracle.db": 1521, "postgresql": 5432}


def _split(facts: Facts, _outcome: Facts | None) -> tuple[Facts, None]:
    """A statement is known by its shape; all else is what many have in common."""
    try:
        database, statement, batch = facts
    except ValueError:  # with the code of an answer
        database, statement, *more = facts
        return (database, statement and shape(statement), *more), None
    return (database, statement and shape(statement), batch), None


def _query(facts: Facts, failure: Failure | None) -> Description:
    """Say what a query means: semantic conventions 1.44, "Database client spans"."""
    (dialect, namespace, host, port), statement, batch = facts[:3]
    system = _SYSTEMS.get(dialect, dialect) or "other_sql"
    known = read(statement, system)
    before = "" if batch is None else "BATCH "
    attributes: Attributes = {"db.system.name": system}
    space = _namespace(system, namespace)
    if space:
        attributes["db.namespace"] = space
    if known.operation:
        attributes["db.operation.name"] = before + known.operation
    if known.collection:
        attributes["db.collection.name"] = known.collection
    if known.procedure:
        attributes["db.stored_procedure.name"] = known.procedure
    if known.text:
        attributes["db.query.text"] = known.text
    summary = (before + known.summary).strip()
    if len(summary) > SUMMARY_LIMIT:
        summary = summary[: summary.rindex(" ", 0, SUMMARY_LIMIT + 1)]
    if summary:
        attributes["db.query.summary"] = summary
    if batch is not None:
        attributes["db.operation.batch.size"] = batch
    server(attributes, host, port, _PORTS.get(system))
    name = summary or _target(attributes) or system
    return answered(name, attributes, facts[3] if len(facts) > 3 else None, failure)


describe = Parted(_split, _query)


def describe_connection(facts: Facts, _outcome: Facts | None, failure: Failure | None) -> Description:
    """Say to what a connection was opened; the conventions have no such span, so it is named by what is done."""
    return _connection("connect", facts, failure)


def describe_waiting(facts: Facts, _outcome: Facts | None, failure: Failure | None) -> Description:
    """Say to what the connections of a pool are that was waited for; the conventions have no such span either."""
    return _connection("wait for connection", facts, failure)


def _connection(name: str, facts: Facts, failure: Failure | None) -> Description:
    dialect, namespace, host, port = facts[0]
    system = _SYSTEMS.get(dialect, dialect) or "other_sql"
    attributes: Attributes = {"db.system.name": system}
    space = _namespace(system, namespace)
    if space:
        attributes["db.namespace"] = space
    server(attributes, host, port, _PORTS.get(system))
    return answered(name, attributes, facts[1] if len(facts) > 1 else None, failure)


def server(attributes: Attributes, host: str | None, port: int | None, usual: int | None) -> None:
    """Say where the server is, as the client was told; the port only where it is not the usual one."""
    if host:
        attributes["server.address"] = host
        if port and port != usual:
            attributes["server.port"] = port


def answered(name: str, attributes: Attributes, code: str | None, failure: Failure | None) -> Description:
    """Return the whole description: with the server's code where it gave one, with status and type where it failed."""
    if code:
        attributes["db.response.status_code"] = code
    return ended(name, attributes, failure)


def _namespace(system: str, given: str | None) -> str:
    """Return the database's name; an embedded one is named by its file, without the options of a URI."""
    if system != "sqlite":
        return given or ""
    if given is None:
        return ":memory:"
    return given[5:].partition("?")[0] if given.startswith("file:") else given


def _target(attributes: Mapping[str, Any]) -> str:
    """Return what a query without summary is named by (semantic conventions 1.44, database spans, "Name")."""
    address = attributes.get("server.address", "")
    if address and "server.port" in attributes:
        address = f"{address}:{attributes['server.port']}"
    return str(attributes.get("db.namespace") or address)
