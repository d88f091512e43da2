"""The one thread that empties the queues of all signals.

It sleeps until something waits, then gathers for a moment, encodes what is there in one pass and hands it to the exporters.
It is a bare thread of ``_thread``: the program's ``threading.enumerate()`` does not show it, and nothing waits for it.

A fork leaves the child with empty queues and no thread; the first item of the child starts its own.
"""

from __future__ import annotations

import os
import signal
from _thread import allocate_lock, get_ident, get_native_id, start_new_thread

from autotrace import diagnostics
from autotrace.faults import fault
from autotrace.trace.clocks import clocks
from autotrace.trace.context import set_current

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from autotrace.pipeline.queue import Queue
    from autotrace.trace.span import Span

_MUCH = 512  # items that are not kept waiting for more
_LOOK = 0.05  # s; how often the worker looks whether there is much
_PATIENCE = 9  # more time-outs at the end, while something is delivered in each
_SHARE = 0.8  # of the time that an end may take, for sinks; what they have not taken by then has to be kept in the rest
_PARKING, _LOOKS = 0.05, 100  # s to wait for the thread to leave, and how often to look in that time
_ATTEMPTS_DEADLINE = 60.0  # s; a batch that no sink takes in this time is dropped and counted
# Signals that a thread has caused itself.
_FAULTS = ("SIGSEGV", "SIGBUS", "SIGFPE", "SIGILL", "SIGABRT", "SIGTRAP", "SIGSYS")
_OF_A_THREAD = {getattr(signal, name) for name in _FAULTS if hasattr(signal, name)}


