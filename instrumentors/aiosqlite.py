"""aiosqlite: each function that is sent to a connection's thread runs with the span of whoever sent it.

The queries' spans are those of the driver beneath.
"""

from __future__ import annotations

from autotrace.families.execution import concurrency
from autotrace.patching import Instrumentor, Patch

INSTRUMENTOR = Instrumentor(
    "aiosqlite",
    # PERF: nothing else runs in that thread, so that it has no span of its own where none is sent along
    Patch("aiosqlite.core:Connection._execute", concurrency.carry(1, absence=False)),
    # starts the thread, in whatever request happens to open the connection
    Patch("aiosqlite.core:Connection.__await__", concurrency.isolate()),
)
