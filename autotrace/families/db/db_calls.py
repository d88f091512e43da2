"""What the families of databases share: the wrapper of one operation, and what is said of its server and its end.

An operation ends when a function, or a coroutine, returns; the span is current while it runs, so what the database calls
back into has it as its parent.  A library over another does not tell the same operation twice: what the lower one is called
for beneath the upper one's span is left out, but not what it is called for by others meanwhile, as by a function of the
program's that the database calls.  Reading rows or answers that are fetched later is not in the span.
"""

from __future__ import annotations

import sys

from autotrace.families.calls import abandon, failed, nothing
from autotrace.faults import fault, when_off
from autotrace.patching.wrapping import around
from autotrace.trace.context import get_current, set_current
from autotrace.trace.failure import called_from, conceal, hide_frame, hiding_frame
from autotrace.trace.span import CLIENT, Operation
from autotrace.trace.tracer import tracer
from autotrace.trace.unrecorded import Unrecorded

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Container
    from types import CodeType, FrameType
    from typing import Any, Optional

    from autotrace.patching import Args, Call, Kwargs, Wrap
    from autotrace.trace.span import Describe, Facts, Span

    FactsOf = Callable[[Args, Kwargs], Optional[Facts]]
    CodeOf = Callable[[Exception], Optional[str]]
    Correct = Callable[[Span, Any], None]
    IsAnswer = Callable[[Exception], bool]
    Opened = Callable[[Span, Args], None]
    # a method of the receiver, further arguments to it, and a method of what it makes
    By = tuple[Call, Args, Call]
    State = tuple[Optional[Span], Optional[Span]]

__all__ = ["APART", "async_call", "call", "called_by", "conceal", "fail"]
APART = "apart"  # the note of an open span while what is asked beneath is another operation, whoever tells it
# The open spans whose operation is at work in a library beneath, by its scope: what that is asked meanwhile is another one.
_at_work: dict[str, set[Span]] = {}
_NEAR = 12  # frames of a library, of ours, and of a program's subclasses


def call(
    family: str,
    describe: Describe,
    facts_of: FactsOf,
    code_of: CodeOf,
    correct: Correct | None = None,
    is_answer: IsAnswer | None = None,
    nests: bool = False,
    opened: Opened | None = None,
    by: By | None = None,
) -> Wrap:
    """Trace a function that sends one operation, or one batch.

    Args:
        family: the meaning by which nested spans are recognised.
        describe: see Operation; where the operation failed, the facts have the server's code, or None, as their last.
        facts_of: looks at the arguments, which it must not change; None means that this call is not traced.
        code_of: finds the server's code in an exception.
        correct: puts what only the result, or the exception, tells into the span's facts.
        is_answer: tells of an exception that it is how the library answers, so that nothing has failed.
        nests: one operation may be asked for in another of the same library's.
        opened: is given a new span and the arguments, to note what is to be known while it is open.
        by: make something of the receiver and call its method, instead of the receiver's, which takes no names and at
            least one argument, else it says so itself.
    """

    def wrap(original: Call, scope: str) -> Call:
        operation = Operation(family, CLIENT, scope, describe, uniform=True)
        at_work = _at_work.setdefault(scope, set())
        start, finish = tracer.start, tracer.finish

        def pass_by() -> None:
            nonlocal facts_of
            facts_of = nothing

        when_off(scope, pass_by)
        if by is not None:
            make, more, function = by
            own, original = original, function

        # PERF: what ``async_call`` leaves to ``around`` is spelled out here; its calls are a sixth of what a query costs.
        # Python 3.11 calls a bound method faster where no argument is left out.
        def traced(*args: Any, **kwargs: Any) -> Any:
            span: Span | None = None
            joined: Span | None = None
            if by is not None:
                with hiding_frame:
                    if kwargs or len(args) < 2:
                        return own(*args, **kwargs)
                    args = make(args[0], *more), *args[1:]
            try:
                parent = get_current()
                drawn = ""
                looks = True
                if parent is not None:
                    if type(parent) is Unrecorded or not parent.trace.sampled:
                        looks = False
                    elif parent.operation.family is family and not parent.end:
                        if not nests and parent.notes is None:  # PERF: so it is beneath most libraries
                            looks = False
                        elif _joins(parent, scope, nests, at_work):
                            looks = False
                            joined = parent if nests else None
                elif not tracer.sampler.everything and tracer.inherited is None and facts_of is not nothing:
                    root = tracer.draw()
                    if isinstance(root, Unrecorded):  # nothing is looked at
                        looks = False
                        span = root
                        set_current(span)
                    else:
                        drawn = root
                if looks:
                    facts = facts_of(args, kwargs)
                    if facts is not None:
                        span = start(operation, facts, parent, drawn, None)
                        if opened is not None:
                            opened(span, args)
                        set_current(span)
            except Exception:
                fault(scope)
            try:
                result = original(*args, **kwargs) if kwargs else original(*args)
            except BaseException as error:
                if span is not None:
                    fail(span, error, scope, code_of, correct, is_answer)
                elif joined is not None:
                    at_work.discard(joined)
                hide_frame(error)
                raise
            if span is not None:
                try:
                    if correct is not None and span.trace.sampled:
                        correct(span, result)
                    finish(span, None, None)
                except Exception:
                    fault(scope)
                    abandon(span)
            elif joined is not None:
                at_work.discard(joined)
            return result

        return traced

    return wrap


