"""The libraries of a Python, imported side by side: each process takes the next part, as many as there are cores.

One that takes too long, or ends its process, is named; its process is ended, and another one goes on with the rest.
"""

from __future__ import annotations

import os
from collections import deque
from threading import Thread

from autotrace.doctor.child import Child, NoAnswerError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    Row = dict[str, str]
    Fact = tuple[str, Any]

PATIENCE = 30.0  # s for one library; under a load of ten, the slowest take three
_MOST = 8  # of processes: each imports what many libraries share


def look(
    rows: Iterable[Row],
    first: Child,
    another: Callable[[], Child],
    tell: Callable[[Fact], object],
    patience: float = PATIENCE,
    cores: int = 0,
) -> None:
    """Have libraries imported, and tell what becomes of each.

    Args:
        rows: what the survey said of the instrumentors whose libraries are to be imported.
        first: a process that is there already; this ends it.
        another: starts one more.
        tell: is called with each fact, from several threads.
        patience: s for one library.
        cores: how many processes may run at a time; by default as many as this one has cores.
    """
    parts: dict[str, list[Row]] = {}
    for row in rows:
        parts.setdefault(row["part"], []).append(row)
    waiting = deque(parts.values())
    many = max(1, min(cores or _cores(), len(waiting), _MOST))
    children: list[Child | None] = [first, *[None] * (many - 1)]
    # From both ends, because neighbours share much that is imported.
    ways = (waiting.popleft, waiting.pop)
    failed: list[BaseException] = []

    def work(number: int, child: Child | None) -> None:
        try:
            _work(ways[number % 2], child, another, tell, patience)
        except BaseException as error:  # raised where somebody hears it
            failed.append(error)

    threads = [Thread(target=work, args=one, daemon=True) for one in enumerate(children)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        raise failed[0]


def _work(
    take: Callable[[], list[Row]],
    child: Child | None,
    another: Callable[[], Child],
    tell: Callable[[Fact], object],
    patience: float,
) -> None:
    """Take part after part, until there are no more."""
    while True:
        try:
            part = take()
        except IndexError:
            break
        for row in part:
            child = _imported(row, child, another, tell, patience)
    if child is not None:
        try:
            tell(("left", child.ask("left", patience)))
        except NoAnswerError as error:
            tell(("warning", f"what holds functions from before they were patched is not known: a process {error}"))
        child.end()


def _imported(
    row: Row, child: Child | None, another: Callable[[], Child], tell: Callable[[Fact], object], patience: float
) -> Child | None:
    """Have one library imported; return the process, or None where it is of no use any more."""
    try:
        if child is None:
            child = another()
            child.answer(patience)  # it says that it is there
        tell(("instrumentor", {**row, **child.ask(f"import {row['name']}", patience)}))
        return child
    except (NoAnswerError, OSError) as error:
        if child is not None:
            child.end()
        tell(("instrumentor", {**row, "state": "unknown", "why": f"importing its library {error}"}))
        return None


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
