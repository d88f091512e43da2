"""CPU time per operation, measured in interleaved chunks.

All variants of a row run side by side, and do nothing unless they are told.  In each round every one of them, in random
order, does a chunk of operations; its CPU time is taken from before the chunk until the last span of the chunk has arrived
at the sink, so the exporter's work is in it.  A calibration runs before and after each chunk, and scales it to the best
speed that the machine showed.
"""

from __future__ import annotations

import random
import time
from dataclasses import dataclass, field
from http.client import HTTPException
from typing import TYPE_CHECKING, Any

from benchmarks.environments import Environments, Sending, Variant
from benchmarks.programs import Program
from benchmarks.services import ServiceError, Services

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from benchmarks.machine import Calibration
    from benchmarks.rows import Row

_WARM_UP = 100  # operations
_LATEST = 20.0  # s; spans that have not arrived after this do not arrive
_POLL = 0.02  # s
_MOST, _FEWEST = 20_000, 20  # operations of a chunk


@dataclass
class Figures:
    """What was measured of one variant in one row.

    Attributes:
        samples: one for each round, in the row's unit.
        scales: what each sample has to be multiplied by, to be at the calibration's best speed: ``best / scale``.
        operations: how many were measured.
        expected: spans that had to arrive.
        arrived: spans that did.
        names: spans of one operation, by name.
        note: why there is no figure, or what is odd about it.
    """

    samples: list[float] = field(default_factory=list)
    scales: list[float] = field(default_factory=list)
    operations: int = 0
    expected: int = 0
    arrived: int = 0
    names: dict[str, float] = field(default_factory=dict)
    note: str = ""


class Bench:
    """What every measurement needs.

    Attributes:
        environments: where the variants are installed.
        services: the sink and the origin.
        calibration: shared by the whole run, so that all rows are scaled to one speed.
        directory: a fresh directory for the run.
        delay_ms: how long a span may wait before it is sent; the same for all agents.
        rounds: how often each variant runs.
        chunk_s: CPU time of one chunk, in seconds.
    """

    def __init__(
        self,
        environments: Environments,
        services: Services,
        calibration: Calibration,
        directory: Path,
        delay_ms: int,
        rounds: int,
        chunk_s: float,
    ) -> None:
        self.environments = environments
        self.services = services
        self.calibration = calibration
        self.directory = directory
        self.delay_ms = delay_ms
        self.rounds = rounds
        self.chunk_s = chunk_s

    def target(self, variant: Variant, label: str, *, plain: bool = False) -> tuple[str, Sending]:
        """Make a new target for one process; returns its name and where to send to.

        Args:
            variant: which agent.
            label: what the process is called.
            plain: leave queue and delay as the agent has them by default.
        """
        delay = 0 if plain else self.delay_ms
        if variant.name == "inbox":
            data = self.directory / f"{label}-data"
            return self.services.inbox(data), Sending(0, str(data), delay)
        target, port = self.services.port()
        return target, Sending(port, "", delay, roomy=not plain)

    def program(self, row: Row, variant: Variant, sending: Sending) -> Program:
        """Start a workload."""
        return Program(row, variant, sending, self.environments, self.services, self.directory)


