"""What is measured on whole processes: start, end, memory, and spans that got lost.

These rows are not CPU time of operations: starts and ends are wall time, as whoever waits for them knows it.
"""

from __future__ import annotations

import random
import subprocess
import time
from typing import TYPE_CHECKING

from benchmarks.chunks import Bench, Figures
from benchmarks.environments import Sending, Variant, clean_environment
from benchmarks.machine import resident_bytes
from benchmarks.services import ServiceError

if TYPE_CHECKING:
    from benchmarks.rows import Row

_STARTS = 20  # the best of so many counts; in a run of few rounds, of twice as many as these
_MANY = 10  # rounds
_REQUESTS = 300  # that a worker has answered when its memory is taken
_TIGHT = 200_000  # spans
_LONGEST_EXIT = 90.0  # s
_QUIET = 1.5  # s; a sink that got nothing for so long gets nothing more


def measure(bench: Bench, row: Row, variants: list[Variant]) -> dict[str, Figures]:
    """Measure one row; returns figures by the variants' names."""
    result = {variant.name: Figures(note=row.excuse(variant.name)) for variant in variants}
    wanted = [variant for variant in variants if not row.excuse(variant.name)]
    rounds, one = {
        "start": (min(2 * bench.rounds, _STARTS), _start),
        "exit": (2 if bench.rounds >= _MANY else 1, _exit),  # the others wait for half a minute
        "memory": (max(min(bench.rounds // 2, 3), 1), _memory),
        "lost": (1, _lost),
    }[row.kind]
    if row.kind == "start":  # once for nothing: files are read, byte code is written
        for variant in wanted:
            one(bench, row, variant, Figures(), 0)
    for number in range(rounds):
        random.shuffle(wanted)
        for variant in wanted:
            figures = result[variant.name]
            try:
                one(bench, row, variant, figures, number)
            except (ServiceError, OSError, subprocess.SubprocessError) as error:
                figures.note = f"void: {error}"
    return result


def _start(bench: Bench, row: Row, variant: Variant, figures: Figures, number: int) -> None:
    """Take the wall time of a program that does nothing, or only imports; in ms."""
    label = f"{row.name}-{variant.name}-{number}"
    _target, sending = bench.target(variant, label, plain=True)
    command = bench.environments.command(variant, "python", "-c", row.program)
    environ = {**clean_environment(), **variant.settings(sending)}
    begin = time.perf_counter()
    done = subprocess.run(
        command,
        check=False,
        env=environ,
        cwd=bench.directory,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=120,
    )
    taken = time.perf_counter() - begin
    if done.returncode or done.stdout or done.stderr:
        raise ServiceError(f"{label} ended with {done.returncode} and said {(done.stdout + done.stderr)[-500:]!r}")
    figures.samples.append(taken * 1000)
    figures.scales.append(0.0)  # not scaled: the best of many was taken when the machine was fast anyway


def _exit(bench: Bench, row: Row, variant: Variant, figures: Figures, number: int) -> None:
    """Take the wall time from the end of a program's own code to the end of its process; in s."""
    services = bench.services
    port = services.refusing if row.name.endswith("refuses") else services.hanging
    inbox = str(bench.directory / f"{row.name}-data") if variant.name == "inbox" else ""
    program = bench.program(row, variant, Sending(port, inbox, roomy=False))
    try:
        program.ready()
        program.order(20)
        left = program.leave()
        try:
            figures.samples.append(program.wait(_LONGEST_EXIT) - left)
        except ServiceError:
            figures.samples.append(_LONGEST_EXIT)
            figures.note = f"killed after {_LONGEST_EXIT:.0f} s"
        figures.scales.append(0.0)
    finally:
        program.end()
    del number


def _memory(bench: Bench, row: Row, variant: Variant, figures: Figures, number: int) -> None:
    """Take the resident memory of gunicorn's worker after some requests; in MB."""
    target, sending = bench.target(variant, f"{row.name}-{variant.name}-{number}")
    program = bench.program(row, variant, sending)
    try:
        program.ready()
        program.order(_REQUESTS)
        if variant.name != "bare" and not _all_arrived(bench, target):
            raise ServiceError("no spans arrived")
        worker = max(resident_bytes(pid) for pid in program.pids()[1:])
        figures.samples.append(worker / 1e6)
        figures.scales.append(0.0)
    finally:
        program.end()


def _lost(bench: Bench, row: Row, variant: Variant, figures: Figures, number: int) -> None:
    """Make spans as fast as the loop goes, end, and count what arrived; in percent."""
    if variant.name == "bare":
        figures.note = "makes no spans"
        return
    target, sending = bench.target(variant, f"{row.name}-{number}", plain=True)
    program = bench.program(row, variant, sending)
    try:
        program.ready()
        program.order(_TIGHT)
        program.leave()
        program.wait(_LONGEST_EXIT)
        figures.arrived = _all_arrived(bench, target)
        figures.expected = figures.operations = _TIGHT
        figures.samples.append(100 * (1 - figures.arrived / _TIGHT))
        figures.scales.append(0.0)
    finally:
        program.end()


def _all_arrived(bench: Bench, target: str) -> int:
    """Wait until nothing more arrives; returns the number of spans."""
    there = -1
    while True:
        now = int(bench.services.count(target)["spans"])
        if now == there:
            return now
        there = now
        time.sleep(_QUIET)
