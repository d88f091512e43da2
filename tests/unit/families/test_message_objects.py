"""What an object of a library on C is asked, and how often."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from autotrace.families.messaging import message_objects
from autotrace.trace.clocks import clocks


class Consumer:
    """Counts how often it is asked."""

    asked = 0
    closed = False

    def memberid(self):
        """Return a name that tells how often it was asked."""
        self.asked += 1
        if self.closed:
            raise RuntimeError("Consumer closed")
        return f"member-{self.asked}"

    def assignment(self):
        """Return one place; its partition tells how often the name was asked for."""
        if self.closed:
            raise RuntimeError("Consumer closed")
        return [SimpleNamespace(topic="orders", partition=self.asked)]


@pytest.fixture
def moment(monkeypatch):
    """The clock's time, in s, in a list."""
    now = [100.0]
    monkeypatch.setattr(clocks, "now", lambda: now[0])
    return now


def test_a_group_is_asked_once_a_second(moment):
    """Asking makes the program wait for the library's thread; a consumer that joins again may be called something else."""
    consumer, group = Consumer(), message_objects.Group()
    assert [group.of(consumer) for _ in range(3)] == [("member-1", [("orders", 0)])] * 3
    moment[0] += 0.9
    assert group.of(consumer) == ("member-1", [("orders", 0)])
    moment[0] += 0.2
    assert group.of(consumer) == ("member-2", [("orders", 1)])
    assert consumer.asked == 2


def test_a_closed_consumer_is_no_member(moment):
    """And what it was called is not told of it any more."""
    consumer, group = Consumer(), message_objects.Group()
    assert group.of(consumer) == ("member-1", [("orders", 0)])
    consumer.closed = True
    moment[0] += 2
    assert [group.of(consumer) for _ in range(2)] == [(None, ())] * 2
