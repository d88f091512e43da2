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
from itertools import count
from typing import TYPE_CHECKING, Any

from benchmarks.environments import PEERS, Environments, Sending, Variant
from benchmarks.programs import Program
from benchmarks.rows import CONSTANT
from benchmarks.services import ServiceError, Services

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from benchmarks.machine import Calibration
    from benchmarks.rows import Row

_TWICE = ("bare", *PEERS, "autotrace")  # measured with constant facts, too
_WARM_UP = 100  # operations
_ROUNDS_OF_A_GENERATION = 3
_LATEST = 20.0  # s; spans that have not arrived after this do not arrive
_POLL = 0.02  # s
_MOST_OF_IT = 0.95  # of a span for each operation: the last message's is open until the next one is pulled
_LATER = 0.2  # s that a span may take to the sink after it was sent
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
        requests: in how many requests, or records of an inbox.
        names: spans of one operation, by name.
        note: why there is no figure, or what is odd about it.
    """

    samples: list[float] = field(default_factory=list)
    scales: list[float] = field(default_factory=list)
    operations: int = 0
    expected: int = 0
    arrived: int = 0
    requests: int = 0
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
        self._numbers = count()

    def target(self, variant: Variant, label: str, *, plain: bool = False) -> tuple[str, Sending]:
        """Make a new target for one process; returns its name and where to send to.

        Args:
            variant: which agent.
            label: what the process is called.
            plain: leave queue and delay as the agent has them by default.
        """
        delay = 0 if plain else self.delay_ms
        if variant.name == "inbox":
            data = self.directory / f"{label}-{next(self._numbers)}"
            return self.services.inbox(data), Sending(0, str(data), delay)
        target, port = self.services.port()
        return target, Sending(port, "", delay, roomy=not plain)

    def program(self, row: Row, variant: Variant, sending: Sending, *, constant: bool = False) -> Program:
        """Start a workload, whose operations are all the same or all different."""
        return Program(row, variant, sending, self.environments, self.services, self.directory, constant)


@dataclass(frozen=True)
class Way:
    """A variant, and whether its operations are all the same."""

    variant: Variant
    constant: bool = False

    @property
    def name(self) -> str:
        """The name of its figures."""
        return f"{self.variant.name}{CONSTANT if self.constant else ''}"


class Subject:
    """One variant in one row, while it runs."""

    def __init__(self, bench: Bench, row: Row, way: Way, figures: Figures) -> None:
        variant = way.variant
        self._bench = bench
        self._traced = not variant.silent
        self._size = row.size
        self._settles = row.kafka  # how many spans a batch makes depends on how messages happen to come
        self.variant = variant
        self.figures = figures
        self._target, sending = bench.target(variant, f"{row.name}-{variant.name}")
        self._per_operation = 0.0  # spans
        self._earlier: dict[str, Any] = {}
        self._chunk = _WARM_UP
        self._begun = 0  # CPU time before the first whole chunk
        self.program = bench.program(row, variant, sending, constant=way.constant)

    def first(self) -> None:
        """Do the first operations, which are slow and may make spans that later ones do not."""
        self.program.ready()
        self.program.order(_WARM_UP)

    def second(self) -> None:
        """Learn what an operation costs."""
        self._earlier = self.count()
        before = self.program.cpu_ns()
        self.program.order(_WARM_UP)
        self._resize(self.program.cpu_ns() - before)

    def third(self) -> None:
        """Learn how many spans an operation makes; then do a whole chunk, unrecorded, and do not wait for its spans.

        Raises:
            ServiceError: no spans arrive.
        """
        if self._traced:
            now = self.count()
            self._per_operation = (now["spans"] - self._earlier["spans"]) / _WARM_UP
            earlier = self._earlier["names"]
            names = {name: (count - earlier.get(name, 0)) / _WARM_UP for name, count in now["names"].items()}
            self.figures.names = {name: count for name, count in names.items() if count}
            if self._per_operation < (_MOST_OF_IT if self._settles else 1):
                raise ServiceError(f"{self._per_operation:g} spans of an operation arrived")
        self._earlier = self.count()
        self._begun = self.program.cpu_ns()
        self.program.order(self._chunk)

    def fourth(self) -> None:
        """Wait for that chunk's spans, and learn what an operation costs together with them."""
        self._arrived(self._earlier["spans"] + round(self._chunk * self._per_operation))
        self._resize(self.program.cpu_ns() - self._begun)

    def _resize(self, taken: int) -> None:
        if self._size:
            self._chunk = self._size
            return
        each = taken / self._chunk
        self._chunk = max(_FEWEST, min(_MOST, int(self._bench.chunk_s * 1e9 / each)))

    def _one(self) -> tuple[int, int, int, int]:
        """Do a chunk; returns its CPU time in ns, the spans that had to arrive, those that did, and in how many requests."""
        spans = round(self._chunk * self._per_operation)
        earlier = self.count()
        before = self.program.cpu_ns()
        self.program.order(self._chunk)
        now = self._arrived(earlier["spans"] + spans)
        taken = self.program.cpu_ns() - before
        if self._settles:
            spans = now["spans"] - earlier["spans"]
        return taken, spans, now["spans"] - earlier["spans"], now["requests"] - earlier["requests"]

    def round(self) -> None:
        """Do a chunk and take its CPU time."""
        calibration = self._bench.calibration
        speed = calibration.measure()
        taken, spans, arrived, requests = self._one()
        speed = min(speed, calibration.measure())
        figures = self.figures
        figures.samples.append(taken / self._chunk / 1000)
        figures.scales.append(speed)
        figures.operations += self._chunk
        figures.expected += spans
        figures.arrived += arrived
        figures.requests += requests

    def finish(self) -> None:
        """End the program, and note what was odd."""
        self.program.end()
        figures = self.figures
        if self._traced and not figures.note.startswith("void"):
            odd = self.count()["odd"]
            if odd:
                figures.note = "; ".join(odd)
            # A few spans of somebody's own making may come on top; that some are missing is another matter.
            if figures.arrived < figures.expected * 0.999:
                figures.note = f"void: {figures.arrived} of {figures.expected} spans arrived"

    def count(self) -> dict[str, Any]:
        """Return what has arrived so far."""
        return self._bench.services.count(self._target) if self._traced else {"spans": 0, "requests": 0}

    def _arrived(self, wanted: int) -> dict[str, Any]:
        """Wait until so many spans are there, or will never be; returns what is."""
        deadline = time.monotonic() + _LATEST
        if self._settles:
            return self._settled(deadline)
        while True:
            there = self.count()
            if there["spans"] >= wanted or time.monotonic() > deadline:
                return there
            time.sleep(_POLL)

    def _settled(self, deadline: float) -> dict[str, Any]:
        """Wait until nothing more arrives, as long for those that send nothing; returns what is there."""
        there, since = self.count(), time.monotonic()
        while since + self._bench.delay_ms / 1000 + _LATER > time.monotonic() < deadline:
            time.sleep(_POLL)
            now = self.count()
            if now["spans"] != there["spans"]:
                there, since = now, time.monotonic()
        return there


