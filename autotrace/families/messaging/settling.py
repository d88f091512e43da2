"""Commits: a span of the operation ``settle`` for each call by which a program says how far it has come.

It is beneath what is current, as a rule the message that is being handled; where nothing is, beneath the pull that
brought what it settles, if that has a span.  What a library commits by itself has none.
"""

from __future__ import annotations

from autotrace.families.calls import abandon, failed
from autotrace.families.execution.places import live
from autotrace.families.messaging import consuming, producing, pulling
from autotrace.faults import fault
from autotrace.patching.wrapping import around
from autotrace.trace.context import get_current, set_current
from autotrace.trace.span import CLIENT, Operation
from autotrace.trace.tracer import tracer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Optional

    from autotrace.families.messaging.producing import Watch
    from autotrace.patching import Args, Call, Kwargs, Wrap
    from autotrace.trace.span import Describe, Facts, Span

    Prepare = Callable[[Args, Kwargs], Optional[Facts]]
    # the exception that a result tells of, or None
    Told = Callable[[Any], Optional[BaseException]]

SETTLE = "messaging.settle"


def settling(describe: Describe, prepare: Prepare, watch: Watch | None, told: Told | None, awaited: bool) -> Wrap:
    """Trace a function that settles messages.

    Args:
        describe: see Operation.
        prepare: looks at the arguments; None means that this call is not traced.
        watch: where it returns a future at once; see ``producing``.
        told: finds in a result that it failed.
        awaited: it is a coroutine function.
    """

    def wrap(original: Call, scope: str) -> Call:
        producing.watch()
        operation = Operation(SETTLE, CLIENT, scope, describe)

        def enter(args: Args, kwargs: Kwargs) -> tuple[Span | None, Args]:
            return _begin(operation, prepare, args, kwargs, awaited), args

        def leave(span: Span, result: Any) -> Any:
            _end(span, result, watch, told)
            return result

        return around(enter, leave, lambda span, error: failed(span, error, scope), awaited)(original, scope)

    return wrap


def _begin(operation: Operation, prepare: Prepare, args: Args, kwargs: Kwargs, awaited: bool) -> Span | None:
    """Start the span and make it current; never raises."""
    try:
        current = parent = live(get_current())
        if parent is not None and (not parent.trace.sampled or (parent.operation.family is SETTLE and not parent.end)):
            return None
        handling = (pulling.pulled_by if awaited else consuming.pulled_by)(args[0])
        if handling is not None:
            if handling.puller == consuming.ELSEWHERE:
                return None
            parent = parent or handling.received
        facts = prepare(args, kwargs)
        if facts is None:
            return None
        span = tracer.start(operation, facts, parent)
        span.previous = current
        set_current(span)
    except Exception:
        fault(operation.scope)
        return None
    return span


def _end(span: Span, result: Any, watch: Watch | None, told: Told | None) -> None:
    """End the span, or let the future end it; never raises."""
    try:
        if watch is not None:
            producing.hand_over(span, result, watch, _nothing)
            return
        error = told(result) if told is not None else None
        if error is not None:
            failed(span, error, span.operation.scope)
        else:
            tracer.finish(span)
    except Exception:
        fault(span.operation.scope)
        abandon(span)


def _nothing(_result: Any) -> None:
    return None
