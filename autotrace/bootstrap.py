"""The one place where everything on the traced side is wired together.

``start`` reads the settings and installs the import hook; nothing else happens until the program imports a library that
somebody knows.  Only then are tracer, worker and sinks put together.
"""

from __future__ import annotations

import atexit
import os
import sys
from _thread import get_ident
from time import sleep

from autotrace import diagnostics, notes
from autotrace import settings as settings_

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from autotrace.export.otlp import Encoder
    from autotrace.patching.apply import Applied
    from autotrace.patching.hook import ImportHook
    from autotrace.patching.registry import Known
    from autotrace.pipeline.lifetime import Lifetime
    from autotrace.pipeline.worker import Worker
    from autotrace.settings import Settings
    from autotrace.trace.sampling import Sampler
    from autotrace.trace.span import Span

_IMPORTING = 5000  # ms
_agent: Agent | None = None


def start() -> None:
    """Switch the agent on in this process, once; does nothing where it is switched off."""
    global _agent
    if _agent is not None:
        return
    settings = settings_.load()
    diagnostics.verbose = settings.verbose
    for warning in settings.warnings:
        diagnostics.warn(warning)
    if settings.enabled:
        _agent = Agent(settings)
        _agent.watch()


class Agent:
    """What one process needs to be traced.

    Attributes:
        settings: as they were read at the start.
        skipped: why instrumentors were not applied, by name.
        applied: the names of those that were.
        hindrance: why nothing at all can be traced in this Python, or an empty string.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.skipped: dict[str, str] = {}
        self.applied: list[str] = []
        self.hindrance = ""
        # Whether it leaves a note that it ran: not where nothing is kept, and not where the doctor only asks.
        self._noted = settings.exporters != ("none",) and notes.ASKED not in os.environ
        self._wired = False
        self._hook: ImportHook | None = None
        self._lifetime: Lifetime | None = None
        self._waiting: dict[int, list[Known]] = {}  # by thread

    def watch(self) -> None:
        """Wait for the libraries that are switched on, and for the public functions."""
        from autotrace.patching.hook import ImportHook
        from autotrace.patching.registry import BUILT_IN, selected, unknown
        from autotrace.patching.third_party import third_party

        settings = self.settings
        every = (*BUILT_IN, *third_party(settings.data_dir))
        on, off = settings.instrumentors, settings.instrumentors_off
        chosen = selected(every, on, off)
        for word in unknown((*on, *off), every)[0] if off or on != ("all",) else ():
            diagnostics.warn(f"{word!r} is no instrumentor, library or family; it is passed over")
        waiting: dict[str, Callable[[], None]] = {"autotrace.api": self.wire}
        for known in chosen:
            waiting[known.trigger] = self._served(known, waiting.get(known.trigger))
        self._hook = ImportHook(waiting)
        if not self._hook.install():
            self.hindrance = f"the import system of Python {sys.version.split()[0]} is not known to it"
            diagnostics.debug(f"nothing is traced: {self.hindrance}")
            return
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(before=_wait_for_imports)
        atexit.register(self.end)  # the first to be registered is the last to run
        if self._noted:
            notes.began(settings.data_dir, settings.exporters, on, off)

    def end(self) -> None:
        """Deliver what is finished, when the process ends."""
        if self._lifetime is not None:
            self._lifetime.end()
        if self._noted and (self._lifetime is None or not self._lifetime.delivered):
            from autotrace.patching.wellknown import imported

            notes.ended(self.settings.data_dir, imported(), self.skipped)

    def _served(self, known: Known, before: Callable[[], None] | None) -> Callable[[], None]:
        def serve() -> None:
            if before is not None:
                before()
            self._in_turn(known)

        return serve

    def _in_turn(self, known: Known) -> None:
        """Apply an instrumentor; one whose library we ourselves import while applying another has to wait for that."""
        thread = get_ident()
        waiting = self._waiting.get(thread)
        if waiting is not None:
            waiting.append(known)
            return
        waiting = self._waiting[thread] = [known]
        try:
            while waiting:
                self.instrument(waiting.pop(0))
        finally:
            del self._waiting[thread]

    def instrument(self, known: Known) -> None:
        """Apply one instrumentor, now that its library has been imported; what hinders is noted, never raised."""
        from autotrace.patching.apply import CannotPatchError, apply
        from autotrace.patching.wall import fault, when_off

        try:
            self.wire()
            __import__(known.module)
            instrumentor = getattr(sys.modules[known.module], known.attribute)
            reason = _unsupported(instrumentor.distribution, instrumentor.versions, known.trigger)
            if not reason:
                applied = apply(instrumentor, self._hook is not None and self._hook.late)
                self.applied.append(known.name)
                when_off(instrumentor.library, lambda: self._off(known.name, applied))
        except CannotPatchError as error:
            reason = str(error)
        except Exception as error:
            fault(known.name)
            reason = f"{type(error).__name__}: {error}"
        if reason:
            self.skipped[known.name] = reason
        diagnostics.debug(f"{known.name}: {f'not patched: {reason}' if reason else 'patched'}")

    def _off(self, name: str, applied: Applied) -> None:
        """Take an instrumentor back that failed again and again."""
        applied.undo(sparing=True)
        self.applied.remove(name)
        self.skipped[name] = "switched off: it failed again and again"

    def wire(self) -> None:
        """Put tracer, propagation, worker and sinks together, at the first library that is patched."""
        if self._wired:
            return
        self._wired = True
        undo: list[Callable[[], object]] = []
        try:
            self._wire(undo)
        except BaseException:
            self._wired = False
            while undo:
                undo.pop()()
            raise

    def _wire(self, undo: list[Callable[[], object]]) -> None:
        """Do it, and note how each step that is seen from elsewhere is taken back."""
        from autotrace import propagation
        from autotrace.patching import wall
        from autotrace.protocols import http, pull_settings
        from autotrace.trace.tracer import tracer

        settings = self.settings
        wall.limit = settings.fault_limit
        delivered = any(name != "none" for name in settings.exporters)
        # Whoever got the context of a span that never comes would have a trace without a beginning.
        propagation.configure(settings.propagators if delivered else ())
        http.configure(settings.known_methods, settings.redacted_query_keys, settings.excluded_urls)
        pull_settings.configure(settings.batch_parent, settings.receive_spans, settings.link_count)
        tracer.sampler = _sampler(settings)
        remote = propagation.from_environment(os.environ) if settings.parent_from_environment else None
        if remote is not None:
            tracer.inherit(remote)
        if delivered:
            self._live(undo)
        tracer.active = True

    def _live(self, undo: list[Callable[[], object]]) -> None:
        """Make the worker, and see that it is there as long as the process."""
        from autotrace.patching import Instrumentor, Patch
        from autotrace.patching.apply import apply
        from autotrace.pipeline.lifetime import Lifetime
        from autotrace.trace.tracer import tracer

        worker = _worker(self.settings)
        lifetime = Lifetime(worker, self.settings.exit_timeout_ms / 1000)
        patches = [Patch("os:_exit", lifetime.leaving)]
        # The other exec functions come through these.
        patches += [Patch(way, lifetime.replacing) for way in ("os:execv", "os:execve")]
        patches += [Patch(way, lifetime.forking, optional=True) for way in ("os:fork", "os:forkpty")]
        undo.append(apply(Instrumentor("process", "*", patches, ""), late=True).undo)
        if os.name == "posix":
            from autotrace.pipeline.termination import Termination

            lifetime.termination = Termination(lifetime.end_at_once)
            undo.append(apply(Instrumentor("process", "*", lifetime.termination.patches(), ""), late=True).undo)
            lifetime.termination.install()
        lifetime.survive_forks()
        tracer.submit, tracer.deliver = worker.submit, worker.flush
        self._lifetime = lifetime


def _wait_for_imports() -> None:
    """Before a fork, let other threads finish what they import of ours.

    The child would wait for the lock of such a module for ever.  The program's own imports are its own affair.
    """
    locks = getattr(sys.modules.get("_frozen_importlib"), "_module_locks", {})  # names that are imported this moment
    for _ in range(_IMPORTING):  # by no clock: the program may have stopped it
        if not any(name.startswith("autotrace") for name in list(locks)):
            return
        sleep(0.001)


def _sampler(settings: Settings) -> Sampler:
    from autotrace.trace.sampling import Sampler

    kind = settings.sampler.replace("parentbased_", "")
    ratio = {"always_on": 1.0, "always_off": 0.0}.get(kind, settings.sample_ratio)
    return Sampler(ratio, kind != settings.sampler)


def _worker(settings: Settings) -> Worker:
    from autotrace.patching.registry import KILLED
    from autotrace.pipeline.worker import Worker

    killed = any(os.environ.get(variable) == "true" for variable in KILLED)  # so that nothing may wait
    return Worker(
        _Encoding(settings),
        _exporters(settings),
        0.0 if killed else settings.schedule_delay_ms / 1000,
        settings.max_queue_size,
        settings.max_export_batch_size,
        _shade(),
        settings.max_queue_bytes,
        _spare(settings),
    )


class _Encoding:
    """The encoder of this process: made when the first spans are there, and anew in a forked child.

    The resource (service name, process id) is only then what it will stay.
    """

    def __init__(self, settings: Settings) -> None:
        from autotrace.export import otlp, resource

        self._otlp, self._resource, self._settings = otlp, resource, settings
        self._process = 0
        self._encoder: Encoder | None = None

    def __call__(self, spans: Sequence[Span]) -> list[bytes]:
        from autotrace.protocols import http
        from autotrace.trace.tracer import clock

        process = os.getpid()
        if self._encoder is None or process != self._process:
            self._process = process
            attributes = self._resource.resource_attributes(self._settings)
            self._encoder = self._otlp.Encoder(attributes, self._settings, clock.wall, scrub=http.scrub)
        clock.adjust()
        return self._encoder.encode(spans)


def _shade() -> Span:
    """Return a span that is never recorded, for the worker's own thread: a delivery must not be traced."""
    from autotrace.trace.span import INTERNAL, UNSET, Operation, Trace
    from autotrace.trace.tracer import tracer

    operation = Operation("shade", INTERNAL, "autotrace", lambda *_: ("", {}, UNSET, ""))
    shade = tracer.start(operation, (), None)
    shade.trace = Trace(shade.trace.trace_id, 0)
    return shade


def _spare(settings: Settings) -> object:
    """Return what keeps spans that a receiver has not taken; None where none is sent away, or all are kept anyway."""
    if "otlp" not in settings.exporters or "inbox" in settings.exporters:
        return None
    from autotrace.export.spare import Spare

    return Spare(settings)


def _exporters(settings: Settings) -> list[object]:
    """Return the sinks that the settings name."""
    made: list[object] = []
    for name in settings.exporters:
        if name == "inbox":
            from autotrace.export.inbox import Inbox

            made.append(Inbox(settings))
        elif name == "otlp":
            from autotrace.export.http import HttpExporter

            made.append(HttpExporter(settings))
        elif name == "console":
            from autotrace.export.console import Console

            made.append(Console())
    return made


def _unsupported(distribution: str, versions: str, module: str) -> str:
    """Return why the installed version of a distribution is not supported, or an empty string."""
    if not distribution or versions == "*":
        return ""
    from autotrace.patching.metadata import file_of, judged

    return judged(distribution, versions, file_of(module.partition(".")[0]))[1]
