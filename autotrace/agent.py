"""What every traced Python starts with: the settings, the import hook, and what is done when a library is imported.

Nothing else happens until the program imports a library that somebody knows.  Only then are tracer, worker and sinks put
together (``wiring``), and only then is there anything of theirs to load.
"""

from __future__ import annotations

import atexit
import os
import sys
from _thread import get_ident
from time import sleep

from autotrace import diagnostics, hidden, notes
from autotrace.config import settings as settings_

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from autotrace.config.settings import Settings
    from autotrace.patching.apply import Applied
    from autotrace.patching.catalog import Part
    from autotrace.patching.hook import ImportHook
    from autotrace.pipeline.lifetime import Lifetime

_API = "autotrace.api"
_IMPORTING = 5000  # ms


def begun() -> Agent | None:
    """Return an agent that watches this process, or None where the settings switch it off."""
    settings = settings_.load()
    diagnostics.verbose = settings.verbose
    for warning in settings.warnings:
        diagnostics.warn(warning)
    if not settings.enabled:
        return None
    agent = Agent(settings)
    agent.watch()
    return agent


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
        self._waiting: dict[int, list[Part]] = {}  # by thread
        self._others: list[Part] = []  # of other distributions
        self._chosen: list[Part] | None = None  # None: all

    def watch(self) -> None:
        """Wait for the libraries that are switched on, and for the public functions."""
        from autotrace.patching.catalog import parts, selected, triggers, unknown
        from autotrace.patching.hook import ImportHook
        from autotrace.patching.third_party import third_party

        settings = self.settings
        self._others = third_party(settings.data_dir)
        modules = [_API, *triggers(), *(part.trigger for part in self._others)]
        on, off = settings.instrumentors, settings.instrumentors_off
        if off or on != ("all",):
            every = (*parts(), *self._others)
            self._chosen = selected(every, on, off)
            modules = [_API, *(part.trigger for part in self._chosen)]
            for word in unknown((*on, *off), every)[0]:
                diagnostics.warn(f"{word!r} is no instrumentor, library or family; it is passed over")
        self._hook = ImportHook(dict.fromkeys(modules, self._imported))
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
            notes.ended(self.settings.data_dir, _wellknown(), self.skipped)

    def _imported(self, module: str) -> None:
        """Apply what waits for a module."""
        if module == _API:
            self.wire()
            return
        from autotrace.patching.catalog import parts

        for part in self._chosen if self._chosen is not None else [*parts(module), *self._others]:
            if part.trigger == module:
                self._in_turn(part)

    def _in_turn(self, part: Part) -> None:
        """Apply an instrumentor; one whose library we ourselves import while applying another has to wait for that."""
        thread = get_ident()
        waiting = self._waiting.get(thread)
        if waiting is not None:
            waiting.append(part)
            return
        waiting = self._waiting[thread] = [part]
        try:
            while waiting:
                self.instrument(waiting.pop(0))
        finally:
            del self._waiting[thread]

    def instrument(self, part: Part) -> None:
        """Apply one instrumentor, now that its library has been imported; what hinders is noted, never raised."""
        from autotrace.faults import fault, when_off
        from autotrace.patching.apply import CannotPatchError, apply

        try:
            self.wire()
            instrumentor = part.instrumentor()
            reason = _unsupported(part)
            if not reason:
                applied = apply(instrumentor, self._hook is not None and self._hook.late)
                self.applied.append(part.name)
                when_off(instrumentor.library, lambda: self._off(part.name, applied))
        except CannotPatchError as error:
            reason = str(error)
        except Exception as error:
            fault(part.name)
            reason = f"{type(error).__name__}: {error}"
        if reason:
            self.skipped[part.name] = reason
        diagnostics.debug(f"{part.name}: {f'not patched: {reason}' if reason else 'patched'}")

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
        hidden.look()  # the program may have put more onto sys.path
        undo: list[Callable[[], object]] = []
        try:
            from autotrace.wiring import wire

            self._lifetime = wire(self.settings, undo)
        except BaseException:
            self._wired = False
            while undo:
                undo.pop()()
            raise


def _wellknown() -> list[str]:
    """Return the libraries without an instrumentor that were imported."""
    own = getattr(sys, "stdlib_module_names", ())  # not before Python 3.10
    own = {*own, "__main__", "autotrace", "sitecustomize", "usercustomize"}
    if all(name.partition(".")[0] in own for name in list(sys.modules)):
        return []  # PERF: a program of Python's own library alone need not load the table

    from autotrace.patching.wellknown import imported

    return imported()


def _wait_for_imports() -> None:
    """Before a fork, let other threads finish what they import of ours.

    The child would wait for the lock of such a module for ever.  The program's own imports are its own affair.
    """
    locks = getattr(sys.modules.get("_frozen_importlib"), "_module_locks", {})  # names that are imported this moment
    for _ in range(_IMPORTING):  # by no clock: the program may have stopped it
        if not any(name.startswith("autotrace") for name in list(locks)):
            return
        sleep(0.001)


def _unsupported(part: Part) -> str:
    """Return why the installed version of what it requires is not supported, or an empty string."""
    if not part.requires:
        return ""
    from autotrace.patching.metadata import file_of, judged
    from autotrace.patching.versions import required

    return judged(*required(part.requires), file_of(part.trigger.partition(".")[0]))[1]
