"""multiprocessing: processes that are started anew, and the work of pools, of processes and of threads.

``apply``, ``map``, ``map_async``, ``starmap`` and ``starmap_async`` come through two methods of ``Pool``.  What a program
sends through queues and pipes of its own is left alone.
"""

from __future__ import annotations

from autotrace.families.execution import concurrency, processes
from autotrace.patching import Instrumentor, Patch

INSTRUMENTOR = Instrumentor(
    "multiprocessing",
    Patch("multiprocessing.spawn:get_preparation_data", processes.preparing()),
    Patch("multiprocessing.spawn:prepare", processes.prepared()),
)

_work = concurrency.carry(1, "func", absence=False, carried=processes.Sent)

POOL = Instrumentor(
    "multiprocessing_pool",
    Patch("multiprocessing.pool:Pool.__init__", concurrency.isolate()),
    Patch("multiprocessing.pool:Pool.apply_async", _work),
    Patch("multiprocessing.pool:Pool._map_async", _work),
    Patch("multiprocessing.pool:Pool.imap", _work),
    Patch("multiprocessing.pool:Pool.imap_unordered", _work),
)