def async_call(
    family: str,
    describe: Describe,
    facts_of: FactsOf,
    code_of: CodeOf,
    correct: Correct | None = None,
    is_answer: IsAnswer | None = None,
    nests: bool = False,
    opened: Opened | None = None,
) -> Wrap:
    """Trace a coroutine function that sends one operation, or one batch; the arguments are those of ``call``."""

    def wrap(original: Call, scope: str) -> Call:
        operation = Operation(family, CLIENT, scope, describe, uniform=True)
        at_work = _at_work.setdefault(scope, set())

        def pass_by() -> None:
            nonlocal facts_of
            facts_of = nothing

        when_off(scope, pass_by)

        def enter(args: Args, kwargs: Kwargs) -> tuple[State | None, Args]:
            parent = get_current()
            drawn = ""
            if parent is not None:
                if type(parent) is Unrecorded or not parent.trace.sampled:
                    return None, args
                if parent.operation.family is family and not parent.end and _joins(parent, scope, nests, at_work):
                    return ((None, parent) if nests else None), args
            elif not tracer.sampler.everything and tracer.inherited is None and facts_of is not nothing:
                root = tracer.draw()
                if isinstance(root, Unrecorded):  # nothing is looked at
                    set_current(root)
                    return (root, None), args
                drawn = root
            facts = facts_of(args, kwargs)
            if facts is None:
                return None, args
            span = tracer.start(operation, facts, parent, drawn)
            if opened is not None:
                opened(span, args)
            set_current(span)
            return (span, None), args

        def leave(state: State, result: Any) -> Any:
            span, joined = state
            if span is not None:
                try:
                    if correct is not None and span.trace.sampled:
                        correct(span, result)
                    tracer.finish(span)
                except Exception:
                    fault(scope)
                    abandon(span)
            elif joined is not None:
                at_work.discard(joined)
            return result

        def raised(state: State, error: BaseException) -> None:
            span, joined = state
            if span is not None:
                fail(span, error, scope, code_of, correct, is_answer)
            elif joined is not None:
                at_work.discard(joined)

        return around(enter, leave, raised, awaited=True)(original, scope)

    return wrap


def _joins(above: Span, scope: str, nests: bool, at_work: set[Span]) -> bool:
    """Tell whether what is called beneath a span is its own operation; where that may nest, it is at work from now on."""
    notes = above.notes
    if notes is not None and APART in notes:
        return False
    if nests:
        if above in at_work or above.operation.scope == scope:
            return False
        at_work.add(above)
    return True


def called_by(codes: Container[CodeType]) -> bool:
    """Tell whether the code of one of a library's functions has led here, not far above; awaiting is calling.

    For what is rare: it looks at frames.
    """
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001 - there is no other way to callers
    for _ in range(_NEAR):
        if frame is None or frame.f_code in codes:
            break
        frame = frame.f_back
    else:
        return False
    return frame is not None


def fail(
    span: Span,
    error: BaseException,
    scope: str,
    code_of: CodeOf,
    correct: Correct | None = None,
    is_answer: IsAnswer | None = None,
) -> None:
    """Finish a span with the exception that passes and the server's code in it; never raises.

    The exception comes from a driver's depths: where the program asked is told with it.
    """
    callers = None
    try:
        if span.trace.sampled and isinstance(error, Exception):
            if correct is not None:
                correct(span, error)
            span.facts = *span.facts, code_of(error)
            if is_answer is not None and is_answer(error):
                tracer.finish(span)
                return
            driver = getattr(error, "orig", None)  # the driver's own exception, in the one of a library above it
            if isinstance(driver, Exception):
                conceal(*[kind for kind in type(driver).__mro__ if kind.__module__ != "builtins"][-1:])
            callers = called_from()
    except Exception:
        fault(scope)
    failed(span, error, scope, callers)
