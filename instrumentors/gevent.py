"""gevent: a greenlet inherits the span in which it is started; so do native threads of a pool, for each piece of work.

Without us a greenlet starts in an empty context.  Threads that ``gevent.monkey`` turns into greenlets come through here,
whether it patched ``threading`` before or after us.

Not handled: greenlets of the program's own that are switched to and never started.
"""

from __future__ import annotations

from gevent import getcurrent  # type: ignore[import-untyped,unused-ignore]
from gevent.greenlet import Greenlet  # type: ignore[import-untyped,unused-ignore]

from autotrace.families.execution import concurrency, places
from autotrace.patching import Instrumentor, Patch

# The class is one of C, in which nothing can be patched; for whoever wants to know of greenlets it has this.
Greenlet.add_spawn_callback(concurrency.inherit)
places.several(getcurrent)

_raw = concurrency.make_greenlet(lambda _, result: result)

INSTRUMENTOR = Instrumentor("gevent", Patch("gevent:spawn_raw", _raw), Patch("gevent.hub:spawn_raw", _raw))

THREADPOOL = Instrumentor(
    "gevent_threadpool", Patch("gevent.threadpool:ThreadPool.spawn", concurrency.carry(1, "func"))
)
