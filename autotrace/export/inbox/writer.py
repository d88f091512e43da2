"""The writing end of the inbox: requests kept in files on this machine until a reader takes them in.

Nothing is made before the first request.  Directories are made for their owner alone (XDG Base Directory Specification,
"Referencing this specification"); those that exist are left as they are.
"""

from __future__ import annotations

import os
import stat

from autotrace.config import paths
from autotrace.export import DELIVERED, later, refused
from autotrace.export.inbox import system
from autotrace.export.inbox.quota import make_room
from autotrace.signals import HEAD, MAGIC, MAX_PAYLOAD, SUFFIX, record
from autotrace.trace.clocks import clocks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    from autotrace.export import Result
    from autotrace.signals import Signal

    class InboxSettings(Protocol):
        """What the inbox reads of the settings; ``Settings`` is one of these."""

        data_dir: str
        inbox_max_bytes: int


ROTATE = 8 << 20  # bytes of a file
_RESERVE = 1 << 20  # bytes that a writer claims at each look at the size of the whole directory
_FLAGS = (
    os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND
    | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOINHERIT", 0) | getattr(os, "O_BINARY", 0)
)  # fmt: skip


class Inbox:
    """Appends requests to a file of this process; used by one thread.

    Args:
        settings: data_dir (empty for the user's; where it cannot be made, the files go to a place of its own in
            ``autotrace-<uid>`` under the temporary directory) and inbox_max_bytes, the ceiling of the whole inbox, which
            all processes share.
        name: of its directory.
        most: a lower ceiling, in bytes.
    """

    def __init__(self, settings: InboxSettings, name: str = "inbox", most: int = 1 << 62) -> None:
        self._name = name
        given = settings.data_dir
        # absolute now: the program may change its working directory
        self._data = system.os.path.abspath(system.os.path.expanduser(given)) if given else paths.data_directory()
        self._max = min(settings.inbox_max_bytes, most)
        self._rotate = max(min(ROTATE, self._max // 4), 1)
        self._reserve = min(_RESERVE, self._max // 16)
        self._sequence = 0
        self._closed = False
        self._file: _File | None = None

    def forget(self) -> None:
        """Leave the inherited file to the parent: closing our descriptor does not undo its lock."""
        file, self._file = self._file, None
        if file is not None:
            file.close()

    def hasten(self, deadline: float) -> None:
        """Do nothing: a local write either works or fails."""

    def close(self) -> None:
        """Finish the file; the reader may delete it once it has read it."""
        self._closed = True
        self.forget()

    def export(self, signal: Signal, payload: bytes, deadline: float) -> Result:  # noqa: ARG002
        """Append a request.  The deadline is not looked at: a local write either works or fails."""
        if len(payload) > MAX_PAYLOAD:
            return refused(f"a request of {len(payload)} bytes is over the {MAX_PAYLOAD} of an inbox record")
        if len(payload) + len(MAGIC) + HEAD.size > self._max:
            return refused(
                f"a request of {len(payload)} bytes is over AUTOTRACE_INBOX_MAX_BYTES, {self._max}: raise it"
            )
        if self._closed:
            return later("the inbox is closed")
        try:
            return self._append(record(signal, payload))
        except OSError as error:
            return later(f"the inbox cannot be written: {error}; set AUTOTRACE_DATA_DIR to a directory that can")
        except Exception as error:
            return later(f"the inbox cannot be written: {error!r}")

    def _append(self, record: bytes) -> Result:
        file = self._file
        if file is not None and not file.is_ours():
            self.forget()
            file = None
        if file is not None and file.size + len(record) > self._rotate and file.size > len(MAGIC):
            self.forget()
            file = None
        if file is None:
            file = self._begin(len(MAGIC) + len(record))
        elif len(record) > file.reserve:
            file.reserve = self._room(file.directory, len(record))
        if file is None or len(record) > file.reserve:
            return later(
                f"the inbox is full ({self._max} bytes) of files that are still being written: read them with "
                "`autotrace traces`, or raise AUTOTRACE_INBOX_MAX_BYTES"
            )
        try:
            file.write(record)
        except BaseException:
            self.forget()
            raise
        return DELIVERED

    def _begin(self, need: int) -> _File | None:
        """Begin a file, in the data directory or else the fall-back; None where the ceiling leaves no room.

        Raises:
            OSError: there is no place for it.
        """
        inbox = system.os.path.join(self._data, self._name)
        try:
            make(inbox)
        except OSError as refusal:
            try:
                make_private(paths.temporary_root())
                inbox = system.os.path.join(paths.temporary_directory(self._data), self._name)
                make(inbox)
            except OSError as error:
                raise OSError(f"{refusal}, and {error}") from error
        reserve = self._room(inbox, need)
        if reserve < need:
            return None
        for _ in range(3):
            self._sequence += 1
            file = _File(inbox, f"{clocks.wall_ns()}-{system.os.getpid()}-{self._sequence}{SUFFIX}", reserve)
            if file.hold():
                self._file = file
                return file
            file.close()
        raise OSError(f"files in {inbox!r} vanish as soon as they are made")

    def _room(self, inbox: str, need: int) -> int:
        """Return how many bytes may be written before the next look; fewer than needed where the inbox is full."""
        wanted = max(need, self._reserve)
        return min(make_room(inbox, self._max, wanted), wanted)


def make(directory: str) -> None:
    """Make a directory and what is missing above it, for us alone.

    Raises:
        OSError: it cannot be made.
    """
    try:
        system.os.mkdir(directory, 0o700)
    except FileExistsError:
        if not stat.S_ISDIR(system.os.stat(directory).st_mode):
            raise
    except FileNotFoundError:
        above = system.os.path.dirname(directory)
        if above == directory:
            raise
        make(above)
        try:
            system.os.mkdir(directory, 0o700)
        except FileExistsError:  # another process was faster
            return


def make_private(directory: str) -> None:
    """Make a directory where everybody may, and trust it only if it is ours: no link, nobody else's, not open.

    Raises:
        OSError: it cannot be made, or is not ours.
    """
    make(directory)
    status = system.os.lstat(directory)
    ours = not hasattr(system.os, "getuid") or status.st_uid == system.os.getuid()
    if not stat.S_ISDIR(status.st_mode) or not ours or (system.os.name == "posix" and status.st_mode & 0o022):
        raise PermissionError(f"{directory!r} is not a directory of ours alone: remove it, or set AUTOTRACE_DATA_DIR")


class _File:
    """One open file of the inbox.

    Attributes:
        directory: where it is.
        name: its name there.
        size: bytes written so far.
        reserve: bytes that may be written before the directory's size is looked at again.
    """

    __slots__ = ("_descriptor", "_identity", "directory", "name", "reserve", "size")

    def __init__(self, directory: str, name: str, reserve: int) -> None:
        self.directory = directory
        self.name = name
        self.size = 0
        self.reserve = reserve
        self._descriptor = system.os.open(system.os.path.join(directory, name), _FLAGS, 0o600)
        status = system.os.fstat(self._descriptor)
        self._identity = (system.os.getpid(), status.st_dev, status.st_ino)

    def hold(self) -> bool:
        """Lock the file and write its header; False where somebody deleted it in between."""
        try:
            if system.locks is not None:
                try:
                    system.locks.flock(self._descriptor, system.locks.LOCK_SH | system.locks.LOCK_NB)
                except BlockingIOError:  # somebody is about to delete it
                    return False
                except OSError:  # a file system without locks
                    pass
            if not self.is_ours():
                return False
            self.write(MAGIC)
        except BaseException:
            self.close()
            raise
        return True

    def is_ours(self) -> bool:
        """Tell whether the descriptor is still our file, in this process and in its directory.

        A program that becomes a daemon closes all descriptors and opens its own with the same numbers: writing to those
        would be a disaster.
        """
        try:
            status = system.os.fstat(self._descriptor)
        except OSError:
            return False
        linked = status.st_nlink > 0 or system.os.name != "posix"
        return linked and self._identity == (system.os.getpid(), status.st_dev, status.st_ino)

    def write(self, record: bytes) -> None:
        """Append bytes with one system call; what was written only in part is taken back.

        Raises:
            OSError: the disk is full, a quota is reached, ...
        """
        written = system.os.write(self._descriptor, record)
        if written != len(record):
            try:
                system.os.ftruncate(self._descriptor, self.size)
            except OSError:  # then it is a torn tail, which readers know
                pass
            raise OSError(f"only {written} of {len(record)} bytes fit into {self.name}: is the disk full?")
        self.size += written
        self.reserve -= written

    def close(self) -> None:
        """Close the descriptor, if it still is that of our file."""
        try:
            status = system.os.fstat(self._descriptor)
            if self._identity[1:] == (status.st_dev, status.st_ino):
                system.os.close(self._descriptor)
        except OSError:
            return
