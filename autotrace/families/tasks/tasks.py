"""Queues of tasks: a PRODUCER span where the program sends one, a CONSUMER span while a worker runs it.

A task is named by what it does, not by its queue; else these are messages.  A task that is run where it was called, with no
queue between, has an INTERNAL span only.  What runs in a worker is beneath the sending, also when it is tried again; what it
sends itself (the next of a chain, another try) is beneath the running.

Semantic conventions 1.44, messaging spans (in development); ``autotrace.task.*`` is what they have no name for.
"""

from __future__ import annotations

from autotrace import propagation
from autotrace.conventions.tasks import TaskMeaning
from autotrace.families import suppression
from autotrace.families.calls import Calls
from autotrace.families.messaging import consuming, handling, producing
from autotrace.patching.wrapping import after
from autotrace.trace.context import get_current
from autotrace.trace.span import CONSUMER, INTERNAL, PRODUCER, Operation

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Optional

    from autotrace.families.messaging.handling import Ended, Look, Passed
    from autotrace.patching import Args, Call, Kwargs, Wrap
    from autotrace.trace.span import Facts, Span

    # the facts of `sent`, and where the context goes to, if anywhere now; None: this call is not traced
    Prepare = Callable[[Args, Kwargs], Look]
    Task = Callable[[Args, Kwargs], Optional[tuple[Facts, Optional["Carrier"]]]]

RETRY = "RETRY"


class Carrier:
    """Where the context of a task that is sent goes to.

    Args:
        headers: what the task travels with, or None.
        put: takes fresh headers.
    """

    __slots__ = ("headers", "put")

    def __init__(self, headers: dict[str, Any] | None, put: Callable[[dict[str, Any]], object]) -> None:
        self.headers = headers
        self.put = put


class Tasks(TaskMeaning):
    """The family, for one system of tasks.

    Args:
        system: its own name (``messaging.system``).
    """

    def __init__(self, system: str) -> None:
        super().__init__(system)
        self._sending = Calls(producing.SEND, PRODUCER, self.describe_send, _put)

    def send(self, task: Task, task_id: Callable[[Any], Any]) -> Wrap:
        """Trace a function that sends a task.

        Args:
            task: looks at the arguments.
            task_id: looks at what the function returned.
        """

        def before(args: Args, kwargs: Kwargs) -> tuple[Facts, Carrier | None, Args] | None:
            found = None if suppression.is_suppressed() else task(args, kwargs)
            return (*found, args) if found is not None else None

        def after(result: Any) -> Facts | None:
            found = task_id(result)
            return (found,) if type(found) is str else None

        return self._sending.call(before, after)

    def store(self, task: Task, task_id: Callable[[Any], Any]) -> Wrap:
        """Trace a function that sends tasks by commands to a database, which have no spans; else as ``send``."""
        send, hushed = self.send(task, task_id), suppression.suppressed()

        def wrap(original: Call, scope: str) -> Call:
            return send(hushed(original, scope), scope)

        return wrap

    def run(self, look: Look, ended: Ended | None = None) -> Wrap:
        """Trace a function that runs a task that came through a queue.

        Args:
            look: returns the facts of ``ran`` and the headers.
            ended: see ``handling.handled``; its outcome is the state that the task is in.
        """

        def wrap(original: Call, scope: str) -> Call:
            return handling.handled(original, self._operation(scope, CONSUMER), look, ended)

        return wrap

    def runners(
        self,
        prepare: Prepare,
        ended: Ended,
        at_once: Callable[[Args, Kwargs], bool],
        passed: Passed,
        so_far: Callable[[Span], Facts | None],
    ) -> Wrap:
        """Trace a function that makes functions that run tasks.

        Args:
            prepare: returns the ``look`` of ``run``, from the arguments of that function.
            ended: see ``run``.
            at_once: tells from the arguments that what is made runs tasks where they are called.
            passed: see ``handling.handled``.
            so_far: see Operation.
        """

        def wrap(original: Call, scope: str) -> Call:
            queued, direct = self._operation(scope, CONSUMER), self._operation(scope, INTERNAL)
            queued.so_far = so_far

            def make(args: Args, kwargs: Kwargs, made: Any) -> Any:
                look, operation = prepare(args, kwargs), direct if at_once(args, kwargs) else queued
                return handling.handled(made, operation, look, ended, passed)

            return after(make)(original, scope)

        return wrap

    def _operation(self, scope: str, kind: int) -> Operation:
        describe = self.describe_run if kind == CONSUMER else self.describe_call
        return Operation(consuming.PROCESS, kind, scope, describe)


def sent(name: Any, queue: Any, task_id: Any, group: Any = None, eta: Any = None, count: int = 1) -> Facts:
    """Return the facts of a task that is sent.

    Args:
        name: the task's; None where several are sent at once.
        queue: where it is sent to.
        task_id: the id, where it is known.
        group: the id of the group that it belongs to.
        eta: the moment before which it shall not run.
        count: how many are sent at once.
    """
    return _text(name), _text(queue), _text(task_id), _text(group), _text(eta), count


def context() -> dict[str, str] | None:
    """Return the context that belongs to what is sent here, or None where nothing is being sent."""
    span = suppression.recorded(get_current())
    if span is None or span.operation.family is not producing.SEND:
        return None
    return dict(propagation.outgoing(span))


def ran(
    name: Any,
    queue: Any,
    task_id: Any,
    root: Any = None,
    group: Any = None,
    retries: Any = 0,
    again: Any = False,
    wait: int | None = None,
) -> Facts:
    """Return the facts of a task that runs.

    Args:
        name: the task's.
        queue: where it came from.
        task_id: the id.
        root: the id of the task that began all.
        group: the id of the group that it belongs to.
        retries: how often it was tried before.
        again: whether a worker has been given it before.
        wait: milliseconds in the queue, or None.
    """
    tried = retries if type(retries) is int else 0
    return _text(name), _text(queue), _text(task_id), _text(root), _text(group), tried, bool(again), wait


def found_in(fields: Any) -> dict[str, Any]:
    """Return the context that was stored of a task, out of all that was; names may be bytes."""
    found = {name: fields.get(name) or fields.get(name.encode()) for name in propagation.fields()}
    return {name: value for name, value in found.items() if value}


def adjusted(change: Callable[[Any, Args, Kwargs], Any]) -> Wrap:
    """Wrap a function of a library's own whose result is changed: what is stored of a task has the context.

    Args:
        change: takes the result and the arguments, and returns the result that takes its place.
    """
    return after(lambda args, kwargs, result: change(result, args, kwargs))


def _put(carrier: Carrier | None, span: Span) -> None:
    if carrier is None:
        return
    headers = producing.put_into(carrier.headers, span)
    if headers is not None:
        carrier.put(headers)


def _text(given: Any) -> str:
    return given if type(given) is str else "" if given is None else str(given)
