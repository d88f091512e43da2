"""The spans of the prototype: ``python workload.py span FILE`` or ``... query FILE``, a count on its input."""

from __future__ import annotations

import sqlite3
import sys

import compiled_span

BATCH = 5000  # spans that are written at once


def spans(count: int) -> None:
    """Make spans by hand, as ``span_autotrace.py`` does."""
    span = compiled_span.span
    for number in range(count):
        with span("bake", pizza="margherita", oven=2, minutes=1.5, wood=True, number=str(number)):
            pass


def queries(count: int) -> None:
    """Ask as ``sqlite3_query.py`` does."""
    execute = compiled_span.wrapped(cursor.execute)
    for _ in range(count):
        execute("SELECT name FROM pizza WHERE id = ?", (1,))


if __name__ == "__main__":
    cursor = sqlite3.connect(":memory:").cursor()
    cursor.execute("CREATE TABLE pizza (id INTEGER PRIMARY KEY, name TEXT)")
    cursor.execute("INSERT INTO pizza VALUES (1, 'margherita')")
    run = {"span": spans, "query": queries}[sys.argv[1]]
    left = int(input())
    with open(sys.argv[2], "wb") as file:
        while left > 0:
            run(min(left, BATCH))
            file.write(compiled_span.drain())
            left -= BATCH
