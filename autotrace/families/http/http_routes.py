"""What frameworks add to the span of a request: the route, the view, and the exception that was turned into a response.

They are noted on the span and count when it ends.  Not handled: applications mounted beneath a path with parameters by
anything that does not tell it here; the route then has the values in it that the path has.
"""

from __future__ import annotations

from autotrace.families.http.http_server import name_of, note_error, serving
from autotrace.faults import fault
from autotrace.patching.wrapping import after, before

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any, Optional

    from autotrace.patching import Args, Kwargs, Wrap
    from autotrace.trace.span import Span

    ViewOf = Callable[[Args, Kwargs], Any]
    RouteOf = Callable[[Args, Kwargs], Optional[tuple[str, str]]]
    ResolvedOf = Callable[[Args, Kwargs, Any], Optional[tuple[str, str]]]
    ResolvedViewOf = Callable[[Args, Kwargs, Any], Any]
    MountOf = Callable[[Args, Kwargs], Optional[tuple[str, str, str]]]
    ErrorOf = Callable[[Args, Kwargs], Optional[BaseException]]
    Note = Callable[[Span, Args, Kwargs], None]


def route(route_of: RouteOf, view_of: ViewOf | None = None) -> Wrap:
    """Note the route that a framework has found when it calls a function, and its view; the innermost ones count.

    Args:
        route_of: returns the application root as it is in the URL (``SCRIPT_NAME``, ``root_path``) and the route's
            template beneath it; None where there is no route.
        view_of: see `view`.
    """

    def note(span: Span, args: Args, kwargs: Kwargs) -> None:
        if view_of is not None:
            _note_view(span, view_of(args, kwargs))
        found = route_of(args, kwargs)
        if found is not None:
            note_route(span, *found)

    return _noting(note)


def resolved(route_of: ResolvedOf, view_of: ResolvedViewOf | None = None) -> Wrap:
    """Note what a framework's own function has found, once it returns it; the innermost ones count.

    Args:
        route_of: returns, of that function's arguments and its result, what it does for `route`.
        view_of: the same for `view`.  A route that has none leads to files, or to an application of which nothing is known:
            where nothing beneath it feels responsible (404, 405), the request has no route.
    """

    def look(args: Args, kwargs: Kwargs, result: Any) -> Any:
        span = serving()
        if span is not None and span.trace.sampled:
            found = route_of(args, kwargs, result)
            if found is not None:
                note_route(span, *found)
            if view_of is not None:
                view_ = view_of(args, kwargs, result)
                _note_view(span, view_)
                if found is not None and view_ is None:
                    span.noted()["mounted"] = True
        return result

    return after(look)


def found(route_of: Callable[[Args, Kwargs, Any], str | None]) -> Wrap:
    """Note the route that a function has found when it returns; the one that was found last counts.

    Args:
        route_of: returns the template, from arguments and result; empty where a route that was found leads nowhere, None
            where the function says nothing of it.
    """

    def look(args: Args, kwargs: Kwargs, result: Any) -> Any:
        template = route_of(args, kwargs, result)
        span = serving() if template is not None else None
        if span is not None and span.trace.sampled:
            span.noted()["route"] = template or None
        return result

    return after(look)


def note_route(span: Span, root: str, template: str) -> None:
    """Note a route on the span of a request that is sampled; see `route`."""
    late = span.noted()
    known, prefix = late.get("root") or ("", "")
    late["route"] = prefix + (_within(span, root, known) if root else "") + template
    late.pop("mounted", None)


class Trying:
    """Notes the route that a router stands at, which tries its routes in turn and calls what answers within that loop.

    The routes of a router beneath another are beneath the one at which that stands.

    Args:
        template_of: returns the template of a route.
        scope: the instrumentor's name.
    """

    __slots__ = ("_scope", "_template_of")

    def __init__(self, template_of: Callable[[Any], str], scope: str) -> None:
        self._template_of = template_of
        self._scope = scope

    def each(self, routes: Iterable[Any]) -> Iterator[Any]:
        """Iterate over the routes."""
        above = self._begin()
        for tried in routes:
            self._note(above, tried)
            yield tried
        self._note(above, None)

    def _begin(self) -> tuple[Span, str | None] | None:
        try:
            span = serving()
            if span is None or not span.trace.sampled:
                return None
            return span, span.noted().get("route")
        except Exception:
            fault(self._scope)
            return None

    def _note(self, above: tuple[Span, str | None] | None, tried: Any) -> None:
        try:
            if above is not None:
                span, route = above
                if tried is not None:
                    route = f"{(route or '').rstrip('/')}{self._template_of(tried)}"
                span.noted()["route"] = route
        except Exception:
            fault(self._scope)


def view(view_of: ViewOf) -> Wrap:
    """Note the function or class that answers a request, when a framework calls it; the innermost one counts.

    Args:
        view_of: returns it, or None where it is not known.  A ``functools.partial`` and what a decorator made with
            ``functools.wraps`` are known by what they call.
    """
    return _noting(lambda span, args, kwargs: _note_view(span, view_of(args, kwargs)))


def _note_view(span: Span, found: Any) -> None:
    if found is not None:
        span.noted()["view"] = name_of(found)


def mount(mount_of: MountOf) -> Wrap:
    """Note that a part of the path belongs to an application that is mounted there.

    Args:
        mount_of: returns the root outside of all mounts, the root including this mount, and the mount's template; None
            where nothing is mounted.
    """

    def note(span: Span, args: Args, kwargs: Kwargs) -> None:
        mounted = mount_of(args, kwargs)
        if mounted is None:
            return
        first, root, template = mounted
        late = span.noted()
        _, prefix = late.get("root") or ("", _within(span, first, ""))
        prefix += template
        late["root"] = root, prefix
        late["route"] = prefix + "/{path}"
        late["mounted"] = True

    return _noting(note)


def _within(span: Span, root: str, known: str) -> str:
    """Return what of a root is beyond the known one; a root that a proxy took out of the path is not part of the route."""
    if root.startswith(known) and str(span.facts[2]).startswith(root):
        return root[len(known) :].rstrip("/")
    return ""


def exception(
    error_of: ErrorOf, late_of: Callable[[Args, Kwargs], bool] | None = None, *, unhandled: bool = False
) -> Wrap:
    """Note the exception that a framework is about to turn into a response; it counts if that is an error.

    Args:
        error_of: returns the exception; None where it does not count.
        late_of: tells whether the response has begun, so that the exception counts anyway; by default it has not.
        unhandled: it counts anyway: nobody has handled it, and the end of a websocket does not say whether it is an error.
    """

    def note(span: Span, args: Args, kwargs: Kwargs) -> None:
        late = unhandled or (late_of is not None and late_of(args, kwargs))
        note_error(span, error_of(args, kwargs), late)

    return _noting(note)


def _noting(note: Note) -> Wrap:
    def look(args: Args, kwargs: Kwargs) -> None:
        span = serving()
        if span is not None and span.trace.sampled:
            note(span, args, kwargs)

    return before(look, awaited=None)
