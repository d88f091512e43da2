"""Pulling messages: the calls that wait for them.  What was handled until then ends, what they bring is taken up.

Consumers that are awaited may serve several tasks: each task has a message of its own.  What a task was at that has ended
meanwhile ends with the consumer's next pull.

Before Python 3.12 ``asyncio.wait_for`` pulls in a task of its own, which has a context of its own; whoever waited takes over
what that brought.  Not handled: tasks of the program's own that pull for another one.
"""

from __future__ import annotations

import sys
from weakref import ref

from autotrace.families.execution.places import live
from autotrace.families.messaging import consuming
from autotrace.faults import fault
from autotrace.patching import Patch
from autotrace.patching.wrapping import after, around, before
from autotrace.trace.context import get_current, set_current
from autotrace.trace.failure import hiding_frame
from autotrace.trace.tasks import current_task

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from autotrace.families.messaging.consuming import Handling
    from autotrace.patching import Args, Call, Kwargs, Wrap

    # the consumer's, what came, the consumer; returns what the program gets
    HandOut = Callable[[Handling, Any, Any], Any]
    # the consumer's, the exception, the consumer
    Failed = Callable[[Handling, Exception, Any], None]


class _Worker:
    """A task that pulls from a consumer; kept for as long as both live, or until its message has been handled."""

    __slots__ = ("__weakref__", "heir", "task")

    def __init__(self, task: Any) -> None:
        self.task = ref(task) if task is not None else _nobody
        self.heir: Callable[[], Any] = _nobody  # the task that has taken over what this one brought


_workers: dict[int, tuple[ref[Any], list[_Worker]]] = {}


def pulling(hand_out: HandOut, failed: Failed, awaited: bool) -> Wrap:
    """Trace a function that pulls.

    Args:
        hand_out: see HandOut.
        failed: see Failed.
        awaited: it is a coroutine function; what it brings is current in the task that awaits it.
    """
    return _awaited(hand_out, failed) if awaited else _called(hand_out, failed)


def _called(hand_out: HandOut, failed: Failed) -> Wrap:
    """Trace a function that pulls.  PERF: spelled out, which costs a message less than ``around``."""

    def wrap(original: Call, scope: str) -> Call:
        def traced(*args: Any, **kwargs: Any) -> Any:
            handling = consuming.enter(args[0], scope) if args else None
            with hiding_frame:
                try:
                    result = original(*args, **kwargs)
                except Exception as error:
                    if handling is not None:
                        _raised(handling, error, args[0], failed, scope)
                    raise
                finally:
                    if handling is not None:
                        handling.puller = 0
            if handling is None:
                return result
            try:
                return hand_out(handling, result, args[0])
            except Exception:  # what was current before has been ended
                fault(scope)
                return result

        return traced

    return wrap


def _awaited(hand_out: HandOut, failed: Failed) -> Wrap:
    """Trace a coroutine function that pulls."""

    def wrap(original: Call, scope: str) -> Call:
        def enter(args: Args, _kwargs: Kwargs) -> tuple[tuple[Handling, Any] | None, Args]:
            handling = _enter(args[0], scope) if args else None
            return (None if handling is None else (handling, args[0])), args

        def leave(pull: tuple[Handling, Any], result: Any) -> Any:
            handling, consumer = pull
            handling.puller = 0
            try:
                return hand_out(handling, result, consumer)
            except Exception:  # what was current before has been ended
                fault(scope)
                return result

        def raised(pull: tuple[Handling, Any], error: BaseException) -> None:
            handling, consumer = pull
            _raised(handling, error, consumer, failed, scope)

        return around(enter, leave, raised, awaited=True)(original, scope)

    return wrap


def _raised(handling: Handling, error: BaseException, consumer: Any, failed: Failed, scope: str) -> None:
    """End a pull with what it raised; what is no Exception ended it from outside.  Never raises."""
    try:
        handling.puller = 0
        if isinstance(error, Exception):
            failed(handling, error, consumer)
    except Exception:
        fault(scope)


def waiting() -> Wrap:
    """Wrap a coroutine function that has something awaited in a task of its own: who waits takes over what that pulled."""

    def leave(_args: Args, result: Any) -> Any:
        _take_over(result)
        return result

    return around(None, leave, lambda _args, _error: _take_over(None), awaited=True)


