"""What is told of a database only where it took long or failed: waiting for a connection of a pool, and the like.

Such a span is made at the end of the call, with the start that it had, so that a call that was quick costs two looks at a
clock.  It is never current: what was asked meanwhile is beside it.  Where a connection was opened meanwhile, that span tells
where the time went, and there is no other.
"""

from __future__ import annotations

from autotrace.conventions.db import describe, describe_connection, describe_waiting
from autotrace.families.db import query
from autotrace.families.db.db_calls import fail
from autotrace.patching.wrapping import around
from autotrace.trace.context import get_current
from autotrace.trace.span import CLIENT, INTERNAL, Operation
from autotrace.trace.tracer import tracer
from autotrace.trace.unrecorded import Unrecorded

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Optional

    from autotrace.families.db.db_calls import CodeOf, FactsOf
    from autotrace.patching import Args, Call, Kwargs, Wrap
    from autotrace.trace.span import Span

    # what was current at the beginning, the clock then, and the arguments
    State = tuple[Optional[Span], int, Args, Kwargs]

LONG = 1_000_000  # ns; what takes less is not told


def pooled(facts_of: FactsOf, awaited: bool = False) -> Wrap:
    """Trace a function that takes a connection out of a pool, beneath what is current; its fact is a Database.

    Args:
        facts_of: looks at the arguments once the call is over; None means that this call is not traced.
        awaited: it is a coroutine function.
    """
    operation = query.CONNECTION, INTERNAL, describe_waiting
    return _afterwards(operation, facts_of, LONG, query.code, awaited)


def connecting(facts_of: FactsOf, awaited: bool = False) -> Wrap:
    """Trace a function that opens a connection which most often takes no time; the arguments are those of ``pooled``."""
    operation = query.CONNECTION, CLIENT, describe_connection
    return _afterwards(operation, facts_of, LONG, query.code, awaited)


def failing(facts_of: FactsOf, code_of: CodeOf = query.code, awaited: bool = False) -> Wrap:
    """Trace a function that sends a statement to be executed later, where that fails; the facts are those of ``query``."""
    operation = query.FAMILY, CLIENT, describe
    return _afterwards(operation, facts_of, None, code_of, awaited)


def _afterwards(kind: tuple[Any, ...], facts_of: FactsOf, long: int | None, code_of: CodeOf, awaited: bool) -> Wrap:
    family, span_kind, describe = kind

    def wrap(original: Call, scope: str) -> Call:
        operation = Operation(family, span_kind, scope, describe, uniform=True)

        def enter(args: Args, kwargs: Kwargs) -> tuple[State | None, Args]:
            parent = get_current()
            if parent is None:
                return (None if long is not None else (None, tracer.clock(), args, kwargs)), args
            within = parent.operation.family is family and not parent.end
            if within or type(parent) is Unrecorded or not parent.trace.sampled:
                return None, args
            return (parent, tracer.clock(), args, kwargs), args

        def told(state: State) -> Span | None:
            parent, begun, args, kwargs = state
            notes = parent.notes if parent is not None and long is not None else None
            if notes is not None and notes.get(query.OPENING, 0) >= begun:
                return None
            facts = facts_of(args, kwargs)
            if facts is None:
                return None
            span = tracer.start(operation, facts, parent)
            if parent is not None and long is not None:
                parent.noted()[query.OPENING] = span.start
            span.start = begun
            return span

        def leave(state: State, result: Any) -> Any:
            if long is not None and tracer.clock() - state[1] >= long:
                span = told(state)
                if span is not None:
                    tracer.finish(span)
            return result

        def failed(state: State, error: BaseException) -> None:
            if isinstance(error, Exception):
                span = told(state)
                if span is not None:
                    fail(span, error, scope, code_of)

        return around(enter, leave, failed, awaited)(original, scope)

    return wrap
