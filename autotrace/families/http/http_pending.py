"""Requests that are sent in one place and answered in another: several at a time over one connection, or driven by a loop.

Such a span is not current when the function that sends has returned; whoever sees the answer ends it.
"""

from __future__ import annotations

from autotrace.families import calls
from autotrace.families.http.http_client import FAMILY, begin, silent
from autotrace.trace.context import get_current, set_current
from autotrace.trace.tracer import tracer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from autotrace.families.calls import Before
    from autotrace.patching import Args, Kwargs
    from autotrace.trace.span import Facts, Operation, Span


def begun(mine: Operation, request: Before, args: Args, kwargs: Kwargs, current: bool = False) -> Span | None:
    """Begin a request, and write its context.

    Args:
        mine: what the requests of the instrumentor have in common.
        request: looks at the arguments, as for ``http_client.call``.
        args: those of the function that sends.
        kwargs: those that were given by name.
        current: have it current until it ends.

    Returns:
        Its span; None where there is none, also because a library above has one for it.
    """
    parent = get_current()
    if parent is not None and parent.operation.family is FAMILY and not parent.end:
        return None
    prepared = request(args, kwargs)
    if prepared is None:
        return None
    facts, carrier, _ = prepared
    span = tracer.start(mine, facts, parent)
    if span.trace.sampled and silent(facts):
        span.trace = span.trace.unsampled()
    begin(carrier, span)
    if current:
        set_current(span)
    return span


def answered(span: Span, outcome: Facts | None) -> None:
    """End a request with its answer, or without one that anybody waits for."""
    tracer.finish(span, outcome)


def failed(span: Span, error: BaseException) -> None:
    """End a request with what the program gets in its answer's stead.  Never raises."""
    calls.failed(span, error, span.operation.scope)
