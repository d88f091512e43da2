"""HTTP client libraries over libcurl: a request is put together on a handle, option by option, and the handle is used again.

What was set on a handle cannot be read back, so what spans tell is noted as it is set.  The context goes behind the
program's own header lines, and when the transfer is over the handle has the program's again.  A transfer that a handle makes
itself is current while it lasts; one that a loop drives is not.

libcurl follows redirects and authenticates within a transfer, so these are one span.  Not traced: other protocols than HTTP,
and URLs that are set as an object.
"""

from __future__ import annotations

from autotrace.families.http import http_pending
from autotrace.families.http.http_client import operation
from autotrace.families.http.http_resends import resends
from autotrace.patching.subclassing import KEPT
from autotrace.patching.wrapping import after, around, before

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from autotrace.families.calls import Prepared
    from autotrace.patching import Args, Kwargs, Wrap
    from autotrace.trace.span import Facts, Span

    # sets the header lines of a handle, all of them; None where there are none
    Write = Callable[[Any, "list[Any] | None"], object]

# Options of curl_easy_setopt (curl.h).
_URL, _CUSTOMREQUEST, _HTTPHEADER = 10002, 10036, 10023
# The method that an option stands for while it is on, and the one when it is switched off.
_METHODS = {
    80: ("GET", None),  # HTTPGET
    44: ("HEAD", "GET"),  # NOBODY
    46: ("PUT", "GET"),  # UPLOAD
    54: ("PUT", "GET"),  # PUT
    47: ("POST", "GET"),  # POST
    10015: ("POST", None),  # POSTFIELDS
    10165: ("POST", None),  # COPYPOSTFIELDS
    10024: ("POST", None),  # HTTPPOST
    10269: ("POST", None),  # MIMEPOST
}
_NOTED = frozenset((_URL, _CUSTOMREQUEST, _HTTPHEADER, *_METHODS))
_VERSIONS = {1: "1.0", 2: "1.1", 3: "2", 30: "3", 31: "3"}  # CURL_HTTP_VERSION_... (curl.h)


class _Noted:
    """What was set on a handle, and the span of the transfer that it is in."""

    __slots__ = ("custom", "lines", "method", "span", "url")

    def __init__(self, like: _Noted | None = None) -> None:
        self.url: str | None = like.url if like else None
        self.method: str = like.method if like else "GET"
        self.custom: str | None = like.custom if like else None
        self.lines: list[Any] | None = like.lines if like else None
        self.span: Span | None = None


