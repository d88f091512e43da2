"""A hot path, a number of times: python workload.py PATH COUNT.  Imports nothing that is not needed.

The garbage collector is off: whether one of its full collections falls into the count depends on how many objects the
environment happens to have loaded, and one of them costs as much as a tenth of all that is counted.  Threads do not take
turns and the worker delivers at the end alone, all at once, so that no clock decides what is counted.
"""

from __future__ import annotations

import contextlib
import functools
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


def _encoded(operation, facts, outcome, count, fresh):
    """Encode spans in batches; all are made in one way, so that only their encoding tells those with new facts apart."""
    from autotrace.config import settings
    from autotrace.export.otlp import Encoder
    from autotrace.trace.span import Span, Trace

    encoder = Encoder({"service.name": "shop"}, settings.load({}, "/"), lambda moment: moment)
    trace, repeated = Trace("0af7651916cd43dd8448eb211c80319c", 3), facts(0)
    spans = []
    for number in range(count):
        span = Span()
        made = facts(number)
        span.trace, span.span_id, span.parent_id, span.remote = trace, "b7ad6b7169203331", "", False
        span.operation, span.facts, span.outcome = operation, made if fresh else repeated, outcome
        span.failure = span.extras = span.notes = span.previous = None
        span.start, span.end = number, number + 1
        spans.append(span)
    for first in range(0, count, 100):
        encoder.encode(spans[first : first + 100])


def encode_client(count, fresh):
    """A request of an HTTP client, by its URL."""
    from autotrace.families.http import http_client

    def facts(number):
        return "GET", f"http://shop.example:8080/orders/{number}?page={number}", 0

    _encoded(http_client.operation("requests"), facts, (200, "1.1"), count, fresh)


def encode_server(count, fresh):
    """A request at a WSGI server, by its path, its query and who asks."""
    from autotrace.conventions.http_server import describe_decoded
    from autotrace.families.http import http_server

    def facts(number):
        path, asks = f"/orders/{number}", f"10.0.{number >> 8 & 255}.{number & 255}"
        return "GET", "http", path, f"page={number}", "shop:80", ("127.0.0.1", 80), asks, None, "curl/8", "1.1"

    _encoded(http_server.operation("wsgi", describe_decoded), facts, (200, "/orders/<id>", None), count, fresh)


def encode_query(count, fresh):
    """A statement with literals in it."""
    from autotrace.conventions.db import describe
    from autotrace.trace.span import CLIENT, Operation

    def facts(number):
        text = f"SELECT name, price FROM pizzas WHERE id = {number} AND shop = 'number {number}'"
        return ("sqlite", "/var/shop.db", None, None), text, None

    _encoded(Operation("db_client", CLIENT, "sqlite3", describe, uniform=True), facts, None, count, fresh)


def encode_message(count, fresh):
    """A message of Kafka that was handled, by its offset, key and wait."""
    from autotrace.families.messaging.stream import Messaging
    from autotrace.trace.span import CONSUMER, Operation

    def facts(number):
        subscription = ("orders",)
        return "orders", 3, number, f"k{number}", False, number / 8, "c1", "g1", "broker:9092", "m1", subscription

    operation = Operation("process", CONSUMER, "kafka", Messaging("kafka").describe_process)
    _encoded(operation, facts, None, count, fresh)


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
        ids._traces.clear()
        if "SLOWER" in os.environ:
            tracer = sys.modules["autotrace.trace.tracer"].tracer
            tracer.submit = slower(tracer.submit)
        worker._MUCH, worker._LOOK = ENDLESS, LONG
        sys.modules["autotrace.pipeline.queue"]._MANY = ENDLESS


if __name__ == "__main__":
    gc.disable()
    name, *how = sys.argv[1].split(":")
    path = functools.partial(globals()[name], **({"fresh": how == ["fresh"]} if how else {}))
    path(1)  # loads autotrace
    in_order()
    time.sleep(SETTLED)
    path(int(sys.argv[2]))
