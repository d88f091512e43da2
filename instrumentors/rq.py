"""RQ: a PRODUCER span for each job that is enqueued, a CONSUMER span while its function runs.

The context travels in fields of the job's hash, which RQ itself does not read; ``meta`` stays the program's.  What RQ says
to Redis has no spans, neither in the worker nor where jobs are enqueued.  Nor have callbacks and exception handlers.
"""

from __future__ import annotations

import os
import sys
from datetime import datetime, timezone

from rq import Retry

from autotrace.families import beside, suppression
from autotrace.families.tasks import tasks
from autotrace.patching import Instrumentor, Patch, argument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from autotrace.patching import Args, Kwargs
    from autotrace.trace.span import Facts

_rq = tasks.Tasks("rq")
_contexts = beside.Beside()


def _name(function: Any) -> Any:
    name = getattr(function, "__qualname__", None)
    return function if name is None else f"{function.__module__}.{name}"


def _call(args: Args, kwargs: Kwargs) -> tuple[Facts, None]:
    # The arguments of enqueue_call begin with the function.
    return tasks.sent(_name(argument(args, kwargs, 1, "func")), args[0].name, kwargs.get("job_id")), None


def _job(args: Args, kwargs: Kwargs) -> tuple[Facts, None]:
    # The arguments of enqueue_job and schedule_job begin with the job; of the latter the moment is next.
    job = argument(args, kwargs, 1, "job")
    eta = argument(args, kwargs, 2, "datetime")
    return tasks.sent(job.func_name, args[0].name, job.id, None, eta if isinstance(eta, datetime) else None), None


def _many(args: Args, kwargs: Kwargs) -> tuple[Facts, None]:
    jobs = argument(args, kwargs, 1, "job_datas")
    return tasks.sent(None, args[0].name, None, count=len(jobs) if isinstance(jobs, (list, tuple)) else 1), None


def _id(job: Any) -> Any:
    return getattr(job, "id", None)


def _saved(fields: dict[str, Any], _args: Args, _kwargs: Kwargs) -> dict[str, Any]:
    return {**fields, **(tasks.context() or {})}


def _restored(result: Any, args: Args, kwargs: Kwargs) -> Any:
    _contexts.keep(args[0], tasks.found_in(argument(args, kwargs, 1, "raw_data")))
    return result


def _look(args: Args, _kwargs: Kwargs) -> tuple[Facts, Any]:
    job = args[0]
    enqueued, wait = job.enqueued_at, None
    if isinstance(enqueued, datetime):
        if enqueued.tzinfo is None:
            enqueued = enqueued.replace(tzinfo=timezone.utc)
        wait = max(0, int((datetime.now(timezone.utc) - enqueued).total_seconds() * 1000))
    tried = getattr(job, "number_of_retries", None)
    group = getattr(job, "group_id", None)
    return tasks.ran(job.func_name, job.origin, job.id, None, group, tried, wait=wait), _contexts.of(job)


def _ended(result: Any) -> tuple[Facts | None, BaseException | None]:
    return (tasks.RETRY if isinstance(result, Retry) else "SUCCESS", ""), None


def _spawned(args: Args, kwargs: Kwargs) -> bool:
    # A process that was started for one job begins with looking for the worker that started it; for the others see below.
    name = os.environ.get("RQ_WORKER_ID")
    return bool(name) and sys.argv[:1] == ["-c"] and str(argument(args, kwargs, 1, "worker_key")).endswith(f":{name}")


_own = suppression.suppressed()

INSTRUMENTOR = Instrumentor(
    "rq",
    Patch("rq.queue:Queue.enqueue_call", _rq.store(_call, _id)),
    Patch("rq.queue:Queue.enqueue_job", _rq.store(_job, _id)),
    Patch("rq.queue:Queue.enqueue_many", _rq.store(_many, _id)),
    Patch("rq.queue:Queue.schedule_job", _rq.store(_job, _id)),
    Patch("rq.job:Job.to_dict", tasks.adjusted(_saved)),
    Patch("rq.job:Job.restore", tasks.adjusted(_restored)),
    Patch("rq.job:Job._execute", _rq.run(_look, _ended)),
    Patch("rq.suspension:is_suspended", _own, optional=True),
    Patch("rq.worker:Worker.all", _own),
    Patch("rq.worker:Worker.find_by_key", suppression.onwards(_spawned)),
    Patch("rq.worker:Worker.__init__", _own),
    Patch("rq.worker:SimpleWorker.__init__", _own),  # no Worker, from 2.5 on
    Patch("rq.worker:Worker.work", _own),
    Patch("rq.worker:Worker.main_work_horse", _own),
    Patch("rq.worker:SimpleWorker.work", _own),
    Patch("rq.scheduler:RQScheduler.work", _own, optional=True),
)
