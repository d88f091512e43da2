"""OTLP over HTTP, to a collector or whatever else speaks it.

One connection, kept alive, and no parallel requests; where signals have different receivers, it is made anew for each
change of signal.  Environment proxies and redirects are not followed, gRPC and OTLP/JSON are not spoken.  The caller's
deadline bounds everything but the look-up of the host's name.  The caller also sees to it that requests made here are not
traced.

Source: OTLP specification 1.x, "OTLP/HTTP".
"""

from __future__ import annotations

from _thread import allocate_lock

from autotrace import __version__, diagnostics
from autotrace.export import Result, later, refused
from autotrace.signals import TRACES
from autotrace.trace.clocks import clocks

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping
    from http.client import HTTPConnection, HTTPResponse
    from typing import Any, Protocol

    from autotrace.export.line import Line
    from autotrace.signals import Signal

    class HttpSettings(Protocol):
        """What the exporter reads of the settings; ``Settings`` is one of these."""

        endpoint: str
        headers: Mapping[str, str]
        compression: str
        timeout_ms: int
        certificate: str
        client_key: str
        client_certificate: str
        insecure: bool


MAX_REQUEST = 64 << 20  # bytes before compression; OTLP specification, "OTLP/HTTP Request"
MAX_RESPONSE = 4 << 20  # bytes; OTLP specification, "OTLP/HTTP Response"
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 8.0  # seconds, before jitter
_OTHER = "; 4318 is OTLP's port for it, 4317 for gRPC"
_GRPC = "; 4317 is the port of OTLP over gRPC, which is not spoken: that of OTLP over HTTP is 4318"
_OWN = ("content-type", "content-encoding", "content-length", "transfer-encoding", "connection", "host")


