"""The one context variable: the span that is current here.

A task, a ``contextvars.Context`` and a thread each have their own value.  Values are put back by value, never by token:
a span that ends in another task than it began in disturbs nobody.
"""

from __future__ import annotations

from contextvars import ContextVar

TYPE_CHECKING = False
if TYPE_CHECKING:
    from autotrace.trace.span import Span

_current: ContextVar[Span | None] = ContextVar("autotrace", default=None)

get_current = _current.get
set_current = _current.set