class Worker:
    """Delivers what waits of all signals, in turn, on one thread.

    Args:
        queues: what waits, a queue for each signal.
        exporters: each gets every request.
        delay: how long an item may wait before it is sent, in seconds.
        shade: the span that is current while exporters run, so that a delivery traces nothing.
        spare: keeps what a sink has not taken.

    Attributes:
        thread: the identity of the worker's thread, as ``_thread.get_ident`` gives it.
    """

    def __init__(
        self,
        queues: Sequence[Queue],
        exporters: Sequence[Any],
        delay: float,
        shade: Span | None = None,
        spare: Any = None,
    ) -> None:
        self._queues = queues
        self._exporters = exporters
        self._delay = delay
        self._shade = shade
        self._spare = spare
        self._taken = 0
        for queue in queues:
            queue.wake = self._wake
        self._reset()

    def _reset(self) -> None:
        self._alive = False
        self._turn: object = None  # of the one thread that may deliver
        self._parking = False
        self.thread = 0
        self._kernel = 0  # what the kernel calls it
        self._deadline = 0.0  # clocks.now() by which a flush must have ended; 0 while none is asked for
        self._starting = allocate_lock()
        self._bell = allocate_lock()
        self._bell.acquire()
        self._emptied = allocate_lock()
        self._emptied.acquire()
        self._parked = allocate_lock()
        self._parked.acquire()

    def _waits(self) -> bool:
        """Tell whether anything waits."""
        return any(queue.items for queue in self._queues)

    def _is_much(self) -> bool:
        """Tell whether so much waits of a signal that it is not kept waiting for more."""
        return any(len(queue.items) >= _MUCH for queue in self._queues)

    def _is_idle(self) -> bool:
        return all(queue.idle for queue in self._queues)

    def _set_idle(self, idle: bool) -> None:
        for queue in self._queues:
            queue.idle = idle

    def flush(self, timeout: float) -> bool:
        """Deliver what is there.

        Args:
            timeout: the most to wait, in seconds.

        Returns:
            Whether everything was delivered or refused in time.
        """
        if self._alive and get_ident() == self.thread:
            return False
        if not self._waits() and self._is_idle():
            return True
        self._deadline = clocks.now() + timeout * _SHARE
        self._emptied.acquire(blocking=False)
        self._wake()
        done = self._alive and self._emptied.acquire(timeout=timeout)
        self._deadline = 0.0
        return done

    def close(self, timeout: float) -> bool:
        """Deliver what is there for the last time: sinks try nothing twice any more.

        Args:
            timeout: the most to wait for a sink that takes nothing, in seconds; ten times as long for one that does.

        Returns:
            Whether everything was delivered or refused in time.
        """
        self.hasten(timeout)
        done = self.flush(timeout)
        patience = _PATIENCE
        while not done and self._taken and patience:  # it goes on: a backlog needs its time
            self._taken = 0
            patience -= 1
            self.hasten(timeout)
            done = self.flush(timeout)
        for exporter in self._exporters:
            exporter.close()
        if self._spare is not None:
            self._spare.close()
        return done

    def hasten(self, timeout: float) -> None:
        """Let sinks try nothing twice from now on, since the process ends within some seconds."""
        for exporter in self._exporters:
            exporter.hasten(clocks.now() + timeout * _SHARE)

    def forget(self) -> None:
        """Begin anew in a forked child: the parent delivers what was there before."""
        for queue in self._queues:
            queue.forget()
        self._reset()
        for exporter in self._exporters if self._spare is None else (*self._exporters, self._spare):
            exporter.forget()

    def park(self) -> None:
        """Let the thread leave as soon as it is not delivering, before a fork; waits a moment for that."""
        if not self._alive or get_ident() == self.thread:
            return
        self._parked.acquire(blocking=False)
        self._parking = True
        self._ring()
        if self._parked.acquire(timeout=_PARKING):
            see_gone(self._kernel)

    def resume(self) -> None:
        """Go on in the parent."""
        with self._starting:
            self._parking = False
        if self._waits():
            self._wake()

    def _wake(self) -> None:
        if not self._alive and not self._start():
            return
        self._ring()

    def _ring(self) -> None:
        try:
            self._bell.release()
        except RuntimeError:  # it rings already
            return

    def _start(self) -> bool:
        if not self._starting.acquire(blocking=False):
            return self._alive
        try:
            if not self._alive:
                self._alive = True
                self._turn = turn = object()
                start_thread(self._run, turn)
        except RuntimeError:  # the interpreter is shutting down, or the machine is out of threads
            self._alive = False
            return False
        except BaseException:  # a signal's handler of the program's: there may be a thread, which leaves then
            self._turn = None
            self._alive = False
            raise
        finally:
            self._starting.release()
        return True

    def _run(self, turn: object) -> None:
        if self._turn is turn:
            self.thread, self._kernel = get_ident(), get_native_id()
        set_current(self._shade)
        while True:
            try:
                self._rest()
                if self._turn is not turn:
                    self._set_idle(True)
                    self._wake()
                    return
                if self._parking and self._leave():
                    return
                self._deliver()
            except Exception:  # a bug of ours does not cost the worker
                fault("pipeline")

    def _leave(self) -> bool:
        """Tell whether the thread is to end; from then on the next span has to start another."""
        with self._starting:
            if not self._parking:
                return False
            self._alive = False
            self._set_idle(True)
            self._parking = False
        self._parked.release()
        return True

    def _rest(self) -> None:
        """Sleep until there is something, then gather more for a moment, unless there is much or somebody wants it now."""
        if not self._waits():
            self._set_idle(True)
            if not self._waits():
                self._ring_emptied()
                self._bell.acquire()
        self._set_idle(False)
        until = clocks.now() + self._delay
        while not self._is_much() and not self._deadline and not self._parking:
            left = until - clocks.now()
            if left <= 0:
                return
            self._bell.acquire(timeout=min(left, _LOOK))

    def _deliver(self) -> None:
        """Deliver a batch of each signal in turn.

        What comes meanwhile waits for more, unless there is much or somebody wants it now.
        """
        more = True
        while more:
            more = False
            for queue in self._queues:
                if queue.items:
                    self._deliver_some(queue)
                    more = more or len(queue.items) >= _MUCH or bool(self._deadline)
        if self._deadline and not self._waits():
            self._ring_emptied()

    def _deliver_some(self, queue: Queue) -> None:
        """Deliver one batch, which tells how many were lost before it."""
        try:
            items = queue.take()
            lost = queue.tell_lost(items)
            payloads = queue.encode(items)
            for payload in payloads:
                self._export(queue, payload, -(-len(items) // len(payloads)), lost)
                lost = 0
            queue.let_go()
        except Exception:  # a bug of ours costs a batch, not the worker, nor the turn of another signal
            fault("pipeline")

    def _export(self, queue: Queue, payload: bytes, count: int, told: int) -> None:
        """Give a request to all exporters."""
        signal = queue.signal
        deadline = self._deadline or clocks.now() + _ATTEMPTS_DEADLINE
        taken, reason = 0, ""
        for exporter in self._exporters:
            queue.hold()
            result = exporter.export(signal, payload, deadline)
            if result.delivered:
                taken += 1
            else:
                reason = result.text
                diagnostics.debug(f"{count} {signal.items} were not delivered: {reason}")
        if reason and self._spare is not None:
            self._spare.keep(signal, payload, count, reason)
        queue.settle(count, taken > 0, taken == len(self._exporters), told)
        if taken:
            self._taken += count

    def _ring_emptied(self) -> None:
        try:
            self._emptied.release()
        except RuntimeError:  # nobody has taken the last ring
            return


def start_thread(run: Callable[..., object], *arguments: Any) -> None:
    """Start a thread that `threading` does not know and no signal of the process reaches.

    The kernel gives a process's signal to any thread that takes it.  Where that is another than the main thread, which
    sleeps, Python's main thread sleeps on: Ctrl-C would be heard only after its `sleep` or `read`, which ends at once in a
    bare program that has one thread.

    Raises:
        RuntimeError: the interpreter is ending, or the machine is out of threads.
    """
    if not hasattr(signal, "pthread_sigmask"):  # Windows has none
        start_new_thread(run, arguments)
        return
    # It inherits what is blocked here: before it could block anything itself it waits for the interpreter's lock, for long.
    # The mask is asked for first, since a handler of the program's may raise out of any of these calls.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    try:
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals() - _OF_A_THREAD)
        start_new_thread(run, arguments)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def see_gone(thread: int) -> None:
    """Wait a moment until the kernel has let go of a thread that has left, given what the kernel calls it.

    From Python 3.12 on a fork is warned of by the number of threads that Linux knows of, from 3.15 on by that before it.
    """
    pause = allocate_lock()
    pause.acquire()
    for _ in range(_LOOKS):
        if not os.path.exists(f"/proc/self/task/{thread}"):
            return
        pause.acquire(timeout=_PARKING / _LOOKS)
