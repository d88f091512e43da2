"""Celery: a PRODUCER span for each task that is sent, to whatever broker."""

from __future__ import annotations

from autotrace.families.tasks import tasks
from autotrace.patching import Instrumentor, Patch, argument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from autotrace.patching import Args, Kwargs
    from autotrace.trace.span import Facts

_celery = tasks.Tasks("celery")


def _queue(app: Any, options: dict[str, Any]) -> Any:
    found = options.get("queue") or options.get("routing_key")
    if found is None and not app.conf.task_routes:
        found = app.conf.task_default_queue
    return getattr(found, "name", found)


def _sent(args: Args, kwargs: Kwargs) -> tuple[Facts, tasks.Carrier]:
    # The arguments of send_task, in order: name, args, kwargs, countdown, eta, task_id.
    app, name = args[0], argument(args, kwargs, 1, "name")
    eta = argument(args, kwargs, 5, "eta") or argument(args, kwargs, 4, "countdown")
    facts = tasks.sent(name, _queue(app, kwargs), argument(args, kwargs, 6, "task_id"), kwargs.get("group_id"), eta)

    def put(headers: dict[str, Any]) -> None:
        kwargs["headers"] = headers

    return facts, tasks.Carrier(kwargs.get("headers"), put)


def _task_id(result: Any) -> Any:
    return result.id


INSTRUMENTOR = Instrumentor("celery", Patch("celery.app.base:Celery.send_task", _celery.send(_sent, _task_id)))
