"""Signals that end a process which does not handle them: what is there is delivered first, then they end it.

The program goes on seeing the default where ours stands: ``signal.getsignal`` and ``signal.signal`` say ``SIG_DFL``,
``signal.set_wakeup_fd`` says -1, and whatever it sets itself takes our place.  The parent sees a process that died of the
signal.  A second signal ends it at once.

Python runs a handler on the main thread only, between two steps of Python.  For a main thread that is in C code the
interpreter writes the signal's number to a pipe, and a bare thread reads it there.  Not handled: C code that keeps the
interpreter's lock; then the process dies as soon as it lets go.
"""

from __future__ import annotations

import os
import signal
import sys
from _thread import allocate_lock, get_ident, get_native_id

from autotrace.faults import fault
from autotrace.patching.model import Patch
from autotrace.pipeline.worker import see_gone, start_thread
from autotrace.trace.failure import hiding_frame

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType
    from typing import Any

_ENDING = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP", "SIGINT") if hasattr(signal, name))
_GRACE = 0.05  # s for a main thread that can run a handler to begin with it
_PARKING = 0.05  # s to wait for a thread to leave before a fork
_LEAVE = b"\0"
_HIGH = 512  # programs that close all their files use the low numbers again


class Termination:
    """What happens at such a signal.

    Args:
        last: delivers what is there; it must come back.
    """

    def __init__(self, last: Callable[[], object]) -> None:
        self._last = last
        self._handler = self._handle  # one object: it is looked for by identity
        self._set, self._get, self._wake = signal.signal, signal.getsignal, signal.set_wakeup_fd  # not what we patch
        self._ours: set[int] = set()
        self._reading = self._writing = -1
        self._reset()

    def _reset(self) -> None:
        self._begun = allocate_lock()
        self._owner = 0  # the thread that delivers
        self._gone = allocate_lock()
        self._kernel = 0  # what the kernel calls the thread that stands by
        self._watched = False

    def install(self) -> None:
        """Stand where the default does now; on another thread, or in another interpreter, than the main one that fails."""
        try:
            caught = _caught()
            for number in _ENDING:
                if self._get(number) == signal.SIG_DFL and not caught >> (number - 1) & 1:
                    self._set(number, self._handler)
                    self._ours.add(number)
        except ValueError:
            return
        try:
            self._open()
        except ValueError:  # there was nothing to stand for, so that it was not told before
            self._close()
        except OSError:  # no descriptor is left: a main thread that runs Python handles signals all the same
            return

    def patches(self) -> list[Patch]:
        """Return what makes the module ``signal`` tell of the default where ours stands; the program may have another."""
        if sys.modules.get("signal") is not signal:
            return []
        return [
            Patch("signal:signal", self._setting),
            Patch("signal:getsignal", self._getting),
            Patch("signal:set_wakeup_fd", self._waking),
        ]

    def park(self) -> Any:
        """Let the thread leave before a fork: an interpreter that has only one thread may fork without a warning.

        A signal that reached a child before it has a pipe of its own would be taken for one of ours: until ``resume`` none
        reaches this thread, nor what it forks.

        Returns:
            what ``resume`` has to be given, in parent and child.
        """
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, ())
        try:
            signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)
        except BaseException:  # a handler of the program's: nobody would resume
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            raise
        if self._watched:
            self._watched = False
            self._gone.acquire(blocking=False)
            os.write(self._writing, _LEAVE)
            if self._gone.acquire(timeout=_PARKING):
                see_gone(self._kernel)
        return mask

    def resume(self, mask: Any) -> None:
        """Let signals through again, and see that the thread is there."""
        if self._writing >= 0 and not self._watched:
            self._watch()
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)

    def forked(self) -> None:
        """Begin anew in a forked child, with a pipe of its own: a signal of one is not the other's."""
        self._reset()
        if self._writing < 0:
            return
        try:
            ours = self._wake(-1)
        except ValueError:  # not on the main thread: a child that was forked in C
            self._replace()
            return
        if ours == self._writing:
            self._close()
            self._open()
        else:
            self._close()
            if ours >= 0:
                self._wake(ours, warn_on_full_buffer=False)

    def _open(self) -> None:
        """Make the pipe, and let the interpreter write to it, unless it writes elsewhere already."""
        reading, writing = os.pipe()
        self._reading, self._writing = _high(reading), _high(writing)
        os.set_blocking(self._writing, False)
        before = self._wake(self._writing, warn_on_full_buffer=False)
        if before >= 0:
            self._wake(before, warn_on_full_buffer=False)
        self._watch()

    def _replace(self) -> None:
        """Make the pipe another one without telling the interpreter, which goes on writing to the same number."""
        reading, writing = os.pipe()
        for new, old in ((reading, self._reading), (writing, self._writing)):
            os.dup2(new, old, inheritable=False)
            os.close(new)
        os.set_blocking(self._writing, False)
        self._watch()

    def _close(self) -> None:
        reading, writing, self._reading, self._writing = self._reading, self._writing, -1, -1
        os.close(reading)
        os.close(writing)

    def _watch(self) -> None:
        try:
            start_thread(self._stand_by, self._reading, os.read)
        except RuntimeError:  # the machine is out of threads, or the interpreter is ending
            return
        self._watched = True

    def _stand_by(self, reading: int, read: Callable[[int, int], bytes]) -> None:
        """Wait for a signal that the main thread does not come to handle."""
        gone, begun, self._kernel = self._gone, self._begun, get_native_id()
        pause = allocate_lock()
        pause.acquire()
        try:
            while True:
                arrived = read(reading, 1)
                if arrived in (_LEAVE, b""):
                    break
                number = arrived[0]
                if number in self._ours and self._get(number) is self._handler:
                    pause.acquire(timeout=_GRACE)
                    if begun.acquire(blocking=False):
                        self._owner = get_ident()
                        self._deliver()
                        _die_elsewhere(number)
        except OSError:  # the program has closed the pipe
            pass
        try:
            gone.release()
        except RuntimeError:  # nobody waits
            pass

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        if self._begun.acquire(blocking=False):
            self._owner = get_ident()
            self._deliver()
        elif self._owner != get_ident():
            self._begun.acquire()  # the other thread ends the process
        self._set(number, signal.SIG_DFL)
        signal.raise_signal(number)

    def _deliver(self) -> None:
        try:
            self._last()
        except Exception:
            fault("process")

    def _setting(self, original: Any, _scope: str) -> Any:
        def traced(signalnum: Any, handler: Any) -> Any:
            with hiding_frame:
                before = original(signalnum, handler)
            try:
                if isinstance(handler, int) and handler == signal.SIG_DFL and signalnum in _ENDING:
                    self._set(signalnum, self._handler)
                    self._ours.add(int(signalnum))
            except Exception:
                fault("process")
            return signal.SIG_DFL if before is self._handler else before

        return traced

    def _getting(self, original: Any, _scope: str) -> Any:
        def traced(signalnum: Any) -> Any:
            with hiding_frame:
                found = original(signalnum)
            return signal.SIG_DFL if found is self._handler else found

        return traced

    def _waking(self, original: Any, _scope: str) -> Any:
        def traced(*args: Any, **kwargs: Any) -> Any:
            with hiding_frame:
                before = original(*args, **kwargs)
            try:
                if self._writing >= 0 and args[0] == -1:
                    original(self._writing, warn_on_full_buffer=False)
            except Exception:
                fault("process")
            return -1 if before == self._writing else before

        return traced


def _caught() -> int:
    """Return the signals that have a handler, as a set of bits; one that is not Python's, as uWSGI's, stays what it is.

    Python knows what was there when it began.  Only Linux tells what came after.
    """
    try:
        with open("/proc/self/status", "rb") as status:
            for line in status:
                if line.startswith(b"SigCgt:"):
                    return int(line[7:], 16)
    except (OSError, ValueError):
        pass
    return 0


def _high(descriptor: int) -> int:
    """Move a descriptor to a high number, where there is room for it."""
    import fcntl

    try:
        moved = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, _HIGH)
    except OSError:
        return descriptor
    os.close(descriptor)
    return moved


def _die_elsewhere(number: int) -> None:
    """End the process by a signal although the main thread, which alone may set a handler, is busy."""
    try:
        import ctypes

        ctypes.CDLL(None).signal(number, None)  # None is SIG_DFL
        os.kill(os.getpid(), number)
    except Exception:
        os._exit(128 + number)
