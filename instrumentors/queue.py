"""queue and asyncio's queues: what is put into one is done for whoever was current where it was put.

``SimpleQueue`` is written in C, and is not traced.
"""

from __future__ import annotations

from autotrace.families.execution import queues
from autotrace.patching import Instrumentor, Patch

_put, _take = queues.put("queue"), queues.take()

INSTRUMENTOR = Instrumentor(
    "queue",
    Patch("queue:Queue._put", _put),
    Patch("queue:PriorityQueue._put", _put),
    Patch("queue:LifoQueue._put", queues.put("queue", last=True)),
    Patch("queue:Queue._get", _take),
    Patch("queue:PriorityQueue._get", _take),
    Patch("queue:LifoQueue._get", _take),
    Patch("queue:Queue.get", queues.wait()),
)

ASYNCIO = Instrumentor(
    "queue_asyncio",
    Patch("asyncio.queues:Queue.put_nowait", queues.put("_queue")),
    Patch("asyncio.queues:Queue.get_nowait", queues.take()),
)
