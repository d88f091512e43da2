"""The buffer of finished spans and the one thread that empties it.

``submit`` runs on the program's threads: it appends to a deque and returns.  The worker sleeps until the first span, then
gathers for a moment, encodes what is there in one pass and hands it to the exporters.  It is a bare thread of ``_thread``:
the program's ``threading.enumerate()`` does not show it, and nothing waits for it.

A fork leaves the child with an empty buffer and no thread; the first span of the child starts its own.
"""

from __future__ import annotations

import time
from _thread import allocate_lock, get_ident, start_new_thread
from collections import deque

from autotrace import diagnostics
from autotrace.patching.wall import fault
from autotrace.trace.context import set_current

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from autotrace.trace.span import Span

_MUCH = 512  # spans that are not kept waiting for more
_LOOK = 0.05  # s; how often the worker looks whether there is much
_AHEAD = 4  # times the capacity
_PATIENCE = 9  # more time-outs at the end, while something is delivered in each
_SPARED = 8  # failed spans that are passed over to find one to drop
_PARKING = 0.05  # s to wait for the thread to leave
_ATTEMPTS_DEADLINE = 60.0  # s; a batch that no sink takes in this time is dropped and counted


class Worker:
    """Takes finished spans on any thread and delivers them on its own.

    Args:
        encode: turns spans into OTLP requests.
        exporters: each gets every request.
        delay: how long a span may wait before it is sent, in seconds.
        capacity: the most spans that wait while the sinks take none; past it the oldest that did not fail is dropped, and
            counted.  While they take them, a program that is faster than the worker may have four times as many waiting.
        batch: the most spans of one delivery.
        shade: the span that is current while exporters run, so that a delivery traces nothing.

    Attributes:
        thread: the identity of the worker's thread, as ``_thread.get_ident`` gives it.
        dropped: the number of spans that found no room.
        undelivered: the number of spans that no sink took.
    """

    def __init__(
        self,
        encode: Callable[[Sequence[Span]], list[bytes]],
        exporters: Sequence[Any],
        delay: float,
        capacity: int,
        batch: int,
        shade: Span | None = None,
    ) -> None:
        self._encode = encode
        self._exporters = exporters
        self._delay = delay
        self._capacity = capacity
        self._room = _AHEAD * capacity
        self._batch = max(batch, 1)
        self._shade = shade
        self.dropped = 0
        self.undelivered = 0
        self._taken = 0
        self._queue: deque[Span] = deque()
        self._reset()

    def _reset(self) -> None:
        self._alive = False
        self._idle = True  # or not alive: the next span has to wake somebody
        self._parking = False
        self.thread = 0
        self._deadline = 0.0  # time.monotonic() by which a flush must have ended; 0 while none is asked for
        self._starting = allocate_lock()
        self._bell = allocate_lock()
        self._bell.acquire()
        self._emptied = allocate_lock()
        self._emptied.acquire()
        self._parked = allocate_lock()
        self._parked.acquire()

    def submit(self, span: Span) -> None:
        """Take a finished span; never blocks, never raises."""
        queue = self._queue
        if len(queue) >= self._room:
            self._make_room()
        queue.append(span)
        if self._idle:
            self._wake()

    def _make_room(self) -> None:
        queue = self._queue
        self.dropped += 1
        try:
            for _ in range(_SPARED):
                span = queue.popleft()
                if span.failure is None:
                    return
                queue.append(span)
            queue.popleft()
        except (AttributeError, IndexError):  # the worker was faster
            return

    def flush(self, timeout: float) -> bool:
        """Deliver what is there.

        Args:
            timeout: the most to wait, in seconds.

        Returns:
            Whether everything was delivered or refused in time.
        """
        if self._alive and get_ident() == self.thread:
            return False
        if not self._queue and self._idle:
            return True
        self._deadline = time.monotonic() + timeout
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
        for exporter in self._exporters:
            exporter.hasten(time.monotonic() + timeout)
        done = self.flush(timeout)
        patience = _PATIENCE
        while not done and self._taken and patience:  # it goes on: a backlog needs its time
            self._taken = 0
            patience -= 1
            for exporter in self._exporters:
                exporter.hasten(time.monotonic() + timeout)
            done = self.flush(timeout)
        for exporter in self._exporters:
            exporter.close()
        return done

    def forget(self) -> None:
        """Begin anew in a forked child: the parent delivers what was there before."""
        self._queue = deque()
        self.dropped = 0
        self._reset()
        for exporter in self._exporters:
            exporter.forget()

    def park(self) -> None:
        """Let the thread leave as soon as it is not delivering, before a fork; waits a moment for that."""
        if not self._alive or get_ident() == self.thread:
            return
        self._parked.acquire(blocking=False)
        self._parking = True
        self._ring()
        self._parked.acquire(timeout=_PARKING)

    def resume(self) -> None:
        """Go on in the parent."""
        with self._starting:
            self._parking = False
        if self._queue:
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
                start_new_thread(self._run, ())
        except RuntimeError:  # the interpreter is shutting down, or the machine is out of threads
            self._alive = False
            return False
        finally:
            self._starting.release()
        return True

    def _run(self) -> None:
        self.thread = get_ident()
        set_current(self._shade)
        while True:
            try:
                self._rest()
                if self._parking and self._leave():
                    return
                self._deliver()
            except Exception:  # a bug of ours costs a batch, not the worker
                fault("pipeline")

    def _leave(self) -> bool:
        """Tell whether the thread is to end; from then on the next span has to start another."""
        with self._starting:
            if not self._parking:
                return False
            self._alive = False
            self._idle = True
            self._parking = False
        self._parked.release()
        return True

    def _rest(self) -> None:
        """Sleep until there is something, then gather more for a moment, unless there is much or somebody wants it now."""
        if not self._queue:
            self._idle = True
            if not self._queue:
                self._ring_emptied()
                self._bell.acquire()
        self._idle = False
        until = time.monotonic() + self._delay
        while len(self._queue) < _MUCH and not self._deadline and not self._parking:
            left = until - time.monotonic()
            if left <= 0:
                return
            self._bell.acquire(timeout=min(left, _LOOK))

    def _deliver(self) -> None:
        queue = self._queue
        take = queue.popleft
        while queue:  # what comes meanwhile waits for more, unless there is much or somebody wants it now
            spans: list[Span] = []
            try:
                for _ in range(min(len(queue), self._batch)):
                    spans.append(take())  # noqa: PERF401 - what was taken must not be lost
            except IndexError:  # room was made meanwhile
                pass
            for payload in self._encode(spans):
                self._export(payload, len(spans))
            del spans
            if len(queue) < _MUCH and not self._deadline:
                return
        if self._deadline:
            self._ring_emptied()

    def _export(self, payload: bytes, count: int) -> None:
        deadline = self._deadline or time.monotonic() + _ATTEMPTS_DEADLINE
        taken = True
        for exporter in self._exporters:
            self._room = max(self._capacity, len(self._queue) + self._capacity // 2)  # a sink may hang
            result = exporter.export(payload, deadline)
            if not result.delivered:
                taken = False
                self.undelivered += count
                diagnostics.debug(f"{count} spans were not delivered: {result.text}")
        self._room = self._capacity * (_AHEAD if taken else 1)
        self._taken += count if taken else 0

    def _ring_emptied(self) -> None:
        try:
            self._emptied.release()
        except RuntimeError:  # nobody has taken the last ring
            return
