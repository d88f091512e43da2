"""What drivers that stand on libpq share: where a connection is to, and statements that are put together from parts."""

from __future__ import annotations

from autotrace.families.db.query import TEXT_LIMIT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Any

    from autotrace.families.db.query import Database

UNKNOWN: Database = ("postgresql", None, None, None)


def of_connection(connection: Any) -> Database:
    """Return what a connection is to, as libpq knows it: of several hosts the one that answered."""
    if connection.closed:
        return UNKNOWN
    info = connection.info
    return "postgresql", info.dbname or None, info.host or None, info.port


def of_parameters(told: Mapping[str, Any]) -> Database:
    """Return what a connection is to be to.

    Args:
        told: the parameters of a connection string.
    """
    port = str(told.get("port") or "")
    host = told.get("host") or None
    return "postgresql", told.get("dbname") or None, host, int(port) if port.isdecimal() else None


def reading(parts: Any) -> Callable[[Any], Any]:
    """Return what makes text of any statement that a driver takes; no value that stands in it is made text.

    Args:
        parts: the driver's module of parts of statements.
    """

    def texts(part: Any) -> Iterator[str]:
        if isinstance(part, str):
            yield part
        elif isinstance(part, (parts.SQL, parts.Placeholder)):
            yield part.as_string(None)
        elif isinstance(part, parts.Identifier):
            names = getattr(part, "strings", None) or part._obj  # noqa: SLF001 - one has the former, one the latter
            yield ".".join('"' + name.replace('"', '""') + '"' for name in names)
        elif isinstance(part, parts.Composed):
            for one in part:
                yield from texts(one)
        elif hasattr(part, "interpolations"):  # a template (PEP 750), whose values say by a letter what they are
            for one in part:
                if isinstance(one, str):
                    yield one
                elif one.format_spec == "i" and isinstance(one.value, str):
                    yield from texts(parts.Identifier(one.value))
                else:
                    yield from texts(one.value if one.format_spec == "q" else None)
        else:
            yield "?"

    def read(given: Any) -> Any:
        if isinstance(given, str):
            return given
        if isinstance(given, (bytes, bytearray)):
            return given[: TEXT_LIMIT * 4].decode(errors="replace")
        if not isinstance(given, parts.Composable) and not hasattr(given, "interpolations"):
            return None
        length, found = 0, []
        for text in texts(given):
            found.append(text)
            length += len(text)
            if length > TEXT_LIMIT:
                break
        return "".join(found)

    return read