class HttpExporter:
    """Sends requests to the endpoint of their signal; ``export`` from one thread, ``hasten`` and ``close`` from any.

    Args:
        settings: endpoint (the whole URL, for traces), headers, compression (``"gzip"``, ``"none"``, or ``"auto"``: gzip,
            except to this machine), timeout_ms for one attempt (0: no limit), certificate (of the receiver's authority),
            client_certificate, client_key and insecure (do not verify).
        endpoints: the whole URLs by the names of the signals, in place of that for traces.  Which of a signal's own URL and
            the base URL counts is the settings' affair (OTLP exporter specification, "Endpoint URLs for OTLP/HTTP").
    """

    def __init__(self, settings: HttpSettings, endpoints: Mapping[str, str] | None = None) -> None:
        self._settings = settings
        self._endpoints = {TRACES.name: settings.endpoint} if endpoints is None else endpoints
        self._timeout = settings.timeout_ms / 1000 or float("inf")
        self._targets: dict[str, _Target] = {}
        self._said: set[str] = set()
        self._closed = False
        self._line: Line | None = None
        self._origin: Any = None  # where the line leads
        self.forget()

    def forget(self) -> None:
        """Let go of an inherited connection; its descriptor is closed here and stays open in the parent."""
        self._drop()
        self._busy = False
        self._until = float("inf")
        self._hurry = allocate_lock()  # free once nobody may wait any more
        self._hurry.acquire()

    def hasten(self, deadline: float) -> None:
        """Wait for no second attempt from now on, and end every attempt that begins by a moment (``clocks.now``, s)."""
        self._until = deadline
        try:
            self._hurry.release()
        except RuntimeError:  # it is free already
            return

    def close(self) -> None:
        """End a request under way, and take no further ones."""
        self._closed = True
        self.hasten(0.0)
        line = self._line
        if line is not None:
            line.interrupt()
        if not self._busy:
            self._drop()

    def export(self, signal: Signal, payload: bytes, deadline: float) -> Result:
        """Send a request, again and again where that may help, until the deadline (``clocks.now``, seconds)."""
        if len(payload) > MAX_REQUEST:
            return refused(f"a request of {len(payload)} bytes is over the {MAX_REQUEST} that OTLP allows")
        self._busy = True
        try:
            target = self._targets.get(signal.name)
            if target is None:
                endpoint = self._endpoints.get(signal.name)
                if endpoint is None:
                    return refused(f"{signal.name} have no endpoint")
                target = self._targets[signal.name] = _Target(self._settings, signal, endpoint)
            if self._origin != target.origin:
                self._drop()
                self._origin = target.origin
            result = self._deliver(target, target.packed(payload), deadline)
        except Exception as error:  # a wrong setting; ours to report, not to raise
            self._drop()
            result = refused(f"cannot send to the endpoint: {error}")
        finally:
            self._busy = False
            if self._closed:  # whoever closed may have left the connection to us
                self._drop()
        if result.text and not result.retryable and result.text not in self._said and len(self._said) < 20:
            self._said.add(result.text)
            diagnostics.warn(result.text)
        return result

    def _deliver(self, target: _Target, body: bytes, deadline: float) -> Result:
        from _random import Random

        jitter = Random().random
        pause = _FIRST_PAUSE
        result = later(f"{target.place} asked to be left alone for a while")
        while True:
            wanted = target.not_before - clocks.now()
            if wanted > 0 and not self._wait(wanted, deadline):
                return later(result.text, wanted)
            if self._closed:
                return later(f"the exporter to {target.place} is closed")
            result = self._attempt(target, body, min(clocks.now() + self._timeout, deadline, self._until))
            if not result.retryable:
                return result
            if result.retry_after:
                target.not_before = clocks.now() + result.retry_after
            elif not self._wait(pause * (0.5 + jitter()), deadline):
                return result
            pause = min(pause * 2, _LONGEST_PAUSE)

    def _wait(self, seconds: float, deadline: float) -> bool:
        """Wait, if there is time for it and nobody is in a hurry; tell whether it was waited."""
        if clocks.now() + seconds >= deadline:
            return False
        if self._hurry.acquire(timeout=seconds):
            self._hurry.release()
            return False
        return True

    def _attempt(self, target: _Target, body: bytes, until: float) -> Result:
        fresh = self._line is None or not self._line.is_ours()
        if fresh:
            self._drop()
        try:
            return self._request(target, body, until)
        except OSError as error:
            self._drop()
            if getattr(error, "verify_code", 0):
                return refused(f"{target.place} is not trusted: {error}; set `certificate` to the CA's file")
            # A server may close an idle connection whenever it likes: that is no failure yet.
            if not fresh and not self._closed and clocks.now() < until:
                return self._attempt(target, body, until)
            return later(f"{target.place} cannot be reached: {error or type(error).__name__}{target.hint}")

    def _request(self, target: _Target, body: bytes, until: float) -> Result:
        from http.client import HTTPException

        from autotrace.export.answer import judge
        from autotrace.export.line import dial

        line = self._line
        if line is None:
            line = self._line = dial(target.host, target.port, target.context, until)
        line.until = until
        if self._closed:  # closed while we dialled: there was no line to interrupt
            raise ConnectionAbortedError("the exporter is closed")
        connection = target.over(line)
        try:
            connection.request("POST", target.path, body, target.headers)
        except ConnectionError:  # whoever refuses a large body answers first and hangs up
            pass
        try:
            response = connection.getresponse()
        except ConnectionError:  # RemoteDisconnected is one, and an HTTPException too
            raise
        except HTTPException as error:
            self._drop()
            return refused(f"{target.place} does not speak HTTP ({error!r}){target.hint or _OTHER}")
        answer = _body(response)
        if response.will_close or answer is None:
            self._drop()
        header = response.headers.get
        kind, location = header("Content-Type", ""), header("Location", "")
        return judge(
            target.signal,
            target.place,
            response.status,
            response.reason,
            kind,
            answer or b"",
            header("Retry-After"),
            location,
        )

    def _drop(self) -> None:
        line, self._line = self._line, None
        if line is not None:
            line.hang_up()


