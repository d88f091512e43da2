"""What of one signal waits to be delivered: never more of it than fits, and what it does not keep is counted.

``submit`` runs on the program's threads: it appends to a deque and returns.  Everything else runs on the worker's thread.
"""

from __future__ import annotations

from collections import deque
from time import sleep

from autotrace.faults import fault

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from autotrace.signals import Signal

_AHEAD = 4  # times the capacity
_SPARED = 8  # items that are passed over to find one to drop
_MANY = 4096  # items; where so many wait, whoever makes more lets the worker go first
# ... so many times for each delivery and no more, since a sink may hang.  Without it the worker would have to wait for the
# interpreter's lock (5 ms) after each call of the system, of which importing an HTTP client takes hundreds.  Not where
# sleeping is not the interpreter's own: it might run other work of the program's.
_MOMENT = 1e-6  # s; some 60 µs in truth
_YIELDS = 8192 if type(sleep).__name__ == "builtin_function_or_method" else 0
_AT_ONCE = 256  # items that are dropped for one that comes


def _resting() -> None:
    """Nobody is there yet who could be woken."""


class Queue:
    """The items of one signal that wait.

    Args:
        signal: what they are.
        encode: turns items into OTLP requests of the signal.
        weigh: returns how many bytes an item holds; 0 for one that is not weighed because another stands for it.
        capacity: the most items that wait while the sinks take none; past it the oldest is dropped, and counted.  While they
            take them, a program that is faster than the worker may have four times as many waiting.
        batch: the most items of one delivery.
        most: the most bytes that the items may hold together which wait or are on their way; past it as for ``capacity``,
            and four times as much while the sinks take them.

    Attributes:
        items: what waits, the oldest first.
        wake: wakes the worker; the worker sets it.
        idle: whether nobody looks at the items: the next one has to wake the worker.
        delivered: whether any item was, in this process.
        dropped: the number of items that found no room.
        undelivered: the number of items that no sink took, roughly where a batch is cut into several requests.
    """

    def __init__(
        self,
        signal: Signal,
        encode: Callable[[Sequence[Any]], list[bytes]],
        weigh: Callable[[Any], int],
        capacity: int,
        batch: int,
        most: int = 64 << 20,
    ) -> None:
        self.signal = signal
        self.encode = encode
        self.wake: Callable[[], object] = _resting
        self._weigh = weigh
        self._capacity = capacity
        self._room = _AHEAD * capacity
        self._most = most
        self._ceiling = _AHEAD * most
        self._batch = max(batch, 1)
        self.forget()

    def forget(self) -> None:
        """Begin anew in a forked child: the parent delivers what was there before."""
        self.items: deque[Any] = deque()
        self.idle = True
        self.delivered = False
        self.dropped = self.undelivered = 0
        self._told = 0  # of both
        self._weight = self._leaving = 0
        self._yields = _YIELDS

    def submit(self, item: Any) -> None:
        """Take an item; never blocks, never raises."""
        self._press(item, len(self.items))
        self.items.append(item)
        if self.idle:
            self.wake()

    def _press(self, item: Any, waiting: int) -> None:
        """Weigh an item that is about to wait, and drop what there is no room for."""
        try:
            weight = self._weigh(item)
            self._weight += weight
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
        """Drop the oldest item that is not spared; tell whether there was any."""
        items = self.items
        try:
            item = items.popleft()
            for _ in range(_SPARED):
                if not self.is_spared(item):
                    break
                items.append(item)
                item = items.popleft()
        except (AttributeError, IndexError):  # the worker was faster
            return False
        self.dropped += 1
        self._weight = max(self._weight - self._weigh(item), 0)
        return True

    def is_spared(self, item: Any) -> bool:  # noqa: ARG002
        """Tell whether another item is dropped in this one's place, where there is one."""
        return False

    def take(self) -> list[Any]:
        """Return the oldest items, as many as one delivery may have; ``let_go`` has to follow."""
        items = self.items
        taken: list[Any] = []
        waiting, together = max(len(items), 1), self._weight  # room may have been made meanwhile
        light = self._most * waiting // _AHEAD // max(together, 1)  # so many hold a part of what all may
        try:
            for _ in range(max(min(waiting, self._batch, light), 1)):
                taken.append(items.popleft())  # noqa: PERF401 - what was taken must not be lost
        except IndexError:
            pass
        self._leaving = together * len(taken) // waiting
        return taken

    def let_go(self) -> None:
        """Count what was taken as gone."""
        self._weight = max(self._weight - self._leaving, 0) if self.items else 0

    def tell_lost(self, items: list[Any]) -> int:
        """Say in items that are about to be delivered how many were lost before; return how many lost ones are told of."""
        lost = self.dropped + self.undelivered - self._told
        return lost if lost and items and self.say_lost(items, lost) else 0

    def say_lost(self, items: list[Any], lost: int) -> bool:  # noqa: ARG002
        """Say in one of the items how many were lost before; return False where such items cannot."""
        return False

    def hold(self) -> None:
        """Let no more than the capacity wait, and what waits already: a sink may hang."""
        if self._room > self._capacity:  # where the last one took nothing there is no more room
            self._room = max(self._capacity, len(self.items) + self._capacity // 2)
            self._ceiling = max(self._most, self._weight + self._most // 2)

    def settle(self, count: int, taken: bool, everywhere: bool, told: int) -> None:
        """Take up how the delivery of a request ended.

        Args:
            count: of its items.
            taken: whether any sink has it.
            everywhere: whether all have.
            told: how many lost items it tells of.
        """
        ahead = _AHEAD if everywhere else 1
        self._room, self._ceiling = self._capacity * ahead, self._most * ahead
        if taken:
            self.delivered = True
            self._told += told
            self._yields = _YIELDS
        else:
            self._yields = 0
            self.undelivered += count
