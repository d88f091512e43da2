"""queue and asyncio's queues: what is put into one is done for whoever was current where it was put.

``SimpleQueue`` is written in C, and is not traced.
"""

from __future__ import annotations

from autotrace.families.execution import queues
from autotrace.patching import Instrumentor, Patch

_put, _take = queues.put("queue"), queues.take()

INSTRUMENTOR = Instrumentor(
    library="queue",
    versions="*",
    distribution="",
    patches=(
        Patch("queue:Queue._put", _put),
        Patch("queue:PriorityQueue._put", _put),
        Patch("queue:LifoQueue._put", queues.put("queue", last=True)),
        Patch("queue:Queue._get", _take),
        Patch("queue:PriorityQueue._get", _take),
        Patch("queue:LifoQueue._get", _take),
        Patch("queue:Queue.get", queues.wait()),
    ),
)

ASYNCIO = Instrumentor(
    library="queue_asyncio",
    versions="*",
    distribution="",
    patches=(
        Patch("asyncio.queues:Queue.put_nowait", queues.put("_queue")),
        Patch("asyncio.queues:Queue.get_nowait", queues.take()),
    ),
)
