"""The family of database queries: one span for each statement or batch that is sent, named by what it is about.

The span is current while the query runs, so what the database calls back into has the query as its parent, and a driver
beneath an ORM does not tell the same query twice.  The time of reading rows is not in the span where the library fetches
them later.  What a library asks on a new connection is beneath a span of its own.
"""

from __future__ import annotations

from weakref import ref

from autotrace.conventions.db import describe, describe_connection
from autotrace.families.db import db_calls
from autotrace.families.db.db_calls import APART
from autotrace.faults import fault
from autotrace.patching.wrapping import after, around
from autotrace.trace.context import get_current
from autotrace.trace.failure import hide_frame

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Optional

    from autotrace.families.db.db_calls import By, CodeOf, Correct, FactsOf, Opened
    from autotrace.patching import Args, Call, Kwargs, Wrap
    from autotrace.trace.span import Span

    # what the connection is to: system or dialect, namespace, host, port
    Database = tuple[Optional[str], Optional[str], Optional[str], Optional[int]]
    # Facts: a Database, the text, the number of queries in a batch (None: it is no batch), on failure the server's code.
    TextOf = Callable[[Any], Optional[str]]

FAMILY = "db_client"
CONNECTION = "db_connection"
OPENING = "opening"  # the note of a span beneath which a connection was asked for: when
_RECEIVER = "receiver"  # the note of a span whose method connects its receiver, weakly
_SENT = "sent"  # the note of a span whose text is what was sent
TEXT_LIMIT = 32_768  # characters of a query that are kept; a longer one is a script or a load of data

# Attributes of exceptions in which drivers keep the server's code.
_CODES = ("sqlstate", "pgcode", "sqlite_errorname")


def call(
    facts_of: FactsOf,
    text_of: TextOf | None = None,
    opened: Opened | None = None,
    code_of: CodeOf | None = None,
    nests: bool = True,
    by: By | None = None,
) -> Wrap:
    """Trace a function that sends one statement, or one batch of it.

    Args:
        facts_of: looks at the arguments, which it must not change; None means that this call is not traced.
        text_of: looks at the result or the exception and tells the text as it was sent, where the arguments do not have it.
        opened: see ``db_calls.call``; such as ``apart``.
        code_of: finds the server's code in an exception; by default ``code``.
        nests: the program may be asked while a statement runs, and what it asks its database then is another query.
        by: see ``db_calls.call``.
    """
    return db_calls.call(
        FAMILY, describe, facts_of, code_of or code, _correcting(text_of), nests=nests, opened=opened, by=by
    )


def async_call(
    facts_of: FactsOf,
    text_of: TextOf | None = None,
    opened: Opened | None = None,
    code_of: CodeOf | None = None,
    nests: bool = True,
) -> Wrap:
    """Trace a coroutine function that sends one statement, or one batch of it; the arguments are those of ``call``."""
    return db_calls.async_call(
        FAMILY, describe, facts_of, code_of or code, _correcting(text_of), nests=nests, opened=opened
    )


def _correcting(text_of: TextOf | None) -> Correct | None:
    if text_of is None:
        return None

    def correct(span: Span, done: Any) -> None:
        if span.notes is None or _SENT not in span.notes:
            _correct(span, text(text_of(done)))

    return correct


def apart(span: Span) -> None:
    """Note that the program is asked before the statement is: what it asks for meanwhile is not this query."""
    span.noted()[APART] = None


def sending(text_of: Callable[[Args, Kwargs], Any], many: bool = False) -> Wrap:
    """Wrap the function in which a library hands a statement to its driver, where a query may be ``apart`` until then.

    Args:
        text_of: finds the statement in the arguments; it may be another one by now.
        many: it is a batch that is handed over, not one of its parts.
    """

    def wrap(original: Call, scope: str) -> Call:
        def enter(args: Args, kwargs: Kwargs) -> tuple[dict[str, Any] | None, Args]:
            span = get_current()
            if span is None or span.notes is None or span.end or not _waits(span, scope):
                return None, args
            if many or span.facts[2] is None:
                _correct(span, text(text_of(args, kwargs)))
            del span.notes[APART]
            return span.notes, args

        def leave(notes: dict[str, Any], result: Any) -> Any:
            notes[APART] = None
            return result

        handing_over = around(enter, leave, leave)(original, scope)

        # PERF: most statements are not waited for, and it takes a third to see that.
        def traced(*args: Any, **kwargs: Any) -> Any:
            call = original
            try:
                span = get_current()
                if span is not None and span.notes is not None:
                    call = handing_over
            except Exception:
                fault(scope)
            try:
                return call(*args, **kwargs) if kwargs else call(*args)
            except BaseException as error:
                hide_frame(error)
                raise

        return traced

    return wrap


