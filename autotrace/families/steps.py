"""Spans of generators.

Such a span is current only while the generator's own frame runs, so a consumer that stops early, or that interleaves two of
them, never sees a wrong span.
"""

from __future__ import annotations

import functools

from autotrace.faults import fault
from autotrace.trace.context import get_current, set_current
from autotrace.trace.failure import HidingFrame, hide_frame

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Generator
    from typing import Any, Optional

    from autotrace.patching import Call
    from autotrace.trace.span import Span

    # is called with the first step; None where nothing is traced
    Begin = Callable[[], Optional[Span]]
    # is called when the generator ends, with the exception that passes if there is one
    End = Callable[[Optional[Span], Optional[BaseException]], None]


def generator(begin: Begin, end: End, scope: str) -> Callable[[Call], Call]:
    """Return a decorator of a generator function; ``begin`` and ``end`` may not raise."""

    def decorate(original: Call) -> Call:
        @functools.wraps(original)
        def traced(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
            made = original(*args, **kwargs)
            running = _Running()
            running.span = span = begin()
            running.done, running.scope = end, scope
            resume, value = made.send, None
            with running:
                try:
                    while True:
                        outside = _into(span, scope)
                        try:
                            item = resume(value)
                        finally:
                            _out(span, outside, scope)
                        try:
                            value = yield item
                            resume = made.send
                        except GeneratorExit:
                            outside = _into(span, scope)
                            try:
                                made.close()
                            finally:
                                _out(span, outside, scope)
                            raise
                        except BaseException as error:  # thrown in by the consumer: it is the generator's to handle
                            resume, value = made.throw, error
                except StopIteration as stop:
                    return stop.value

        return traced

    return decorate


def async_generator(begin: Begin, end: End, scope: str) -> Callable[[Call], Call]:
    """Return a decorator of a function that makes asynchronous generators; ``begin`` and ``end`` may not raise."""

    def decorate(original: Call) -> Call:
        @functools.wraps(original)
        async def traced(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
            made = original(*args, **kwargs)
            running = _Running()
            running.span = span = begin()
            running.done, running.scope = end, scope
            resume, value = made.asend, None
            with running:
                try:
                    while True:
                        outside = _into(span, scope)
                        try:
                            item = await resume(value)
                        finally:
                            _out(span, outside, scope)
                        try:
                            value = yield item
                            resume = made.asend
                        except GeneratorExit:
                            outside = _into(span, scope)
                            try:
                                await made.aclose()
                            finally:
                                _out(span, outside, scope)
                            raise
                        except BaseException as error:
                            resume, value = made.athrow, error
                except StopAsyncIteration:
                    return

        return traced

    return decorate


class _Running(HidingFrame):
    """The ``with`` around all steps of a generator, at whose end its span ends."""

    __slots__ = ("done", "scope", "span")

    done: End
    scope: str
    span: Span | None

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: object) -> None:
        try:
            self.done(self.span, error)
        except Exception:
            fault(self.scope)
        if error is not None:
            hide_frame(error)


def _into(span: Span | None, scope: str) -> Span | None:
    """Make a span current while a generator's frame runs; returns what is current around it."""
    try:
        outside = get_current()
        if span is not None:
            set_current(span)
    except Exception:
        fault(scope)
        return get_current()
    return outside


def _out(span: Span | None, outside: Span | None, scope: str) -> None:
    """Put back what was current around a generator's frame."""
    try:
        if span is not None:
            set_current(outside)
    except Exception:
        fault(scope)
        set_current(outside)
