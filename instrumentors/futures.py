"""concurrent.futures: work handed to a pool of threads, processes or interpreters has its parent where it was handed over.

``map`` and the event loop's ``run_in_executor`` come through ``submit``.  A callback of a future has its parent where it was
added.
"""

from __future__ import annotations

import sys

from autotrace.families.execution import concurrency, processes
from autotrace.patching import Instrumentor, Patch

INSTRUMENTOR = Instrumentor(
    "futures",
    Patch("concurrent.futures.thread:ThreadPoolExecutor.submit", concurrency.carry(1, isolated=True)),
)

PROCESSES = Instrumentor(
    "futures_processes",
    Patch(
        "concurrent.futures.process:ProcessPoolExecutor.submit",
        concurrency.carry(1, isolated=True, absence=False, carried=processes.Sent),
    ),
)

INTERPRETERS = Instrumentor(
    "futures_interpreters",
    Patch("concurrent.futures.interpreter:InterpreterPoolExecutor.prepare_context", processes.to_interpreters()),
)

CALLBACKS = Instrumentor(
    "futures_callbacks",
    Patch("concurrent.futures._base:Future.add_done_callback", concurrency.carry(1, "fn", absence=False)),
    *([Patch("concurrent.futures._base:Executor.map", processes.mapped())] if sys.version_info >= (3, 14) else ()),
)