class Handles:
    """A library, by what is particular about its handles; makes the wrappers.

    Args:
        scope: the instrumentor's name.
        write: see Write; it calls the library's own function.
        status: returns the last answer's status (0: there was none) and the constant of its protocol version.
        adding: lines that are set come behind those that are there; else they take their place, unless there are none.
    """

    __slots__ = ("_adding", "_operation", "_status", "_write")

    def __init__(self, scope: str, write: Write, status: Callable[[Any], tuple[int, Any]], adding: bool) -> None:
        self._operation = operation(scope)
        self._write = write
        self._status = status
        self._adding = adding

    def setting(self) -> Wrap:
        """Note what ``setopt(option, value)`` sets, or ``unsetopt(option)`` takes back."""

        def look(args: Args, kwargs: Kwargs, result: Any) -> Any:
            option = args[1] if len(args) > 1 else kwargs["option"]
            if option in _NOTED:  # PERF: most of what curl_cffi sets for a request is nothing to us
                self._set(_noted(args[0]), option, args[2] if len(args) > 2 else kwargs.get("value"))
            return result

        return after(look)

    def resetting(self) -> Wrap:
        """Forget what was set."""
        return before(lambda args, _kwargs: setattr(args[0], KEPT, _Noted()))

    def clearing(self) -> Wrap:
        """Forget the header lines, which the function frees unless its first argument says no."""

        def look(args: Args, kwargs: Kwargs, result: Any) -> Any:
            if args[1] if len(args) > 1 else kwargs.get("clear_headers", True):
                _noted(args[0]).lines = None
            return result

        return after(look)

    def duplicating(self) -> Wrap:
        """Note of the handle that is returned what is noted of this one."""

        def look(args: Args, _kwargs: Kwargs, result: Any) -> Any:
            setattr(result, KEPT, _Noted(_noted(args[0])))
            return result

        return after(look)

    def performing(self) -> Wrap:
        """Trace the transfer that the function makes."""

        def enter(args: Args, _kwargs: Kwargs) -> tuple[Any, Args]:
            return self._begun(args[0], True), args

        def leave(handle: Any, result: Any) -> Any:
            self.ended(handle)
            return result

        return around(enter, leave, self.ended)

    def adding(self) -> Wrap:
        """Begin the transfer of a handle that the function hands to a loop."""

        def enter(args: Args, kwargs: Kwargs) -> tuple[Any, Args]:
            return self._begun(args[1] if len(args) > 1 else kwargs["curl"], False), args

        return around(enter, lambda _handle, result: result, self.ended)

    def removing(self) -> Wrap:
        """End the transfer of a handle that the function takes from its loop, with the exception that is given, if any."""

        def look(args: Args, kwargs: Kwargs, result: Any) -> Any:
            self.ended(
                args[1] if len(args) > 1 else kwargs["curl"], args[2] if len(args) > 2 else kwargs.get("exception")
            )
            return result

        return after(look)

    def closing(self) -> Wrap:
        """End the transfer of a handle that is closed: nobody waits for it any more."""
        return before(lambda args, _kwargs: self._given_up(args[0]))

    def ended(self, handle: Any, error: BaseException | None = None) -> None:
        """End the transfer of a handle, if it is in one, and have its header lines as the program set them.

        Args:
            handle: libcurl is through with it.
            error: what the transfer ended with; None where it went well, or was given up.
        """
        noted = _noted(handle)
        span, noted.span = noted.span, None
        if span is None:
            return
        if error is not None:
            http_pending.failed(span, error)
        else:
            http_pending.answered(span, self._outcome(handle))
        self._write(handle, noted.lines)

    def _given_up(self, handle: Any) -> None:
        noted = _noted(handle)
        span, noted.span = noted.span, None
        if span is not None:
            http_pending.answered(span, None)

    def _begun(self, handle: Any, current: bool) -> Any:
        """Begin the transfer of a handle; return the handle, or None where it is not traced."""
        self._given_up(handle)
        noted = _noted(handle)
        lines = _Lines(noted.lines)

        def request(_args: Args, _kwargs: Kwargs) -> Prepared | None:
            if noted.url is None:  # as of a handle that only keeps a loop going
                return None
            url = noted.url if "://" in noted.url else f"http://{noted.url}"
            if url.partition(":")[0].lower() not in ("http", "https", "ws", "wss"):
                return None
            return (noted.custom or noted.method, url, resends(self._operation.scope)), lines, ()

        noted.span = http_pending.begun(self._operation, request, (), {}, current)
        if noted.span is None:
            return None
        if lines.lines != (noted.lines or []):
            self._write(handle, lines.lines)
        return handle

    def _outcome(self, handle: Any) -> Facts | None:
        status, version = self._status(handle)
        return (status, _VERSIONS.get(version)) if status else None

    def _set(self, noted: _Noted, option: int, value: Any) -> None:
        if option == _URL:
            noted.url = _text(value)
        elif option == _CUSTOMREQUEST:
            noted.custom = _text(value)
        elif option == _HTTPHEADER:
            if value is None:
                noted.lines = None
            elif value:
                noted.lines = [*((noted.lines or ()) if self._adding else ()), *value]
        elif value or isinstance(value, (str, bytes)):
            noted.method = _METHODS[option][0]
        elif noted.method == _METHODS[option][0]:
            noted.method = _METHODS[option][1] or noted.method


class _Lines:
    """Header lines, as a mapping without case; what is written goes behind the program's."""

    __slots__ = ("lines",)

    def __init__(self, lines: list[Any] | None) -> None:
        self.lines = list(lines or ())

    def __contains__(self, name: str) -> bool:
        return any(known == name for known, _ in map(_parted, self.lines))

    def __setitem__(self, name: str, value: str) -> None:
        self.lines.append(f"{name}: {value}".encode())

    def __delitem__(self, name: str) -> None:
        self.lines = [line for line in self.lines if _parted(line)[0] != name]

    def getall(self, name: str, default: None) -> list[str] | None:
        return [value for known, value in map(_parted, self.lines) if known == name] or default


def _noted(handle: Any) -> _Noted:
    noted: _Noted | None = getattr(handle, KEPT, None)
    if noted is None:
        noted = _Noted()
        setattr(handle, KEPT, noted)
    return noted


def _parted(line: Any) -> tuple[str, str]:
    name, _, value = (_text(line) or "").partition(":")
    return name.strip().lower(), value.strip()


def _text(value: Any) -> str | None:
    return bytes(value).decode("latin-1") if isinstance(value, (bytes, bytearray)) else value
