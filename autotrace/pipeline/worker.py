"""The buffer of finished spans and the one thread that empties it.

``submit`` runs on the program's threads: it appends to a deque and returns.  The worker sleeps until the first span, then
gathers for a moment, encodes what is there in one pass and hands it to the exporters.  It is a bare thread of ``_thread``:
the program's ``threading.enumerate()`` does not show it, and nothing waits for it.

A fork leaves the child with an empty buffer and no thread; the first span of the child starts its own.
"""

from __future__ import annotations

from _thread import allocate_lock, get_ident
from collections import deque
from time import sleep

from autotrace import diagnostics
from autotrace.faults import fault
from autotrace.pipeline.threads import start_thread
from autotrace.pipeline.weight import weight
from autotrace.trace.clocks import clocks
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
_FEW = 32  # spans that are not weighed
_WEIGHED, _FOR = "2", 8  # a span whose id begins with less is weighed, for so many
_MANY = 4096  # spans; where so many wait, whoever makes more lets the worker go first
# ... so many times for each delivery and no more, since a sink may hang.  Without it the worker would have to wait for the
# interpreter's lock (5 ms) after each call of the system, of which importing an HTTP client takes hundreds.  Not where
# sleeping is not the interpreter's own: it might run other work of the program's.
_MOMENT = 1e-6  # s; some 60 µs in truth
_YIELDS = 8192 if type(sleep).__name__ == "builtin_function_or_method" else 0
_SHARE = 0.8  # of the time that an end may take, for sinks; what they have not taken by then has to be kept in the rest
_AT_ONCE = 256  # spans that are dropped for one that comes
_PARKING = 0.05  # s to wait for the thread to leave
DROPPED = "autotrace.dropped_spans"  # how many were lost before: an attribute of the next span that is delivered
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
        most: the most bytes that the spans may hold together which wait or are on their way; past it as for ``capacity``,
            and four times as much while the sinks take them.  An estimate: one in eight is weighed, see ``weight``.
        spare: keeps what a sink has not taken.

    Attributes:
        thread: the identity of the worker's thread, as ``_thread.get_ident`` gives it.
        delivered: whether any span was, in this process.
        dropped: the number of spans that found no room.
        undelivered: the number of spans that no sink took, roughly where a batch is cut into several requests.
    """

    def __init__(
        self,
        encode: Callable[[Sequence[Span]], list[bytes]],
        exporters: Sequence[Any],
        delay: float,
        capacity: int,
        batch: int,
        shade: Span | None = None,
        most: int = 64 << 20,
        spare: Any = None,
    ) -> None:
        self._encode = encode
        self._exporters = exporters
        self._delay = delay
        self._capacity = capacity
        self._room = _AHEAD * capacity
        self._few = min(_FEW, capacity)
        self._most = most
        self._ceiling = _AHEAD * most
        self._batch = max(batch, 1)
        self._shade = shade
        self._spare = spare
        self._taken = 0
        self._reset()

    def _reset(self) -> None:
        self._queue: deque[Span] = deque()
        self.delivered = False
        self.dropped = self.undelivered = 0
        self._told = 0  # of both
        self._weight = 0
        self._yields = _YIELDS
        self._alive = False
        self._turn: object = None  # of the one thread that may deliver
        self._idle = True  # or not alive: the next span has to wake somebody
        self._parking = False
        self.thread = 0
        self._deadline = 0.0  # clocks.now() by which a flush must have ended; 0 while none is asked for
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
        waiting = len(queue)
        if waiting >= self._few and (waiting >= self._room or span.span_id < _WEIGHED):
            self._crowd(span, waiting)
        span.handed = True  # the interpreter gives neither a signal nor another thread its turn between these two
        queue.append(span)
        if self._idle:
            self._wake()

    def _crowd(self, span: Span, waiting: int) -> None:
        """Weigh a span that is about to wait, and drop what there is no room for."""
        try:
            if span.span_id < _WEIGHED:
                self._weight += _FOR * weight(span)
            if waiting > _MANY and self._yields:
                self._yields -= 1
                sleep(_MOMENT)
            if waiting >= self._room:
                self._drop()
            for _ in range(_AT_ONCE):
                if self._weight <= self._ceiling or not self._drop():
                    return
        except Exception:
            fault("pipeline")

    def _drop(self) -> bool:
        """Drop the oldest span that did not fail; tell whether there was any."""
        queue = self._queue
        try:
            span = queue.popleft()
            for _ in range(_SPARED):
                if span.failure is None:
                    break
                queue.append(span)
                span = queue.popleft()
        except (AttributeError, IndexError):  # the worker was faster
            return False
        self.dropped += 1
        if span.span_id < _WEIGHED:
            self._weight = max(self._weight - _FOR * weight(span), 0)
        return True

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
            self.thread = get_ident()
        set_current(self._shade)
        while True:
            try:
                self._rest()
                if self._turn is not turn:
                    self._idle = True
                    self._wake()
                    return
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
        until = clocks.now() + self._delay
        while len(self._queue) < _MUCH and not self._deadline and not self._parking:
            left = until - clocks.now()
            if left <= 0:
                return
            self._bell.acquire(timeout=min(left, _LOOK))

    def _deliver(self) -> None:
        queue = self._queue
        take = queue.popleft
        while queue:  # what comes meanwhile waits for more, unless there is much or somebody wants it now
            spans: list[Span] = []
            waiting, together = len(queue), self._weight
            light = self._most * waiting // _AHEAD // max(together, 1)  # so many hold a part of what all may
            try:
                for _ in range(max(min(waiting, self._batch, light), 1)):
                    spans.append(take())  # noqa: PERF401 - what was taken must not be lost
            except IndexError:  # room was made meanwhile
                pass
            self._send(spans)
            self._weight = max(self._weight - together * len(spans) // waiting, 0) if queue else 0
            del spans
            if len(queue) < _MUCH and not self._deadline:
                return
        if self._deadline:
            self._ring_emptied()

    def _send(self, spans: list[Span]) -> None:
        """Deliver spans, the first of which tells how many were lost before it."""
        lost = self.dropped + self.undelivered - self._told
        if lost and spans:
            spans[0].more().attributes[DROPPED] = lost
        payloads = self._encode(spans)
        for payload in payloads:
            if self._export(payload, -(-len(spans) // len(payloads))):
                self._told += lost
            lost = 0

    def _export(self, payload: bytes, count: int) -> bool:
        """Give a request to all exporters; tell whether any took it."""
        deadline = self._deadline or clocks.now() + _ATTEMPTS_DEADLINE
        taken, reason = 0, ""
        for exporter in self._exporters:
            if self._room > self._capacity:  # a sink may hang; where the last one took nothing there is no more room
                self._room = max(self._capacity, len(self._queue) + self._capacity // 2)
                self._ceiling = max(self._most, self._weight + self._most // 2)
            result = exporter.export(payload, deadline)
            if result.delivered:
                taken += 1
            else:
                reason = result.text
                diagnostics.debug(f"{count} spans were not delivered: {reason}")
        if reason and self._spare is not None:
            self._spare.keep(payload, count, reason)
        ahead = _AHEAD if taken == len(self._exporters) else 1
        self._room, self._ceiling = self._capacity * ahead, self._most * ahead
        if taken:
            self._taken += count
            self.delivered = True
            self._yields = _YIELDS
        else:
            self._yields = 0
            self.undelivered += count
        return taken > 0

    def _ring_emptied(self) -> None:
        try:
            self._emptied.release()
        except RuntimeError:  # nobody has taken the last ring
            return
