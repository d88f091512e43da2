"""A context that the program itself has put into the headers of a request, as a gateway or another tracer does.

Where no span is current, it is the parent of the request's span.  Of the request's own trace, it is replaced: ours is
nearer.  Of another trace it stays, and is linked, as in a message.  What cannot be read is replaced.
"""

from __future__ import annotations

from autotrace.propagation import incoming
from autotrace.trace.span import LINK_REMOTE
from autotrace.trace.tracer import tracer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from autotrace.propagation import Get
    from autotrace.trace.span import Span


def stays(span: Span, get: Get, excluded: bool) -> bool:
    """Tell whether the program's context stays as it is; where it does not, the span's is to be written in its place.

    Args:
        span: the request's, of which nothing has been sent yet.
        get: returns the value of a header, by its name in lowercase.
        excluded: the user excluded the request: what there is goes on, and we have no part in it.
    """
    given = incoming(get)
    if given is None or not given.trace_id or given.trace_id == span.trace.trace_id:
        return False
    if span.previous is None:
        if not excluded:
            tracer.adopt(span, given)
        return excluded
    if span.trace.sampled:
        link = given.trace_id, given.span_id, given.flags | LINK_REMOTE, given.tracestate
        links = span.more().links
        if link not in links:  # it is sent again
            links.append(link)
    return True
