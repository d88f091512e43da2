"""A hot path, a number of times: python workload.py PATH COUNT.  Imports nothing that is not needed.

The garbage collector is off: whether one of its full collections falls into the count depends on how many objects the
environment happens to have loaded, and one of them costs as much as a tenth of all that is counted.  Threads do not take
turns and the worker delivers at the end alone, all at once, so that no clock decides what is counted.
"""

from __future__ import annotations

import contextlib
import gc
import io
import os
import sys
import time

LONG, ENDLESS = 3600, 1 << 30
SETTLED = 1  # s in which the worker's thread has begun and sleeps
QUERY = "SELECT name FROM pizzas WHERE price < 10"
ENVIRON = {
    "REQUEST_METHOD": "GET",
    "PATH_INFO": "/pizzas",
    "QUERY_STRING": "hot=1",
    "SERVER_NAME": "127.0.0.1",
    "SERVER_PORT": "80",
    "SERVER_PROTOCOL": "HTTP/1.1",
    "HTTP_HOST": "shop",
    "HTTP_USER_AGENT": "curl",
    "HTTP_TRACEPARENT": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    "REMOTE_ADDR": "127.0.0.1",
    "wsgi.url_scheme": "http",
}


def yardstick(count):
    """What everything is measured in: calls, dictionaries and strings of plain Python."""

    def called(first, *args, **kwargs):
        return first, args, kwargs

    for number in range(count):
        made = {"number": number, "text": str(number)}
        called(number, made, key=f"{number}:{made['text']}")


def span(count):
    """A span made by hand, with five attributes."""
    import autotrace

    for _ in range(count):
        with autotrace.span("bake", pizza="margherita", oven=2, hot=True, degrees=480.5, shop="here"):
            pass


def query(count):
    """A query of sqlite3."""
    import sqlite3

    connection = sqlite3.connect(":memory:")
    execute = connection.cursor().execute
    execute("CREATE TABLE pizzas (name TEXT, price INTEGER)")
    for _ in range(count):
        execute(QUERY)


def request(count):
    """A request at the boundary of a WSGI server."""
    from wsgiref.handlers import SimpleHandler

    def application(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"hello"]

    for _ in range(count):
        SimpleHandler(io.BytesIO(), io.BytesIO(), io.StringIO(), ENVIRON.copy()).run(application)


def through(queues, count):
    """Put items into queues and take them out again, one after the other; nothing of it waits."""
    for _ in range(count):
        for queue in queues:
            item = [queue]
            put, get = queue.put(item), queue.get
            taken = get()
            for coroutine in (put, taken) if hasattr(put, "send") else ():
                with contextlib.suppress(StopIteration):
                    coroutine.send(None)


def unclaimed(count):
    """An item through a queue and one through asyncio's, while no span is current."""
    import asyncio
    import queue

    through((queue.Queue(), asyncio.Queue()), count)


def handover(count):
    """The same within a span."""
    import autotrace

    with autotrace.span("shop"):
        unclaimed(count)


def slower(submit):
    """Hand spans over in a way that takes some hundred instructions more for nothing."""

    def submitting(span):
        sorted(span.span_id * 2)
        submit(span)

    return submitting


def in_order():
    """Let one thread run after the other, the worker when the program ends, and the ids be the same each time."""
    sys.setswitchinterval(LONG)
    worker = sys.modules.get("autotrace.pipeline.worker")
    if worker is not None:
        ids = sys.modules["autotrace.trace.ids"]
        ids._generator.seed(0)
        ids.pool.clear()
        if "SLOWER" in os.environ:
            tracer = sys.modules["autotrace.trace.tracer"].tracer
            tracer.submit = slower(tracer.submit)
        worker._MUCH, worker._LOOK = ENDLESS, LONG
        sys.modules["autotrace.pipeline.queue"]._MANY = ENDLESS


if __name__ == "__main__":
    gc.disable()
    path = globals()[sys.argv[1]]
    path(1)  # loads autotrace
    in_order()
    time.sleep(SETTLED)
    path(int(sys.argv[2]))
