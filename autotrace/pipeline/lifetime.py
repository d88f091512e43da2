"""When a process forks and when it ends: nothing that was finished is lost, and the end waits only so long.

Covers the interpreter's ordinary end (also after an uncaught exception and ``sys.exit``), the signals that end a process
which does not handle them (``termination``), forks, and the two ways in which Python code leaves at once:
``os._exit``, by which the children of ``multiprocessing`` end, and ``os.exec*``.  Not covered: a process that is killed
by SIGKILL or by a crash.
"""

from __future__ import annotations

import sys
from _thread import allocate_lock, get_ident

from autotrace.trace import forks, ids
from autotrace.trace.context import get_current
from autotrace.trace.failure import hiding_frame
from autotrace.trace.span import Span, Watched
from autotrace.trace.tracer import tracer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from autotrace.pipeline.spans import SpanQueue
    from autotrace.pipeline.termination import Termination
    from autotrace.pipeline.worker import Worker

_ATTEMPTS = 3
_LOOKS, _LOOK = 50, 0.001  # s, for a thread that has ended a span to hand it over
UNFINISHED = "autotrace.unfinished"  # the attribute of a span that was open when its process ended


class Lifetime:
    """The end of one process, and its forks.

    Args:
        worker: the process's worker.
        timeout: the most that an end may wait for a sink that takes nothing, in seconds.
        spans: what waits of traces.
    """

    def __init__(self, worker: Worker, timeout: float, spans: SpanQueue) -> None:
        self._worker = worker
        self._spans = spans
        self._timeout = timeout
        self._began = 0  # spans that were started before are the parent's
        self.termination: Termination | None = None

    @property
    def delivered(self) -> bool:
        """Whether this process has delivered a span."""
        return self._spans.delivered

    def end(self) -> None:
        """Deliver everything, open spans included, for the last time.

        A signal's handler may raise into it, as those of servers do that ask a worker twice to end; it goes on then.
        """
        for _ in range(_ATTEMPTS):
            try:
                if ids.used():
                    spans = _left_over()
                    self._end_open(spans)
                    self._hand_over(spans)
                self._worker.close(self._timeout)
                _interrupt_again()
                return
            except BaseException:  # noqa: S112 - without us it would have come up after the end
                continue

    def end_at_once(self) -> None:
        """Deliver everything before a signal ends the process; other threads get no further than their next span."""
        tracer.clock = self._only_here(tracer.clock)
        tracer.submit = _once(tracer.submit)
        self.end()

    def survive_forks(self) -> None:
        """Begin anew in each forked child.

        The child has new ids, an empty buffer and a worker of its own.  The spans that were open around the fork are the
        parent's to deliver; in the child they go on being parents, and when they end there nobody is told.
        """
        forks.in_child(self._begin_anew)

    def leaving(self, original: Any, _scope: str) -> Any:
        """Wrap ``os._exit``: what is there is delivered, also what is open around the call."""

        def last(*args: Any, **kwargs: Any) -> Any:
            self._end_open(_around())
            self._worker.hasten(self._timeout)
            self._worker.flush(self._timeout)
            return original(*args, **kwargs)

        return last

    def replacing(self, original: Any, _scope: str) -> Any:
        """Wrap a function that replaces the process, or fails: what is finished is delivered before."""

        def last(*args: Any, **kwargs: Any) -> Any:
            self._worker.flush(self._timeout)
            return original(*args, **kwargs)

        return last

    def forking(self, original: Any, _scope: str) -> Any:
        """Wrap ``os.fork``: none of our threads is there while it copies the process.

        A thread that is not there holds no lock that the child would wait for for ever, and an interpreter with one thread
        forks without the warning that Python has from 3.12 on.
        """

        def fork(*args: Any, **kwargs: Any) -> Any:
            termination = self.termination
            self._worker.park()
            mask = termination.park() if termination is not None else None
            try:
                with hiding_frame:
                    return original(*args, **kwargs)
            finally:  # in the parent and in the child
                self._worker.resume()
                if termination is not None:
                    termination.resume(mask)

        return fork

    def _begin_anew(self) -> None:
        ids.reseed()
        self._worker.forget()
        moment = self._began = tracer.clock()
        for span in _around():
            span.end = span.end or moment
        if self.termination is not None:
            self.termination.forked()

    def _end_open(self, spans: Iterable[Any]) -> None:
        """End what is open, and say that it was."""
        moment = tracer.clock()
        for span in spans:
            try:
                if not span.end and _is_wanted(span) and span.start >= self._began:
                    span.end = moment
                    span.failure = None
                    span.outcome = span.operation.so_far(span)
                    span.more().attributes[UNFINISHED] = True
                    tracer.submit(span)
            except AttributeError:  # it is being made this moment
                continue

    def _hand_over(self, spans: Iterable[Any]) -> None:
        """Hand over what has ended and was not handed over: by the other thread that is about to, or in its place.

        The thread that does this may be the one that was about to: it stands in a signal's handler then.
        """
        late = list(filter(self._is_late, spans))
        pause = allocate_lock()
        pause.acquire()
        for _ in range(_LOOKS):
            if not late:
                return
            pause.acquire(timeout=_LOOK)
            late = list(filter(self._is_late, late))
        for span in late:
            tracer.submit(span)

    def _is_late(self, span: Any) -> bool:
        try:
            return bool(span.end and _is_wanted(span) and span.start >= self._began and not hasattr(span, "handed"))
        except AttributeError:  # it is being made this moment
            return False

    def _only_here(self, clock: Callable[[], int]) -> Callable[[], int]:
        here = get_ident()
        never = allocate_lock()
        never.acquire()

        def moment() -> int:
            if get_ident() not in (here, self._worker.thread):
                never.acquire()
            return clock()

        return moment


def _is_wanted(span: Any) -> bool:
    return bool(span.trace.sampled or span.operation.listeners)


def _once(submit: Callable[[Span], object]) -> Callable[[Span], object]:
    """Return what hands over a span unless that was done already: a thread that was passed over may still come to it."""

    def submit_once(span: Span) -> None:
        if not hasattr(span, "handed"):
            submit(span)

    return submit_once


def _interrupt_again() -> None:
    """Let a program that ended by an unhandled KeyboardInterrupt still die of SIGINT.

    The interpreter notes that in a flag, and any ``eval`` of a text clears it: importing ``collections.namedtuple``'s users
    does so, which a delivery may be the first to do.  An ``eval`` that is interrupted sets it.
    """
    if getattr(sys, "last_type", None) is KeyboardInterrupt:
        try:
            eval("(_ for _ in ()).throw(KeyboardInterrupt)")  # noqa: S307 - a constant
        except KeyboardInterrupt:
            return


def _around() -> Iterable[Span]:
    """Give the spans that are open around this moment, innermost first."""
    span = get_current()
    while span is not None:
        yield span
        span = span.previous


def _left_over() -> list[Any]:
    """Return every span of this process that was not handed over; only the garbage collector knows them all.

    PERF: objects refer to their class, and looking for those who do so is done in C.
    """
    import gc

    found = []
    for one in gc.get_referrers(Span, Watched):
        kind = type(one)
        if kind is Span or kind is Watched:
            try:
                if one.handed:
                    continue
            except AttributeError:
                found.append(one)
    return found