class Subject:
    """One variant in one row, while it runs."""

    def __init__(self, bench: Bench, row: Row, variant: Variant) -> None:
        self._bench = bench
        self._traced = not variant.silent
        self._delay = bench.delay_ms / 1000
        self.variant = variant
        self.figures = Figures()
        self._target, sending = bench.target(variant, f"{row.name}-{variant.name}")
        self._per_operation = 0.0  # spans
        self._chunk = _WARM_UP
        self.program = bench.program(row, variant, sending)

    def warm_up(self) -> None:
        """Learn how many spans an operation makes, and how many operations make a chunk.

        Raises:
            ServiceError: it does not work, or makes no spans.
        """
        self.program.ready()
        self.program.order(_WARM_UP)
        first = self._settled()
        before = self.program.cpu_ns()
        self.program.order(_WARM_UP)
        second = self._settled()
        self._resize(self.program.cpu_ns() - before)
        if self._traced:
            self._per_operation = (second["spans"] - first["spans"]) / _WARM_UP
            names = {name: (count - first["names"].get(name, 0)) / _WARM_UP for name, count in second["names"].items()}
            self.figures.names = {name: count for name, count in names.items() if count}
            if self._per_operation < 1:
                raise ServiceError(f"{self._per_operation:g} spans of an operation arrived")
        # So few operations tell little of their cost, when a delivery comes on top: once more, unrecorded.
        self._resize(self._one(self._chunk)[0])

    def _resize(self, taken: int) -> None:
        each = taken / self._chunk
        self._chunk = max(_FEWEST, min(_MOST, int(self._bench.chunk_s * 1e9 / each)))

    def _one(self, count: int) -> tuple[int, int, int]:
        """Do a chunk; returns its CPU time in ns, the spans that had to arrive, and those that did."""
        spans = round(count * self._per_operation)
        earlier = self._count()["spans"] if self._traced else 0
        before = self.program.cpu_ns()
        self.program.order(count)
        arrived = self._arrived(earlier + spans) - earlier if self._traced else 0
        return self.program.cpu_ns() - before, spans, arrived

    def round(self) -> None:
        """Do a chunk and take its CPU time."""
        calibration = self._bench.calibration
        speed = calibration.measure()
        taken, spans, arrived = self._one(self._chunk)
        speed = min(speed, calibration.measure())
        figures = self.figures
        figures.samples.append(taken / self._chunk / 1000)
        figures.scales.append(speed)
        figures.operations += self._chunk
        figures.expected += spans
        figures.arrived += arrived

    def finish(self) -> None:
        """End the program, and note what was odd."""
        self.program.end()
        figures = self.figures
        if self._traced and not figures.note:
            odd = self._count()["odd"]
            if odd:
                figures.note = "; ".join(odd)
            # A few spans of somebody's own making may come on top; that some are missing is another matter.
            if figures.arrived < figures.expected * 0.999:
                figures.note = f"void: {figures.arrived} of {figures.expected} spans arrived"

    def _count(self) -> dict[str, Any]:
        return self._bench.services.count(self._target)

    def _settled(self) -> dict[str, Any]:
        """Wait until nothing more arrives; returns what has."""
        if not self._traced:
            return {}
        last = self._count()
        since = begin = time.monotonic()
        while time.monotonic() - since < self._delay + 1.0 or (
            not last["spans"] and time.monotonic() - begin < self._delay + 5.0
        ):
            time.sleep(0.1)
            now = self._count()
            if now["spans"] != last["spans"]:
                last, since = now, time.monotonic()
        return last

    def _arrived(self, wanted: int) -> int:
        """Wait until so many spans are there; returns how many are."""
        deadline = time.monotonic() + _LATEST
        while True:
            there = int(self._count()["spans"])
            if there >= wanted or time.monotonic() > deadline:
                return there
            time.sleep(_POLL)


def measure(bench: Bench, row: Row, variants: list[Variant]) -> dict[str, Figures]:
    """Measure one row.

    Returns:
        figures by the variants' names; where one cannot be measured, with a note and without samples.
    """
    result: dict[str, Figures] = {}
    subjects: list[Subject] = []
    try:
        for variant in variants:
            if row.excuse(variant.name):
                result[variant.name] = Figures(note=row.excuse(variant.name))
                continue
            subjects.append(Subject(bench, row, variant))
            result[variant.name] = subjects[-1].figures
        running = [subject for subject in subjects if _done(subject, subject.warm_up)]
        for _ in range(bench.rounds):
            random.shuffle(running)
            running = [subject for subject in running if _done(subject, subject.round)]
    finally:
        for subject in subjects:
            subject.finish()
    return result


def _done(subject: Subject, step: Callable[[], None]) -> bool:
    """Do a step of a subject; where it fails, its figures are void and the others go on."""
    try:
        step()
    except (ServiceError, OSError, HTTPException) as error:
        subject.figures.note = f"void: {error}"
        subject.figures.samples.clear()
        return False
    return True