# Of a library that is awaited; from Python 3.12 on it awaits in the task that waits.
_places = ("asyncio.tasks:wait_for", "asyncio:wait_for") if sys.version_info < (3, 12) else ()
_wrap = waiting()
WAITING = tuple(Patch(place, _wrap) for place in _places)


def _take_over(result: Any) -> None:
    """Make the message current here that was pulled in a task which has ended, in the place of the one before."""
    current = get_current()
    if current is not None and current.end:
        set_current(live(current))
    if result is None:
        return
    owner, handling = consuming.holding(result)
    if handling is not None:
        handling.take_over(result)
        if isinstance(owner, _Worker):
            owner.heir = ref(current_task())


def releasing(awaited: bool) -> Wrap:
    """Wrap a function after which a consumer that is awaited handles nothing.

    Args:
        awaited: it is a coroutine function.
    """
    return before(lambda args, _kwargs: release(args[0]) if args else None, awaited)


def failing() -> Wrap:
    """Wrap a function whose exception is the failure of the message that its receiver has just taken up."""

    def wrap(original: Call, _scope: str) -> Call:
        def traced(*args: Any, **kwargs: Any) -> Any:
            with hiding_frame:
                try:
                    return original(*args, **kwargs)
                except Exception:
                    if args:
                        consuming.release(args[0])
                    raise

        return traced

    return wrap


def letting_go() -> Wrap:
    """Wrap a consumer's function after which it handles nothing."""
    return before(_let_go)


def async_letting_go() -> Wrap:
    """Wrap a consumer's coroutine function after which it handles nothing."""
    return before(_let_go, awaited=True)


def _let_go(args: Args, _kwargs: Kwargs) -> None:
    if args:
        consuming.release(args[0])


def standing_on(inner: Callable[[Any], Any]) -> Wrap:
    """Wrap what makes a consumer that stands on another one, whose pulls in other threads then are the outer one's.

    Args:
        inner: returns the other consumer.
    """

    def look(args: Args, _kwargs: Kwargs, result: Any) -> Any:
        consuming.leave(inner(args[0]))
        return result

    return after(look)


def _enter(consumer: Any, scope: str) -> Handling | None:
    """Begin a pull of the current task's; never raises."""
    try:
        worker = _worker(consumer)
    except Exception:
        fault(scope)
        return None
    return consuming.enter(worker, scope)


def _worker(consumer: Any) -> _Worker:
    task = current_task()
    key = id(consumer)
    found = _workers.get(key)
    if found is None:

        def gone(_reference: Any) -> None:
            _workers.pop(key, None)

        found = _workers[key] = ref(consumer, gone), []
    workers = found[1]
    mine = None
    for worker in tuple(workers):
        its = worker.task()
        if its is task:
            mine = worker
        elif (its is None or its.done()) and not _goes_on(worker):
            workers.remove(worker)  # ends what it was at
    if mine is None:
        mine = _Worker(task)
        workers.append(mine)
    return mine


def _goes_on(worker: _Worker) -> bool:
    """Tell whether another task handles what a task brought that has ended; not where it is that one that pulls again."""
    heir, found = worker.heir(), consuming.pulled_by(worker)
    if heir is None or heir.done() or found is None or found.span is None:
        return False
    return found.span is not get_current()


def pulled_by(consumer: Any) -> Handling | None:
    """Return what the current task is at by its pulls from a consumer, or the only one that has pulled; else None."""
    found = _workers.get(id(consumer))
    workers = found[1] if found is not None else []
    task = current_task()
    for worker in workers:
        if worker.task() is task or len(workers) == 1:
            return consuming.pulled_by(worker)
    return None


def release(consumer: Any) -> None:
    """End what all tasks of a consumer are at; the exception in flight counts for the current one."""
    found = _workers.pop(id(consumer), None)
    if found is not None:
        task = current_task()
        for worker in found[1]:
            if worker.task() is task or len(found[1]) == 1:
                consuming.release(worker)
        found[1].clear()


def _nobody() -> None:
    """Stand in for the reference to a task where there is none."""
