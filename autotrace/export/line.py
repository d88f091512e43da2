"""A connected socket whose every operation ends at one moment, for ``http.client`` to speak over.

Socket timeouts bound single calls: a server that sends one byte now and then would hold us for ever.  Here the moment
is fixed and each call gets what is left of it.  Looking up the host's name is the one thing that cannot be bounded.
"""

from __future__ import annotations

import io
import os
import socket

from autotrace.trace.clocks import clocks

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ssl

    from _typeshed import WriteableBuffer

_PIECE = 1 << 16  # bytes handed to one send: a TLS socket gives each piece the whole timeout anew


class Line:
    """One connection; ``until`` (seconds of ``clocks.now``) is set before each use."""

    def __init__(self, sock: socket.socket, until: float) -> None:
        self.until = until
        self._socket = sock
        self._identity = _identity(sock)

    def is_ours(self) -> bool:
        """Tell whether the descriptor still is our socket: a program may close and reuse all of them to be a daemon."""
        return _identity(self._socket) == self._identity

    def sendall(self, data: bytes) -> None:
        """Send everything, or raise OSError."""
        view = memoryview(data)
        for position in range(0, len(view), _PIECE):
            self._wind()
            self._socket.sendall(view[position : position + _PIECE])

    def receive(self, buffer: WriteableBuffer) -> int:
        """Fill a buffer with what is there next; return the number of bytes, 0 at the end."""
        self._wind()
        return self._socket.recv_into(buffer)

    def makefile(self, *_: object) -> io.BufferedReader:
        """Return the reading end, as ``http.client`` asks for it; closing it closes nothing."""
        return io.BufferedReader(_Reader(self))

    def close(self) -> None:
        """Do nothing: ``http.client`` closes before the body is read, see ``hang_up``."""

    def interrupt(self) -> None:
        """Wake whoever waits on this connection; callable from any thread."""
        try:
            if self.is_ours():
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)  # TLS's own would tear its state from under them
        except OSError:
            return

    def hang_up(self) -> None:
        """Close the connection, unless its descriptor belongs to somebody else by now."""
        try:
            if self.is_ours():
                self._socket.close()
            else:
                self._socket.detach()
        except OSError:
            return

    def _wind(self) -> None:
        left = self.until - clocks.now()
        if left <= 0:
            raise socket.timeout("timed out")
        self._socket.settimeout(left)


class _Reader(io.RawIOBase):
    def __init__(self, line: Line) -> None:
        self._line = line

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        return self._line.receive(buffer)


def dial(host: str, port: int, context: ssl.SSLContext | None, until: float) -> Line:
    """Connect to the first address of a host that answers, and shake hands where there is a TLS context.

    Raises:
        OSError: nobody answers, in time; or TLS fails (``ssl.SSLError``).
    """
    refusal: OSError = OSError(f"{host!r} has no address")
    for family, kind, protocol, _, address in socket.getaddrinfo(host, port, 0, socket.SOCK_STREAM):
        left = until - clocks.now()
        if left <= 0:
            raise socket.timeout("timed out")
        sock = socket.socket(family, kind, protocol)
        try:
            sock.settimeout(left)
            sock.connect(address)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # header and body are two sends
            if context is not None:
                sock.settimeout(max(until - clocks.now(), 0.001))
                sock = context.wrap_socket(sock, server_hostname=host)
            return Line(sock, until)
        except OSError as error:
            sock.close()
            if context is not None and hasattr(error, "verify_code"):  # the same certificate waits at every address
                raise
            refusal = error
        except BaseException:
            sock.close()
            raise
    raise refusal


def _identity(sock: socket.socket) -> tuple[int, int]:
    try:
        status = os.fstat(sock.fileno())
    except OSError:
        return -1, -1
    return status.st_dev, status.st_ino
