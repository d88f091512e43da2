"""Where the traced side is put together: tracer, propagation, worker, sinks, and the process's forks and end.

Loaded with the first library that is patched, not before.
"""

from __future__ import annotations

import os

from autotrace import faults, notes, propagation
from autotrace.conventions import http
from autotrace.export import otlp, resource
from autotrace.families.messaging import pull_settings
from autotrace.patching import Instrumentor, Patch
from autotrace.patching.apply import apply
from autotrace.patching.catalog import KILLED
from autotrace.pipeline.lifetime import Lifetime
from autotrace.pipeline.spans import SpanQueue
from autotrace.pipeline.worker import Worker
from autotrace.signals import TRACES
from autotrace.trace.sampling import Sampler
from autotrace.trace.span import INTERNAL, UNSET, Operation, Trace
from autotrace.trace.tracer import clock, tracer
from autotrace.trace.unrecorded import unrecorded

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from autotrace.config.settings import Settings
    from autotrace.export import Encoder
    from autotrace.pipeline.queue import Queue
    from autotrace.trace.span import Span


def wire(settings: Settings, undo: list[Callable[[], object]]) -> Lifetime | None:
    """Put tracer, propagation, worker and sinks together.

    Args:
        settings: as they hold.
        undo: takes up how each step that is seen from elsewhere is taken back.

    Returns:
        the process's lifetime; None where nothing is delivered.
    """
    faults.limit = settings.fault_limit
    delivered = any(name != "none" for name in settings.exporters)
    # Whoever got the context of a span that never comes would have a trace without a beginning.
    propagation.configure(settings.propagators if delivered else ())
    http.configure(settings.known_methods, settings.redacted_query_keys, settings.excluded_urls)
    pull_settings.configure(settings.batch_parent, settings.receive_spans, settings.link_count)
    if settings.sql_comments and delivered:
        from autotrace.families import db

        db.commenting = True
    tracer.sampler = _sampler(settings)
    remote = propagation.from_environment(os.environ) if settings.parent_from_environment else None
    if remote is not None:
        tracer.inherit(remote)
    lifetime = _live(settings, undo) if delivered else None
    tracer.active = True
    return lifetime


def _live(settings: Settings, undo: list[Callable[[], object]]) -> Lifetime:
    """Make a queue for each signal and the worker of all, and see that it is there as long as the process."""
    spans = _spans(settings)
    worker = _worker(settings, (spans,))
    lifetime = Lifetime(worker, settings.exit_timeout_ms / 1000, spans)
    patches = [Patch("os:_exit", lifetime.leaving)]
    # The other exec functions come through these.
    patches += [Patch(way, lifetime.replacing) for way in ("os:execv", "os:execve")]
    patches += [Patch(way, lifetime.forking, optional=True) for way in ("os:fork", "os:forkpty")]
    undo.append(apply(Instrumentor("process", *patches), late=True).undo)
    if os.name == "posix":
        from autotrace.pipeline.termination import Termination

        lifetime.termination = Termination(lifetime.end_at_once)
        undo.append(apply(Instrumentor("process", *lifetime.termination.patches()), late=True).undo)
        lifetime.termination.install()
    lifetime.survive_forks()
    tracer.submit, tracer.deliver = spans.submit, worker.flush
    return lifetime


def _sampler(settings: Settings) -> Sampler:
    kind = settings.sampler.replace("parentbased_", "")
    ratio = {"always_on": 1.0, "always_off": 0.0}.get(kind, settings.sample_ratio)
    return Sampler(ratio, kind != settings.sampler)


def _spans(settings: Settings) -> SpanQueue:
    def encoder() -> otlp.Encoder:
        return otlp.Encoder(_resource(settings), settings, clock.wall, scrub=http.scrub)

    encoding = Encoding(encoder)

    def encode(spans: Sequence[Span]) -> list[bytes]:
        clock.adjust()
        return encoding(spans)

    return SpanQueue(TRACES, encode, settings.max_queue_size, settings.max_export_batch_size, settings.max_queue_bytes)


def _worker(settings: Settings, queues: Sequence[Queue]) -> Worker:
    killed = any(os.environ.get(variable) == "true" for variable in KILLED)  # so that nothing may wait
    delay = 0.0 if killed else settings.schedule_delay_ms / 1000
    return Worker(queues, _exporters(settings), delay, _shade(), _spare(settings))


def _resource(settings: Settings) -> dict[str, Any]:
    """Return the attributes of this process, for all signals."""
    from autotrace import application

    return resource.resource_attributes(settings, application.named)


class Encoding:
    """The encoder of a signal in this process: made when its first items are there, and anew in a forked child.

    The resource (service name, process id) is only then what it will stay, and a child that was forked while the worker
    encoded would go on with what that has left half done.

    Args:
        make: returns an encoder that knows the resource.
    """

    def __init__(self, make: Callable[[], Encoder]) -> None:
        self._make = make
        self._process = 0
        self._encoder: Encoder | None = None

    def __call__(self, items: Sequence[Any]) -> list[bytes]:
        """Return OTLP requests that hold the items."""
        process = os.getpid()
        if self._encoder is None or process != self._process:
            self._process = process
            self._encoder = self._make()
        return self._encoder.encode(items)


def _shade() -> Span:
    """Return a span that is never recorded, for the worker's own thread: a delivery must not be traced."""
    operation = Operation("shade", INTERNAL, "autotrace", lambda *_: ("", {}, UNSET, ""))
    return unrecorded(operation, Trace(tracer.new_trace_id(), 0), "0" * 15 + "1")


def _spare(settings: Settings) -> object:
    """Return what keeps spans that a receiver has not taken; None where none is sent away, or all are kept anyway."""
    if "otlp" not in settings.exporters or "inbox" in settings.exporters:
        return None
    from autotrace.export.spare import Spare

    return Spare(settings, lambda count, reason: notes.undelivered(settings.data_dir, count, reason))


def _exporters(settings: Settings) -> list[object]:
    """Return the sinks that the settings name."""
    made: list[object] = []
    for name in settings.exporters:
        if name == "inbox":
            from autotrace.export.inbox.writer import Inbox

            made.append(Inbox(settings))
        elif name == "otlp":
            from autotrace.export.http import HttpExporter

            made.append(HttpExporter(settings))
        elif name == "console":
            from autotrace.export.console import Console

            made.append(Console())
    return made
