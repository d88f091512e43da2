"""Comments behind statements that say which span sent them, for whoever reads a server's log or the list of what it runs.

``SELECT 1`` is sent as ``SELECT 1 /*traceparent='00-...-01'*/``, in the format of sqlcommenter's specification: a statement
that has a comment already is left alone, and a semicolon at its end stays there.  Nothing in a ``traceparent`` has to be
encoded, and nothing in it is a mark for a parameter.

A comment is another one each time, so what is remembered by its text is sent as it is: what a driver prepares, and all of
databases that keep plans by texts, or are in this process.  Parts of batches, copies and procedures have none, nor has what
is no text yet (``sql.Composed``).  What is told of a statement is the text without the comment.
"""

from __future__ import annotations

from autotrace.families.db.query import FAMILY
from autotrace.patching import argument, with_argument
from autotrace.patching.wrapping import before
from autotrace.propagation import w3c
from autotrace.trace.context import get_current

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from autotrace.patching import Args, Call, Kwargs, Wrap

    Remembered = Callable[[Args, Kwargs], bool]

_SYSTEMS = ("postgresql", "mysql", "mariadb")  # whose servers do not know a statement again by its text


def beneath(trace: Wrap, named: str, remembered: Remembered | None, awaited: bool) -> Wrap:
    """Put the comment in where a method is called that takes a statement first, and is traced.

    Args:
        trace: traces the method.
        named: what the statement is called, where it may be given by name.
        remembered: tells of a call that its statement is kept by its text; None: it never is.
        awaited: the method is a coroutine function.
    """

    def look(args: Args, kwargs: Kwargs) -> Args | None:
        span = get_current()
        if span is None or span.operation.family is not FAMILY or span.end or not span.trace.sampled:
            return None
        given = argument(args, kwargs, 1, named)
        if type(given) not in (str, bytes) or span.facts[0][0] not in _SYSTEMS or span.facts[2] is not None:
            return None
        if remembered is not None and remembered(args, kwargs):
            return None
        return with_argument(args, kwargs, 1, named, _commented(given, w3c.inject(span)[0][1]))

    comment = before(look, awaited)

    def wrap(original: Call, scope: str) -> Call:
        return trace(comment(original, scope), scope)

    return wrap


def _commented(given: Any, traceparent: str) -> Any:
    comment, begin, end, blank = f" /*traceparent='{traceparent}'*/", "/*", ";", ""
    if type(given) is bytes:
        comment, begin, end, blank = (part.encode() for part in (comment, begin, end, blank))  # type: ignore[assignment]
    if begin in given:
        return given
    text = given.rstrip()
    return text[:-1] + comment + end if text.endswith(end) else text + comment
