"""The rest of a response that whoever asked reads on his own, after the function that handled the request has returned.

The span of the request then ends with that, or when nobody can read it any more; see ``http_server.handler``.
"""

from __future__ import annotations

from functools import partial

from autotrace.families import steps
from autotrace.families.http.http_server import failure_in, finished, serving, unfinished
from autotrace.faults import fault
from autotrace.trace.failure import hide_frame

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from autotrace.families.steps import Begin, End
    from autotrace.patching import Call, Wrap
    from autotrace.trace.span import Span

    Decorating = Callable[[Begin, End, str], Callable[[Call], Call]]


def stream() -> Wrap:
    """Trace a generator function which is called while a request is handled, and whose generator is read later."""
    return _held(steps.generator)


def async_stream() -> Wrap:
    """Trace an asynchronous generator function in the same way."""
    return _held(steps.async_generator)


def _held(decorating: Decorating) -> Wrap:
    def wrap(original: Call, scope: str) -> Call:
        def traced(*args: Any, **kwargs: Any) -> Any:
            made = original
            try:
                span = _hold()
                if span is not None:
                    made = decorating(lambda: span, _end, scope)(original)
            except Exception:
                fault(scope)
                span = None
            try:
                result = made(*args, **kwargs)
            except BaseException as error:
                hide_frame(error)
                raise
            try:
                if span is not None:
                    _unread(result, span)
            except Exception:
                fault(scope)
            return result

        return traced

    return wrap


def _hold() -> Span | None:
    span = serving()
    if span is not None and span.trace.sampled:
        span.noted()["held"] = True
    return span


def _end(span: Span | None, error: BaseException | None) -> None:
    try:
        if span is not None and not span.end:
            finished(span, span.noted().get("status"), failure_in(span, error))
    except Exception:
        if span is not None:
            fault(span.operation.scope)
            unfinished(span)


def _unread(result: Any, span: Span) -> None:
    """End the span of a stream that nobody began to read, since it has no frame that would end then."""
    import weakref

    weakref.finalize(result, partial(_end, span, None)).atexit = False