def _waits(span: Span, scope: str) -> bool:
    """Tell whether a span is of a statement that its library has not handed over."""
    return span.notes is not None and APART in span.notes and span.operation.scope == scope


def connecting(
    facts_of: FactsOf,
    database_of: Callable[[Any], Database] | None = None,
    awaited: bool = False,
    code_of: CodeOf | None = None,
    itself: bool = False,
) -> Wrap:
    """Trace a function that opens a connection and asks what its library has to know; its fact is a Database.

    Args:
        facts_of: looks at the arguments; None means that this call is not traced.
        database_of: finds the Database of the connection that was opened, where that knows it better than the arguments.
        awaited: it is a coroutine function.
        code_of: finds the server's code in an exception; by default ``code``.
        itself: it is a method that connects its receiver, and returns nothing; where that fails it is looked at, too.
    """

    def opened(span: Span, args: Args) -> None:
        if span.previous is not None:
            span.previous.noted()[OPENING] = span.start
        if itself:
            span.noted()[_RECEIVER] = ref(args[0])

    def correct(span: Span, done: Any) -> None:
        connection = span.noted()[_RECEIVER]() if itself else None if isinstance(done, BaseException) else done
        if database_of is not None and connection is not None:
            span.facts = (database_of(connection),)

    trace = db_calls.async_call if awaited else db_calls.call
    return trace(CONNECTION, describe_connection, facts_of, code_of or code, database_of and correct, opened=opened)


def resolving(database_of: Callable[[Any], Database]) -> Wrap:
    """Wrap a function in which a library finds out what the connection is to be to that it is opening.

    Args:
        database_of: tells that from what the function returned.
    """

    def look(_args: Args, _kwargs: Kwargs, found: Any) -> Any:
        span = get_current()
        if span is not None and span.operation.family is CONNECTION and not span.end and span.trace.sampled:
            span.facts = (database_of(found),)
        return found

    return after(look)


def _correct(span: Span, sent: str | None) -> None:
    """Tell the text that was sent, in the place of what was to be sent."""
    if sent is not None and sent != span.facts[1]:
        span.facts = span.facts[0], sent, *span.facts[2:]
        span.noted()[_SENT] = True


def text(given: Any) -> str | None:
    """Return a query's text as a fact: of bounded length, and nothing but text; None where it is not text."""
    if type(given) is not str:
        if not isinstance(given, str):
            return None
        given = str.__str__(given)
    return given if len(given) <= TEXT_LIMIT else given[:TEXT_LIMIT]  # type: ignore[no-any-return]


def batch_size(parameters: Any) -> int | None:
    """Return how many queries a batch has; None where that is unknown, or one (db.operation.batch.size is never 1)."""
    try:
        size = len(parameters)
    except TypeError:  # an iterator, which only the database may consume
        return None
    return None if size == 1 else size


def code(error: Exception) -> str | None:
    """Return the server's code as drivers keep it: SQLSTATE, a name, a number, or ``ORA-`` and a number."""
    cause = getattr(error, "orig", None)  # the driver's own exception, in the one of a library above it
    first = cause.args[0] if isinstance(cause, Exception) and cause.args else None
    if type(first) is int and first > 0:  # MySQL's drivers have SQLSTATE beside it
        return str(first)
    for name in _CODES:
        told = getattr(cause or error, name, None)
        if isinstance(told, str) and told:
            return told
    told = getattr(first, "full_code", None)
    return told if isinstance(told, str) and told else None
