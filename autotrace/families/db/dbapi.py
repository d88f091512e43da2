"""The family of PEP 249's drivers: what their connections and cursors do, sync and async, and what is told of it.

Statements, batches and procedures are queries.  A connection that is opened, and a transaction that is ended, are spans
only beneath one: by themselves, as where a pool grows, they would be traces that nobody asked for.  The end of a transaction
is told as the statement that is sent for it.

Connections and cursors stay what they are.  Methods of classes of Python are patched; of types of C a subclass is made
(``patching.subclassing``) and given to the library where that takes a class: as a factory.

Not seen: what a driver sends by itself, such as the beginning of a transaction, and the reading of rows.
"""

from __future__ import annotations

from autotrace.families import db, suppression
from autotrace.families.beside import Beside
from autotrace.families.db import query
from autotrace.families.db.db_calls import conceal
from autotrace.trace.context import get_current

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from autotrace.families.db.db_calls import By, FactsOf
    from autotrace.families.db.query import Database
    from autotrace.patching import Args, Kwargs, Wrap

_MISSING: Any = object()


class Driver:
    """What is known of one driver; makes the wrappers of its functions.

    Args:
        error: the class of its exceptions, whose messages quote data.
        of_connection: tells the Database of a connection; see ``Kept`` where that is asked of the connection in C.
        of_cursor: tells it of a cursor; by default its ``connection`` is looked at.  It may raise AttributeError.
        unknown: the Database where that is raised.
        statement: what the functions call the statement, where it may be given by name.
        rows: what they call the parameters of a batch.
        read: makes text of a statement that is none, or returns something else where it is not known.
        code_of: finds the server's code in an exception of the driver's; by default ``query.code``.
        nests: the database is in this process, and calls functions of the program's.
    """

    __slots__ = ("_code_of", "_nests", "_of_connection", "_of_cursor", "_read", "_rows", "_statement", "_unknown")

    def __init__(
        self,
        error: type[Exception],
        of_connection: Callable[[Any], Database],
        of_cursor: Callable[[Any], Database] | None = None,
        unknown: Database = (None, None, None, None),
        statement: str | None = None,
        rows: str | None = None,
        read: Callable[[Any], Any] | None = None,
        code_of: Callable[[Exception], str | None] = query.code,
        nests: bool = False,
    ) -> None:
        conceal(error)
        self._of_connection = of_connection
        self._of_cursor = of_cursor or (lambda cursor: of_connection(cursor.connection))
        self._unknown = unknown
        self._statement = statement
        self._rows = rows
        self._read = read
        self._code_of = code_of
        self._nests = nests

    def execute(
        self, awaited: bool = False, by: By | None = None, remembered: Callable[[Args, Kwargs], bool] | None = None
    ) -> Wrap:
        """Trace a cursor's method that takes a statement first.

        Args:
            awaited: it is a coroutine function.
            by: see ``db_calls.call``: a connection's method that makes a cursor and calls the cursor's.
            remembered: tells of a call that its statement is kept by its text, as where it is prepared; None: it never is.
        """
        trace = self._query(self.statement(self._statement), awaited, by)
        if not db.commenting:
            return trace
        from autotrace.families.db import comments

        return comments.beneath(trace, self._statement or "", remembered, awaited)

    def statement(self, named: str | None) -> FactsOf:
        """Return what looks at the arguments of a cursor's method that takes a statement first.

        Args:
            named: what the statement is called, where it may be given by name.
        """
        of_cursor, unknown, read = self._of_cursor, self._unknown, self._read

        def facts_of(args: Args, kwargs: Kwargs) -> Any:
            given = args[1] if len(args) > 1 else kwargs.get(named)  # type: ignore[arg-type]
            text = query.text(given if type(given) is str or read is None else read(given))
            if not text:
                return None
            try:
                return of_cursor(args[0]), text, None
            except AttributeError:
                return unknown, text, None

        return facts_of

    def executemany(self, awaited: bool = False, by: By | None = None) -> Wrap:
        """Trace a cursor's method that takes a statement and the parameters of each query of a batch."""
        of_cursor, unknown, named, read, rows = self._of_cursor, self._unknown, self._statement, self._read, self._rows

        def facts_of(args: Args, kwargs: Kwargs) -> Any:
            given = args[1] if len(args) > 1 else kwargs.get(named)  # type: ignore[arg-type]
            batch = args[2] if len(args) > 2 else kwargs.get(rows, _MISSING)  # type: ignore[arg-type]
            text = query.text(given if read is None else read(given))
            if not text or batch is _MISSING:
                return None
            try:
                return of_cursor(args[0]), text, query.batch_size(batch)
            except AttributeError:
                return unknown, text, query.batch_size(batch)

        return self._query(facts_of, awaited, by)

    def told(self, text_of: Callable[[Args, Kwargs], Any], awaited: bool = False) -> Wrap:
        """Trace a cursor's method that makes the statement itself.

        Args:
            text_of: tells the statement from the arguments, or something that is no text where there is none.
            awaited: it is a coroutine function.
        """

        def facts_of(args: Args, kwargs: Kwargs) -> Any:
            text = query.text(text_of(args, kwargs))
            if not text:
                return None
            try:
                return self._of_cursor(args[0]), text, None
            except AttributeError:
                return self._unknown, text, None

        return self._query(facts_of, awaited)

    def callproc(self, awaited: bool = False) -> Wrap:
        """Trace a cursor's method that calls a procedure; it is told as CALL, in whichever way a driver does it."""
        return self.told(_call, awaited)

    def ending(
        self,
        text_of: Callable[[Args, Kwargs], str | None],
        awaited: bool = False,
        connection_of: Callable[[Any], Any] | None = None,
    ) -> Wrap:
        """Trace a method that ends a transaction, beneath what is current.

        Args:
            text_of: tells the statement that is sent; None where there is no transaction, and nothing is sent.
            awaited: it is a coroutine function.
            connection_of: finds the connection, where the method is not the connection's.
        """

        def facts_of(args: Args, kwargs: Kwargs) -> Any:
            text = text_of(args, kwargs) if get_current() is not None else None
            if text is None:
                return None
            connection = args[0] if connection_of is None else connection_of(args[0])
            try:
                return self._of_connection(connection), text, None
            except AttributeError:
                return self._unknown, text, None

        return self._query(facts_of, awaited)

    def connect(self, database_of: Callable[[Args, Kwargs], Database], awaited: bool = False) -> Wrap:
        """Trace a function that returns a new connection, beneath what is current.

        Args:
            database_of: tells from the arguments what the connection is to be to; of one that was opened, it tells itself.
            awaited: it is a coroutine function.
        """

        def facts_of(args: Args, kwargs: Kwargs) -> Any:
            return None if get_current() is None else (database_of(args, kwargs),)

        return query.connecting(facts_of, self._of_connection, awaited, self._code_of)

    def connecting(self, database_of: Callable[[Any], Database], awaited: bool = False) -> Wrap:
        """Trace a method that connects its receiver and returns nothing, beneath what is current.

        What the library sends by itself meanwhile makes no spans.

        Args:
            database_of: tells what the connection is to be to, and once it is opened what it is to.
            awaited: it is a coroutine function.
        """

        def facts_of(args: Args, _kwargs: Kwargs) -> Any:
            return None if get_current() is None else (database_of(args[0]),)

        trace = query.connecting(facts_of, database_of, awaited, self._code_of, itself=True)
        quiet = suppression.suppressed(awaited)
        return lambda original, scope: trace(quiet(original, scope), scope)

    def _query(self, facts_of: FactsOf, awaited: bool, by: By | None = None) -> Wrap:
        if awaited:
            return query.async_call(facts_of, code_of=self._code_of, nests=self._nests)
        return query.call(facts_of, code_of=self._code_of, nests=self._nests, by=by)


class Kept:
    """The Database of each connection, asked for once and kept for as long as that lives.

    Args:
        read: tells the Database of a connection.

    Attributes:
        of: tells it of a connection.
        of_cursor: tells it of a cursor, whose ``connection`` is looked at.
    """

    __slots__ = ("of", "of_cursor")

    def __init__(self, read: Callable[[Any], Database]) -> None:
        databases = Beside()
        find = databases.kept.get

        def asked(connection: Any) -> Any:
            database = read(connection)
            databases.keep(connection, database)
            return database

        # PERF: a method would look for both at each call.
        def of(connection: Any) -> Any:
            found = find(id(connection))
            return asked(connection) if found is None else found[1]

        def of_cursor(cursor: Any) -> Any:
            connection = cursor.connection
            found = find(id(connection))
            return asked(connection) if found is None else found[1]

        self.of = of
        self.of_cursor = of_cursor


def _call(args: Args, kwargs: Kwargs) -> str | None:
    name = args[1] if len(args) > 1 else kwargs.get("procname")
    return f"CALL {name}" if isinstance(name, str) else None
