"""Builds what the tests of findings start from: requests, queries, calls and messages, times in ms."""

from __future__ import annotations

import itertools

from autotrace.store.model import assemble
from unit.store.trees import span as plain

MS = 1_000_000
_numbers = itertools.count(1)


def span(name, start, end, parent=None, kind="INTERNAL", service="shop", **more):
    """One span."""
    above = parent.span_id if parent else None
    number = f"{next(_numbers):016x}"
    return plain(number, int(start * MS), int(end * MS), above, name=name, kind=kind, service=service, **more)


def server(name, start, end, parent=None, service="shop", path="/", **more):
    """A request that a service answers."""
    attributes = {"http.request.method": name.split()[0], "url.path": path}
    return span(name, start, end, parent, "SERVER", service, attributes=attributes, **more)


def call(url, start, end, parent, service="shop", **more):
    """A request that a service makes."""
    attributes = {"http.request.method": "GET", "url.full": url}
    return span("GET", start, end, parent, "CLIENT", service, attributes=attributes, **more)


def query(text, start, end, parent, service="shop", **more):
    """A statement on a database."""
    attributes = {"db.system.name": "sqlite", "db.query.text": text, "db.namespace": "/data/shop.db"}
    return span(" ".join(text.split()[:2]), start, end, parent, "CLIENT", service, attributes=attributes, **more)


def sent(topic, start, end, parent=None, service="shop", **more):
    """A message that is sent."""
    attributes = {"messaging.system": "kafka", "messaging.destination.name": topic}
    return span(f"send {topic}", start, end, parent, "PRODUCER", service, attributes=attributes, **more)


def taken(topic, start, end, parent=None, service="kitchen", process="one", group="", **more):
    """A message that is handled."""
    attributes = {"messaging.system": "kafka", "messaging.destination.name": topic}
    if group:
        attributes["messaging.consumer.group.name"] = group
    resource = {"service.instance.id": process}
    return span(
        f"process {topic}", start, end, parent, "CONSUMER", service, attributes=attributes, resource=resource, **more
    )


def raised(kind, message, stack=""):
    """The event of an exception, as the argument of a span."""
    attributes = {"exception.type": kind, "exception.message": message, "exception.stacktrace": stack}
    return {"failed": True, "events": [{"name": "exception", "time_ns": 0, "attributes": attributes}]}


def trace(*spans):
    """A trace with an id of its own."""
    return assemble(f"{next(_numbers):032x}", list(spans))
