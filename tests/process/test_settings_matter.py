"""Each setting is read in a traced process, and another value of it changes something there.

What a process is like is told by itself: everything that the agent put together, but for the settings themselves, and what
a span with much in it looks like when it is sent.
"""

from __future__ import annotations

import json

import pytest

from autotrace.config.settings import TABLE
from machine import Machine

TELL = """\
import json, sqlite3, sys, time, types

def told(thing, seen):
    # What can be seen of an object of ours, and of what it holds; times, ids and what is no data are left out.
    if isinstance(thing, (str, int, float, bool, type(None))):
        return thing
    if id(thing) in seen or type(thing).__name__ in ("Settings", "Part", "Termination", "Span", "NonRecordingSpan", "Trace", "_File"):
        return type(thing).__name__
    seen.add(id(thing))
    if isinstance(thing, dict):
        return {str(key): told(value, seen) for key, value in thing.items()}
    if isinstance(thing, (list, tuple, set, frozenset)):
        values = [told(value, seen) for value in thing]
        return sorted(values, key=repr) if isinstance(thing, (set, frozenset)) else values
    if type(thing).__name__ == "SSLContext":
        return [str(thing.verify_mode), thing.cert_store_stats()]
    if not type(thing).__module__.startswith("autotrace"):
        return type(thing).__name__
    names = [name for kind in type(thing).__mro__ for name in getattr(kind, "__slots__", ())] + list(getattr(thing, "__dict__", ()))
    return {name: told(getattr(thing, name, None), seen) for name in names if name not in ("_offset", "thread", "_process", "_until")}

def decoded(requests):
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
    found = []
    for request in requests:
        for resource in ExportTraceServiceRequest.FromString(request).resource_spans:
            attributes = {one.key: one.value.string_value for one in resource.resource.attributes}
            del attributes["service.instance.id"]
            span = resource.scope_spans[0].spans[0]
            found.append([attributes, len(span.attributes), max(len(one.value.string_value) for one in span.attributes),
                          len(span.events), len(span.events[0].attributes) if span.events else 0, len(span.links)])
    return found

from autotrace import api, bootstrap, diagnostics
state = {"on": bootstrap._agent is not None}
if state["on"]:
    from autotrace import propagation
    from autotrace import faults as wall
    from autotrace.signals import TRACES
    from autotrace.families import db
    from autotrace.families.messaging import pull_settings
    from autotrace.conventions import http
    from autotrace.trace.tracer import tracer
    many = {f"key{number}": "value" * 20 for number in range(150)}
    spans, submit = [], tracer.submit
    tracer.submit = spans.append
    with api.span("work", **many) as span:
        pass
    tracer.submit = submit
    queue = getattr(submit, "__self__", None)
    worker = getattr(tracer.deliver, "__self__", None)
    if worker is not None and spans:
        spans[0].more().events = [(spans[0].start, "event", many)] * 150
        spans[0].more().links = [("01" * 16, "02" * 8, 1, "")] * 150
        state["sent"] = decoded(queue.encode(spans))
        worker.hasten(60)  # so that a sink tries once
        state["results"] = [one.export(TRACES, b"", time.monotonic() + 60).text for one in worker._exporters]
    state["seen"] = told(
        [bootstrap._agent, tracer, pull_settings.chosen, db.commenting, queue, worker, wall.limit, diagnostics.verbose, propagation.fields(),
         http._patterns, http._known_methods, http._any_case_keys],
        set(),
    )
print("told:" + json.dumps(state, sort_keys=True))
"""
RECEIVER = {"AUTOTRACE_EXPORTERS": "otlp", "AUTOTRACE_ENDPOINT": "https://127.0.0.1:9"}
# setting -> another value, and what has to be set beside it
OTHER = {
    "enabled": ("false", {}),
    "service_name": ("shop", {}),
    "resource_attributes": ("a=b", {}),
    "instrumentors": ("flask", {}),
    "instrumentors_off": ("sqlite3", {}),
    "exporters": ("console", {}),
    "endpoint": ("http://127.0.0.1:9", {}),
    "headers": ("a=b", RECEIVER),
    "compression": ("gzip", RECEIVER),
    "timeout_ms": ("1", RECEIVER),
    "certificate": ("/no/such/file", RECEIVER),
    "client_key": ("/no/such/key", {**RECEIVER, "AUTOTRACE_CLIENT_CERTIFICATE": "/no/such/file"}),
    "client_certificate": ("/no/such/file", RECEIVER),
    "insecure": ("true", RECEIVER),
    "sampler": ("always_off", {}),
    "sample_ratio": ("0.5", {}),
    "propagators": ("b3", {}),
    "parent_from_environment": ("false", {"TRACEPARENT": f"00-{'01' * 16}-{'02' * 8}-01"}),
    "batch_parent": ("ambient", {}),
    "receive_spans": ("never", {}),
    "sql_comments": ("true", {}),
    "excluded_urls": ("health", {}),
    "known_methods": ("QUERY", {}),
    "redacted_query_keys": ("mine", {}),
    "attribute_value_length": ("10", {}),
    "attribute_count": ("100", {}),
    "event_count": ("100", {}),
    "link_count": ("100", {}),
    "event_attribute_count": ("100", {}),
    "data_dir": ("elsewhere", {}),
    "inbox_max_bytes": ("1MiB", {}),
    "schedule_delay_ms": ("100", {}),
    "max_queue_size": ("100", {}),
    "max_queue_bytes": ("1MiB", {}),
    "max_export_batch_size": ("100", {}),
    "exit_timeout_ms": ("100", {}),
    "fault_limit": ("5", {}),
    "verbose": ("true", {}),
}


def test_every_setting_is_in_the_table_of_this_test():
    """One that is added says here what it changes."""
    assert sorted(OTHER) == sorted(setting.name for setting in TABLE)


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """A function that returns what a traced process tells of itself in an environment; each is asked once, or anew."""
    machine = Machine(tmp_path_factory.mktemp("told"))
    known = {}

    def ask(anew=False, **environ):
        key = tuple(sorted(environ.items()))
        if anew or key not in known:
            done = machine.python("-c", TELL, environ=environ)
            assert done.returncode == 0, done.stderr
            (line,) = [line for line in done.stdout.decode().split("\n") if line.startswith("told:")]
            known[key] = json.loads(line[len("told:") :])
        return known[key]

    return ask


@pytest.mark.parametrize("beside", [{}, RECEIVER], ids=["inbox", "receiver"])
def test_the_same_settings_tell_the_same(told, beside):
    """Else the next test would find a difference in anything."""
    assert told(**beside) == told(anew=True, **beside)


@pytest.mark.parametrize("name", OTHER)
def test_another_value_changes_something(told, name):
    """Beside the setting itself: what the agent is made of, what it sends, or what becomes of it."""
    value, beside = OTHER[name]
    assert told(**beside) != told(**beside, **{f"AUTOTRACE_{name.upper()}": value})
