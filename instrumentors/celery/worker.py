"""Celery's worker: a CONSUMER span while a task runs, in whatever pool.

A task that asks to be tried again has not failed: its state says so, and the next try is beneath it.  One that is ended by
its time limit, or revoked while it runs, has failed, unless its process is killed by SIGKILL: then nobody tells of it.
"""

from __future__ import annotations

from autotrace.families.tasks import task_endings, tasks
from autotrace.patching import Instrumentor, Patch, argument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from autotrace.families.messaging.handling import Look
    from autotrace.patching import Args, Kwargs
    from autotrace.trace.span import Facts

_LATE, _REVOKED = 1, 2
_celery = tasks.Tasks("celery")


def _prepare(args: Args, kwargs: Kwargs) -> Look:
    name = argument(args, kwargs, 0, "name")

    def look(called: Args, more: Kwargs) -> tuple[Facts, Any]:
        # The arguments of what build_tracer makes, in order: uuid, args, kwargs, request.
        request = argument(called, more, 3, "request") or {}
        delivery = request.get("delivery_info") or {}
        facts = tasks.ran(
            name,
            delivery.get("routing_key"),
            called[0],
            request.get("root_id"),
            request.get("group"),
            request.get("retries"),
            delivery.get("redelivered"),
        )
        return facts, None if request.get("is_eager") else request

    return look


def _ended(result: Any) -> tuple[Facts | None, BaseException | None]:
    told = result[1]
    if told is None:
        return ("SUCCESS", ""), None
    error = told.retval
    if told.state == tasks.RETRY:
        return (told.state, type(error.exc).__name__ if error.exc is not None else ""), None
    return (told.state, ""), error if told.state == "FAILURE" and isinstance(error, BaseException) else None


def _verdict(why: int, limit: float) -> tuple[str, BaseException]:
    from billiard.exceptions import TimeLimitExceeded  # type: ignore[import-untyped]
    from celery.exceptions import TaskRevokedError  # type: ignore[import-untyped]

    return ("FAILURE", TimeLimitExceeded(limit)) if why == _LATE else ("REVOKED", TaskRevokedError("terminated"))


def _passed(error: BaseException) -> tuple[Facts, BaseException] | None:
    if isinstance(error, SystemExit):  # a signal's handler ends a process so
        return _endings.of_this_process()
    # What pools of greenlets throw into a task.
    kind, module = type(error).__name__, type(error).__module__.partition(".")[0]
    if kind == "Timeout" and module in ("gevent", "eventlet"):
        return ("FAILURE", ""), error
    return (("REVOKED", ""), error) if kind == "GreenletExit" else None


def _limit(args: Args, kwargs: Kwargs) -> tuple[int, int, float] | None:
    job = argument(args, kwargs, 1, "job")
    return None if job.ready() else (job._worker_pid, _LATE, job._timeout)  # noqa: SLF001


def _terminated(args: Args, kwargs: Kwargs) -> tuple[int, int, float]:
    return argument(args, kwargs, 1, "pid"), _REVOKED, 0.0


def _eager(args: Args, kwargs: Kwargs) -> bool:
    # The arguments of build_tracer, in order: name, task, loader, hostname, store_errors, Info, eager.
    return bool(argument(args, kwargs, 6, "eager"))


_endings = task_endings.Endings(_verdict)

WORKER = Instrumentor(
    "celery_worker",
    Patch("celery.app.trace:build_tracer", _celery.runners(_prepare, _ended, _eager, _passed, _endings.so_far)),
)

POOL = Instrumentor(
    "celery_pool",
    Patch("billiard.pool:TimeoutHandler.on_hard_timeout", _endings.announced(_limit)),
    Patch("billiard.pool:Pool.terminate_job", _endings.announced(_terminated)),
)
