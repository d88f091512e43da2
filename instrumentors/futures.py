"""concurrent.futures: work handed to a pool of threads has its parent where it was handed over.

``map`` and the event loop's ``run_in_executor`` come through ``submit``.  Pools of processes are left alone.
"""

from __future__ import annotations

from autotrace.patching import Instrumentor, Patch
from autotrace.protocols import concurrency

INSTRUMENTOR = Instrumentor(
    library="futures",
    versions="*",
    distribution="",
    patches=(Patch("concurrent.futures.thread:ThreadPoolExecutor.submit", concurrency.carry(1, isolated=True)),),
)
