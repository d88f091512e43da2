"""Copies of rows from and to a database, where a driver has a block for one: a span from its beginning to its end.

The span is not current in the block, which is the program's: what that asks other databases for is no part of the copy.
"""

from __future__ import annotations

from contextlib import asynccontextmanager, contextmanager

from autotrace.conventions.db import describe
from autotrace.families.calls import abandon
from autotrace.families.db import query
from autotrace.families.db.db_calls import fail
from autotrace.faults import fault
from autotrace.patching.wrapping import after
from autotrace.trace.context import get_current
from autotrace.trace.failure import HidingFrame, hide_frame, hiding_frame
from autotrace.trace.span import CLIENT, Operation
from autotrace.trace.tracer import tracer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from typing import Any

    from autotrace.families.db.db_calls import CodeOf, FactsOf
    from autotrace.patching import Args, Call, Kwargs, Wrap
    from autotrace.trace.span import Span


class _Copy(HidingFrame):
    """The ``with`` around the program's block, at whose end the span ends."""

    __slots__ = ("_code_of", "_scope", "_span")

    def __init__(self, span: Span, scope: str, code_of: CodeOf) -> None:
        self._span, self._scope, self._code_of = span, scope, code_of

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: object) -> None:
        try:
            if error is None:
                tracer.finish(self._span)
            else:
                fail(self._span, error, self._scope, self._code_of)
        except Exception:
            fault(self._scope)
            abandon(self._span)
        if error is not None:
            hide_frame(error)


def block(facts_of: FactsOf, awaited: bool = False, code_of: CodeOf = query.code) -> Wrap:
    """Trace a function that returns a context manager, made of a generator.

    Args:
        facts_of: looks at the arguments, which it must not change; None means that this call is not traced.
        awaited: the context manager is asynchronous.
        code_of: finds the server's code in an exception.
    """

    def wrap(original: Call, scope: str) -> Call:
        operation = Operation(query.FAMILY, CLIENT, scope, describe, uniform=True)

        def begin(args: Args, kwargs: Kwargs) -> HidingFrame:
            try:
                parent = get_current()
                if parent is not None:
                    within = parent.operation.family is query.FAMILY and not parent.end
                    if within or not parent.trace.sampled:
                        return hiding_frame
                facts = facts_of(args, kwargs)
                if facts is None:
                    return hiding_frame
                return _Copy(tracer.start(operation, facts, parent), scope, code_of)
            except Exception:
                fault(scope)
                return hiding_frame

        @contextmanager
        def opened(theirs: Any, args: Args, kwargs: Kwargs) -> Iterator[Any]:
            copying = begin(args, kwargs)
            with copying, theirs as copy:
                yield copy

        @asynccontextmanager
        async def opened_awaited(theirs: Any, args: Args, kwargs: Kwargs) -> AsyncIterator[Any]:
            copying = begin(args, kwargs)
            with copying:
                async with theirs as copy:
                    yield copy

        # The function is called at once, so that a wrong call fails where it is made; what it returned has not begun yet.
        around_it = opened_awaited if awaited else opened
        return after(lambda args, kwargs, theirs: around_it(theirs, args, kwargs))(original, scope)

    return wrap
