"""The wrapper that every family of calls shares: look, start, call, finish.

An operation that ends when a function returns (a request, a query, a send) is traced by what is made here; families
whose spans outlive a call (a server's response body, a message that is being processed) finish them on their own.

The shape is the wall: ours in ``try``, theirs bare, ours in ``try``.  The program's function is called exactly once, with
exactly its arguments; its exception passes untouched, and from Python 3.11 on without a trace of our frame.
"""

from __future__ import annotations

from autotrace.faults import fault, when_off
from autotrace.patching.wrapping import around
from autotrace.trace.context import get_current, set_current
from autotrace.trace.span import Operation
from autotrace.trace.tracer import tracer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Optional

    from autotrace.patching import Args, Call, Kwargs, Wrap
    from autotrace.patching.wrapping import Enter, Leave
    from autotrace.trace.failure import Frame
    from autotrace.trace.span import Describe, Facts, Span

    # facts, what the context is put into (or None), the positional arguments to call with
    Prepared = tuple[Facts, Any, Args]
    Before = Callable[[Args, Kwargs], Optional[Prepared]]
    After = Callable[[Any], Optional[Facts]]
    Put = Callable[[Any, Span], None]
    Silent = Callable[[Facts], bool]


class Calls:
    """What a family is, seen from its wrappers.

    Args:
        family: the meaning by which nested spans are recognised: one operation is one span.
        kind: one of the OTLP span kinds.
        describe: see Operation.
        put: writes the context into a carrier; None where the family does not propagate.
        silent: tells from the facts that the call, and all beneath it, is excluded by the user.
    """

    __slots__ = ("describe", "family", "kind", "put", "silent")

    def __init__(
        self,
        family: str,
        kind: int,
        describe: Describe,
        put: Put | None = None,
        silent: Silent | None = None,
    ) -> None:
        self.family = family
        self.kind = kind
        self.describe = describe
        self.put = put
        self.silent = silent

    def call(self, before: Before, after: After) -> Wrap:
        """Trace a function.

        Args:
            before: looks at the arguments, which it must not change; None means that this call is not traced.
            after: looks at the result, which it must not consume.
        """
        return self._calling(before, after, awaited=False)

    def async_call(self, before: Before, after: After) -> Wrap:
        """Trace a coroutine function; the span is current in the coroutine's own task."""
        return self._calling(before, after, awaited=True)

    def _calling(self, before: Before, after: After, awaited: bool) -> Wrap:
        def wrap(original: Call, scope: str) -> Call:
            enter, leave = self.ends(before, after, scope)
            return around(enter, leave, lambda span, error: failed(span, error, scope), awaited)(original, scope)

        return wrap

    def ends(self, before: Before, after: After, scope: str) -> tuple[Enter, Leave]:
        """Return what is done before a call and after it, as ``around`` takes them; neither raises."""
        operation = Operation(self.family, self.kind, scope, self.describe)
        family, put, silent = self.family, self.put, self.silent
        start, finish = tracer.start, tracer.finish

        def pass_by() -> None:
            nonlocal before
            before = nothing

        when_off(scope, pass_by)

        def open_(args: Args, kwargs: Kwargs) -> tuple[Span | None, Args]:
            try:
                parent = get_current()
                if parent is not None:
                    if parent.operation.family is family and not parent.end:  # one library over another: one span
                        return None, args
                    if put is None and not parent.trace.sampled:
                        return None, args
                prepared = before(args, kwargs)
                if prepared is None:
                    return None, args
                facts, carrier, sent = prepared
                span = start(operation, facts, parent)
                if span.trace.sampled and silent is not None and silent(facts):
                    span.trace = span.trace.unsampled()
                if put is not None:
                    put(carrier, span)
                set_current(span)
            except Exception:
                fault(scope)
                return None, args
            return span, sent

        def close(span: Span, result: Any) -> Any:
            try:
                finish(span, after(result) if span.trace.sampled else None)
            except Exception:
                fault(scope)
                abandon(span)
            return result

        return open_, close


def nothing(_args: Args, _kwargs: Kwargs) -> None:
    """Say of any call that it is not traced."""


def failed(span: Span, error: BaseException, scope: str, callers: tuple[Frame, ...] | None = None) -> None:
    """Finish a span with the exception that passes, and with frames of callers (see ``Tracer.fail``); never raises.

    What is not an ``Exception`` (a cancelled task, a closed generator, an interrupt) ended the operation from outside:
    that is not the operation's failure (semantic conventions, HTTP client span status: cancelled by the caller).
    """
    try:
        if isinstance(error, Exception):
            tracer.fail(span, error, None, callers or ())
        else:
            tracer.finish(span)
    except Exception:
        fault(scope)
        abandon(span)


def abandon(span: Span) -> None:
    """Finish a span of which nothing can be said; at least it is not current any more.  Never raises."""
    try:
        tracer.finish(span)
    except Exception:
        fault(span.operation.scope)
        if get_current() is span:
            set_current(span.previous)
