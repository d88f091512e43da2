"""HTTP clients that are given a function to call with the answer: a request outlives the call that asks for it.

The request is sent later, where what is current may belong to somebody else: a client that is busy has a queue.  So its span
is kept beside what the library keeps for it, and is current only while the task begins in which it is sent.

Of such a library these are served: the function that the program calls (``called``), the one that takes a request
(``asked``), the one that begins to send it (``sending``, or ``carry`` where all of that is done at once), and the one that
reads the first line of the answer (``answered``).
"""

from __future__ import annotations

from weakref import WeakKeyDictionary

from autotrace.families.calls import failed
from autotrace.families.http.http_client import FAMILY, open_span, operation, put, silent
from autotrace.families.http.http_resends import Made, made, make
from autotrace.faults import fault
from autotrace.patching import argument, with_argument
from autotrace.patching.wrapping import after, around, before
from autotrace.trace.context import get_current, set_current
from autotrace.trace.failure import hiding_frame
from autotrace.trace.tracer import tracer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Optional

    from autotrace.families.calls import After, Before
    from autotrace.patching import Args, Call, Kwargs, Wrap
    from autotrace.trace.span import Facts, Operation, Span

    # the outcome, or the exception, from what the program's function is called with
    Answer = Callable[[Any], tuple[Optional[Facts], Optional[BaseException]]]
    # what the library keeps for the request, from the arguments
    Kept = Callable[[Args, Kwargs], Any]
    # the headers of a fresh copy, and the arguments with the copy in them
    Copy = Callable[[Args, Kwargs], tuple[Any, Args]]

_open: WeakKeyDictionary[Any, tuple[Span, Made]] = WeakKeyDictionary()


def called(goes_on: Callable[[Args, Kwargs], bool]) -> Wrap:
    """Trace a function that returns a future, and may make several attempts; the last one ends if the future is cancelled.

    Args:
        goes_on: tells whether it is called by the library for the next attempt of the call that runs here.
    """

    def wrap(original: Call, scope: str) -> Call:
        def enter(args: Args, kwargs: Kwargs) -> tuple[Any, Args]:
            if goes_on(args, kwargs):
                return None, args
            outer = made.get()
            call = Made(scope)
            make(call)
            return (outer, call), args

        def leave(state: Any, result: Any) -> Any:
            outer, call = state
            make(outer)
            if call.last is not None and not call.last.end:
                result.add_done_callback(lambda future: _cancelled(call, scope) if future.cancelled() else None)
            return result

        return around(enter, leave, lambda state, _error: make(state[0]))(original, scope)

    return wrap


def _cancelled(call: Made, scope: str) -> None:
    try:
        if call.last is not None and not call.last.end:
            tracer.finish(call.last)
    except Exception:
        fault(scope)


def asked(request: Before, callback: tuple[int, str], answer: Answer) -> Wrap:
    """Begin a request where the library takes it, and end it, at the latest, when the program's function is called.

    Args:
        request: as for ``http_client.call``; in place of the headers it returns what the library keeps for the request, and
            the number of resends is counted here.
        callback: position and name of the program's function among the arguments.
        answer: see Answer.
    """

    def wrap(original: Call, scope: str) -> Call:
        mine = operation(scope)
        return before(lambda args, kwargs: _begin(mine, request, callback, answer, args, kwargs))(original, scope)

    return wrap


def sending(request: Before, callback: tuple[int, str], answer: Answer) -> Wrap:
    """Make the request's span current while the function runs, which begins the task that sends it.

    What has not been ``asked`` for begins here; the arguments are those of ``asked``.
    """

    def wrap(original: Call, scope: str) -> Call:
        mine = operation(scope)

        def enter(args: Args, kwargs: Kwargs) -> tuple[Any, Args]:
            prepared = request(args, kwargs)
            if prepared is None:
                return None, args
            if prepared[1] not in _open:
                args = _begin(mine, request, callback, answer, args, kwargs) or args
            span, call = _open.pop(prepared[1], (None, None))
            if span is None:
                return None, args
            outer = get_current(), made.get()
            set_current(span)
            make(call)
            return outer, args

        def leave(outer: Any, result: Any) -> Any:
            set_current(outer[0])
            make(outer[1])
            return result

        return around(enter, leave, leave)(original, scope)

    return wrap


def carry(kept: Kept, copy: Copy) -> Wrap:
    """Put the context into the headers of a copy that the function gets.

    Args:
        kept: see Kept.
        copy: see Copy.
    """

    def look(args: Args, kwargs: Kwargs) -> Args | None:
        span, _ = _open.pop(kept(args, kwargs), (None, None))
        if span is None:
            return None
        carrier, copied = copy(args, kwargs)
        put(carrier, span)
        return copied

    return before(look)


def answered(response: After) -> Wrap:
    """End the current request when a function returns the first line of the answer.

    Args:
        response: returns the outcome; None where it is not the answer yet.
    """

    def wrap(original: Call, scope: str) -> Call:
        def look(_args: Args, _kwargs: Kwargs, result: Any) -> Any:
            span = open_span(scope)
            outcome = response(result) if span is not None else None
            if span is not None and outcome is not None:
                tracer.finish(span, outcome)
            return result

        return after(look)(original, scope)

    return wrap


def _begin(
    mine: Operation, request: Before, callback: tuple[int, str], answer: Answer, args: Args, kwargs: Kwargs
) -> Args | None:
    parent = get_current()
    if parent is not None and parent.operation.family is FAMILY and not parent.end:
        return None
    prepared = request(args, kwargs)
    if prepared is None:
        return None
    facts, kept, args = prepared
    call = made.get()
    if call is None or call.scope != mine.scope:
        call = Made(mine.scope)
    method, url, _ = facts
    facts = method, url, call.count
    span = tracer.start(mine, facts, parent)
    excluded = silent(facts)
    if excluded and span.trace.sampled:
        span.trace = span.trace.unsampled()
    call.add(span, excluded)
    _open[kept] = span, call
    index, name = callback
    return with_argument(args, kwargs, index, name, _ending(span, argument(args, kwargs, index, name), answer))


def _ending(span: Span, function: Call, answer: Answer) -> Call:
    scope = span.operation.scope

    def called(response: Any) -> Any:
        try:
            if not span.end:
                outcome, error = answer(response)
                if error is not None:
                    failed(span, error, scope)
                else:
                    tracer.finish(span, outcome)
        except Exception:
            fault(scope)
        with hiding_frame:
            return function(response)

    return called