class _Target:
    """Where requests of a signal go, worked out once.

    Attributes:
        origin: scheme, host and port: signals that have it in common share a connection.
        not_before: until when the receiver asked to be left alone (``clocks.now``, seconds).

    Raises:
        ValueError: the endpoint is no URL that we can use.
        OSError: a certificate cannot be read.
    """

    def __init__(self, settings: HttpSettings, signal: Signal, endpoint: str) -> None:
        from urllib.parse import unquote, urlsplit

        url = urlsplit(endpoint)
        if url.scheme not in ("http", "https") or not url.hostname:
            raise ValueError(f"endpoint {_safe(endpoint)!r} is not a URL like http://localhost:4318{signal.path}")
        self.signal = signal
        self.not_before = 0.0
        self.host = url.hostname
        self.port = url.port or (443 if url.scheme == "https" else 80)
        self.path = (url.path or "/") + (f"?{url.query}" if url.query else "")
        self.origin = url.scheme, self.host, self.port
        name = f"[{self.host}]" if ":" in self.host else self.host
        self.place = f"{url.scheme}://{name}:{self.port}{url.path or '/'}"  # without user, password and query
        self.hint = _GRPC if self.port == 4317 else ""
        self.context = _tls(settings) if url.scheme == "https" else None
        self.headers: dict[str, Any] = {"User-Agent": f"autotrace/{__version__} (OTLP/HTTP, Python)"}
        if url.username is not None:
            from binascii import b2a_base64

            user = f"{unquote(url.username)}:{unquote(url.password or '')}"
            self.headers["Authorization"] = b"Basic " + b2a_base64(user.encode(), newline=False)
        given = {key.lower() for key in settings.headers}
        self.headers = {key: value for key, value in self.headers.items() if key.lower() not in given}
        for key, value in settings.headers.items():
            if key.lower() not in _OWN:
                self.headers[key] = value.encode()
        self.headers["Host"] = name if url.port is None else f"{name}:{url.port}"
        self.headers["Content-Type"] = "application/x-protobuf"
        self._packs = _packs(settings.compression, endpoint)
        if self._packs:
            self.headers["Content-Encoding"] = "gzip"

    def packed(self, payload: bytes) -> bytes:
        """Return a request as it is sent."""
        if not self._packs:
            return payload
        import zlib

        packer = zlib.compressobj(3, zlib.DEFLATED, 31)  # 31: with gzip's header; 3: most of the gain, half the time
        return packer.compress(payload) + packer.flush()

    def over(self, line: Line) -> HTTPConnection:
        """Return a connection that speaks over an open line and never opens one of its own."""
        from http.client import HTTPConnection

        connection = HTTPConnection(self.host, self.port)
        connection.auto_open = 0
        connection.sock = line
        return connection


def _packs(compression: str, endpoint: str) -> bool:
    """Tell whether requests are compressed; to the machine itself that would cost more than it saves."""
    if compression != "auto":
        return compression == "gzip"
    host = endpoint.partition("://")[2].partition("/")[0].rpartition("@")[2]
    return not host.lower().startswith(("127.", "localhost", "[::1]"))


def _tls(settings: HttpSettings) -> ssl.SSLContext:
    from ssl import CERT_NONE, create_default_context

    try:
        context = create_default_context(cafile=settings.certificate or None)
        if settings.client_certificate:
            context.load_cert_chain(settings.client_certificate, settings.client_key or None, _no_password)
    except OSError as error:
        names = (settings.certificate, settings.client_certificate, settings.client_key)
        files = ", ".join(repr(name) for name in names if name)
        raise ValueError(f"one of the certificate files {files} cannot be used: {error}") from error
    if settings.insecure:
        context.check_hostname = False
        context.verify_mode = CERT_NONE
    return context


def _no_password() -> str:
    """Answer for a key that is encrypted: without this, OpenSSL would ask on the program's terminal."""
    return ""


def _safe(endpoint: str) -> str:
    return endpoint.rpartition("@")[2]


def _body(response: HTTPResponse) -> bytes | None:
    """Return a response's body, or None where it is too long or torn: then the connection is of no more use."""
    from http.client import HTTPException

    body = bytearray()
    try:
        while len(body) <= MAX_RESPONSE:
            piece = response.read(1 << 16)
            if not piece:
                return None if response.length else bytes(body)  # a length that is left: it was promised more
            body += piece
    except (OSError, HTTPException):
        pass
    return None
