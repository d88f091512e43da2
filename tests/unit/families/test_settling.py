"""Commits, with a library of this test's own: what no broker is needed for."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from autotrace.api import span
from autotrace.families.messaging import message_objects
from autotrace.families.messaging.stream import Messaging
from autotrace.faults import faults
from autotrace.trace.context import get_current
from autotrace.trace.sampling import Sampler
from autotrace.trace.tracer import tracer

ACME = Messaging("acme")


class RefusedError(Exception):
    """What our library's errors become."""


def place(topic, partition=0, error=None):
    """Return a place as a library on C has it."""
    return SimpleNamespace(topic=topic, partition=partition, error=error)


class Consumer:
    """A library's consumer."""

    def assignment(self):
        """Return what is assigned."""
        return [place("jobs", 1)]

    def memberid(self):
        """Return what it is called in its group."""
        return "me-1"

    def commit(self, message=None, offsets=None):
        """Return the places that were committed."""
        return offsets or self.assignment()


def client(_consumer):
    """Look at a consumer."""
    return "me", "workers", "b:9092", None, ()


def settled(args, kwargs):
    """Return the places that are named, or else all that are assigned."""
    return message_objects.named(args, kwargs) or message_objects.Group().of(args[0])[1]


def committing(places=settled, told=None):
    """Return a traced ``commit(consumer, message, offsets)``."""
    return ACME.commit(places, client, told=told)(Consumer.commit, "acme")


def test_what_is_assigned_is_committed_where_nothing_is_named(recorder):
    """The span says of which topic and partition, by whom, and where."""
    returned = committing()(Consumer())
    assert [one.topic for one in returned] == ["jobs"]
    (committed,) = recorder.wait(1)
    assert committed["attributes"] == {
        "messaging.system": "acme",
        "messaging.operation.name": "commit",
        "messaging.operation.type": "settle",
        "messaging.destination.name": "jobs",
        "messaging.destination.partition.id": "1",
        "messaging.consumer.group.name": "workers",
        "messaging.client.id": "me",
        "server.address": "b",
        "server.port": 9092,
    }
    assert (committed["name"], committed["kind"], committed["parent_id"]) == ("commit jobs", "CLIENT", "")


def test_places_of_several_topics_are_no_destination(recorder):
    """The name then says where the broker is."""
    committing()(Consumer(), None, [place("jobs"), place("other")])
    (committed,) = recorder.wait(1)
    assert committed["name"] == "commit b:9092"
    assert "messaging.destination.name" not in committed["attributes"]


def test_a_place_that_was_refused_fails_the_span(recorder):
    """A library that returns errors raises nothing, and neither do we."""
    commit = committing(told=message_objects.refused(RefusedError))
    returned = commit(Consumer(), offsets=[place("jobs"), place("jobs", 1, "not the leader")])
    assert len(returned) == 2
    (failed,) = recorder.wait(1)
    assert (failed["status"], failed["message"]) == ("ERROR", "not the leader")


def test_a_commit_by_another_commit_is_one_span(recorder):
    """One operation, one span; what was current comes back."""
    inner = committing()
    outer = ACME.commit(message_objects.named, client)(inner, "acme")
    with span("worker"):
        around = get_current()
        outer(Consumer())
        assert get_current() is around
    recorder.wait(2)


def test_a_commit_in_a_trace_that_is_not_recorded_has_no_span(recorder):
    """Nothing goes out with it, so there is nothing to be made."""
    tracer.sampler = Sampler(0.0)
    with span("worker"):
        committing()(Consumer())
    assert recorder.finished() == []


def test_what_cannot_be_looked_at_is_still_committed(recorder):
    """An adapter that raises costs the span."""

    def broken(_args, _kwargs):
        raise RuntimeError("ours")

    with pytest.raises(TypeError):
        committing()(Consumer(), no_such=1)
    assert [one.topic for one in committing(broken)(Consumer())] == ["jobs"]
    assert [one["status"] for one in recorder.wait(1)] == ["ERROR"]
    assert faults.pop("acme") == 1