def measure(bench: Bench, row: Row, variants: list[Variant]) -> dict[str, Figures]:
    """Measure one row.

    Half of what two processes differ by is luck (where their memory lies, how their strings hash), so there are several
    generations of them.

    Returns:
        figures by the variants' names, with CONSTANT behind them where all operations are the same; where one cannot be
        measured, with a note and without samples.
    """
    ways = [Way(variant) for variant in variants]
    if row.varies:
        ways += [Way(variant, constant=True) for variant in variants if variant.name in _TWICE]
    result = {way.name: Figures(note=row.excuse(way.variant.name)) for way in ways}
    able = [way for way in ways if not row.excuse(way.variant.name)]
    left = max(bench.rounds // 2, _ROUNDS_OF_A_GENERATION) if row.scale else bench.rounds
    for generation in range(-(-left // _ROUNDS_OF_A_GENERATION), 0, -1):
        rounds = -(-left // generation)  # as even as may be
        left -= rounds
        able = [way for way in able if not result[way.name].note.startswith("void")]
        _generation(bench, row, able, result, rounds)
    return result


def _generation(bench: Bench, row: Row, ways: list[Way], result: dict[str, Figures], rounds: int) -> None:
    """Start all variants anew, and measure some rounds."""
    subjects: list[Subject] = []
    try:
        for way in ways:
            subjects.append(Subject(bench, row, way, result[way.name]))  # noqa: PERF401 - those before shall end
        running = subjects
        for step in (Subject.first, Subject.second):
            running = [subject for subject in running if _done(subject, step)]
            _settle(bench, running)
        # The spans of one subject's first whole chunk are on their way while the next one does its own.
        for step in (Subject.third, Subject.fourth):
            running = [subject for subject in running if _done(subject, step)]
        for _ in range(rounds):
            random.shuffle(running)
            running = [subject for subject in running if _done(subject, Subject.round)]
    finally:
        for subject in subjects:
            subject.program.stop()
        for subject in subjects:
            subject.finish()


def _settle(bench: Bench, subjects: list[Subject]) -> None:
    """Wait until nothing more arrives from any of them."""
    pause = bench.delay_ms / 1000 + 0.5
    begin = since = time.monotonic()
    last: list[int] = []
    while time.monotonic() - since < pause or (min(last, default=1) == 0 and time.monotonic() - begin < pause + 4):
        now = [subject.count()["spans"] for subject in subjects if not subject.variant.silent]
        if now != last:
            last, since = now, time.monotonic()
        time.sleep(0.1)


def _done(subject: Subject, step: Callable[[Subject], None]) -> bool:
    """Do a step of a subject; where it fails, its figures are void and the others go on."""
    try:
        step(subject)
    except (ServiceError, OSError, HTTPException) as error:
        subject.figures.note = f"void: {error}"
        subject.figures.samples.clear()
        return False
    return True
