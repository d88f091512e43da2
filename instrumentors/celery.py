"""Celery: a PRODUCER span for each task that is sent, a CONSUMER span while one runs, from whatever pool and broker.

A task that asks to be tried again has not failed: its state says so, and the next try is beneath it.
"""

from __future__ import annotations

from autotrace.patching import Instrumentor, Patch, argument
from autotrace.protocols import tasks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from autotrace.patching import Args, Kwargs
    from autotrace.protocols.handling import Look
    from autotrace.trace.span import Facts

_VERSIONS = ">=5.2,<6"
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


def _eager(args: Args, kwargs: Kwargs) -> bool:
    # The arguments of build_tracer, in order: name, task, loader, hostname, store_errors, Info, eager.
    return bool(argument(args, kwargs, 6, "eager"))


INSTRUMENTOR = Instrumentor(
    library="celery",
    versions=_VERSIONS,
    patches=(Patch("celery.app.base:Celery.send_task", _celery.send(_sent, _task_id)),),
)

WORKER = Instrumentor(
    library="celery_worker",
    distribution="celery",
    versions=_VERSIONS,
    patches=(Patch("celery.app.trace:build_tracer", _celery.runners(_prepare, _ended, _eager)),),
)
