"""What the contract of messaging is written in: how a library is spoken to, and what spans are expected."""

from __future__ import annotations

from abc import ABC, abstractmethod

import pytest

from autotrace.trace.context import get_current

WAIT = "autotrace.messaging.wait_ms"
MEMBER = "autotrace.messaging.consumer.member.id"


def hexadecimal(number):
    """Return a span id of the recorder's."""
    return f"{number:016x}"


def creation(trace, parent):
    """Return what the expected span of handling a message has of a link to the creation, which is its parent too."""
    return {"links": [(f"{trace:032x}", hexadecimal(parent))]} if parent else {}


def current_id():
    """Return the id of the current span, or None."""
    current = get_current()
    return current.span_id if current is not None else None


class MessagingBase(ABC):
    """How a library is spoken to, and what spans are expected."""

    name = ""  # of the instrumentor
    member_told = True  # whether a span says which member of its group the consumer is

    @abstractmethod
    def producer(self, **options):
        """Return a new producer; the client id is "sender"."""

    @abstractmethod
    def consumer(self, topic, **options):
        """Return a new consumer, from the topic's beginning; the client id is "reader", the group is the topic's name."""

    @abstractmethod
    def send(self, producer, topic, value, key=None, headers=None):
        """Send a message and return what the library returns."""

    @abstractmethod
    def delivered(self, sent):
        """Wait until the broker has answered; raises what the library raises."""

    def serve(self, producer):  # noqa: B027 - most have a thread
        """Let a library that has no thread for it see the broker's answers."""

    @abstractmethod
    def poll(self, consumer, count):
        """Return batches with at least ``count`` messages in all; each is what the program would loop over."""

    @abstractmethod
    def try_poll(self, consumer):
        """Ask for messages for a moment, and get none."""

    def close(self, client):
        """Close a producer or a consumer."""
        client.close()

    @abstractmethod
    def commit(self, consumer):
        """Commit how far the consumer has come, and wait for the answer."""

    @abstractmethod
    def refused(self, producer, topic):
        """Send what the library itself refuses with an exception."""

    @abstractmethod
    def attributes(self, operation, topic, key, offset):
        """Return the expected attributes, but for the wait; what is None is left out."""

    @abstractmethod
    def functions(self):
        """Return the library's public functions that are patched, as (owner, name)."""

    # What the tests are written in.

    @pytest.fixture
    def connect(self, instrument):
        """A function that makes clients, which are closed when the test ends."""
        instrument(self.name)
        made = []

        def now(make, *args, **options):
            client = make(*args, **options)
            made.append(client)
            return client

        yield now
        for client in made:
            self.close(client)

    @pytest.fixture
    def topic(self, kafka_topic):
        """A topic of this test's own."""
        return kafka_topic

    @pytest.fixture
    def filled(self, connect, topic, recorder):
        """A topic with the messages 0, 1, 2, whose spans have the ids 1, 2, 3."""
        self.fill(connect(self.producer), topic, 3)
        recorder.wait(3)
        recorder.clear()
        return topic

    def fill(self, producer, topic, count):
        """Send messages and wait for all of them."""
        for number in range(count):
            self.delivered(self.send(producer, topic, b"%d" % number))

    def sent(self, topic, number, trace=None, parent="", key=None, offset=0, **more):
        """Return the expected span of a message that was sent."""
        return {
            "name": f"send {topic}",
            "kind": "PRODUCER",
            "scope": self.name,
            "trace_id": f"{number if trace is None else trace:032x}",
            "span_id": hexadecimal(number),
            "parent_id": parent and hexadecimal(parent),
            "attributes": self.attributes("send", topic, key, offset),
            "status": "UNSET",
            **more,
        }

    def processed(self, topic, number, trace, parent, key=None, offset=0, came_in=True, **more):
        """Return the expected span of a message that was handled; it links to its creation, which is its parent too."""
        return {
            "name": f"process {topic}",
            "kind": "CONSUMER",
            "scope": self.name,
            "trace_id": f"{trace:032x}",
            "span_id": hexadecimal(number),
            "parent_id": parent and hexadecimal(parent),
            "attributes": self.attributes("process", topic, key, offset),
            "status": "UNSET",
            **(creation(trace, parent) if came_in else {}),
            **more,
        }

    def pulled(self, topic, number, trace, parent, links=(), offset=None, count=0):
        """Return the expected span of a pull; ``links`` are the numbers of producers' spans and of their traces."""
        attributes = self.attributes("poll", topic, None, offset)
        if count:
            attributes["messaging.batch.message_count"] = count
        found = {
            "name": f"poll {topic}",
            "kind": "CLIENT",
            "scope": self.name,
            "trace_id": f"{trace:032x}",
            "span_id": hexadecimal(number),
            "parent_id": parent and hexadecimal(parent),
            "attributes": attributes,
            "status": "UNSET",
        }
        return {**found, "links": [(f"{link:032x}", hexadecimal(link)) for link in links]} if links else found

    def committed(self, topic, number, trace, parent):
        """Return the expected span of a commit that names what it settles, or finds it out."""
        return {
            **self.pulled(topic, number, trace, parent),
            "name": f"commit {topic}",
            "attributes": self.attributes("commit", topic, None, None),
        }

    def spans(self, recorder, count):
        """Return the finished spans without wait and member, which must be there where a message was handled."""
        found = recorder.wait(count)
        for one in found:
            wait = one["attributes"].pop(WAIT, None)
            assert (type(wait) is int and wait >= 0) if one["kind"] == "CONSUMER" else wait is None
            member = one["attributes"].pop(MEMBER, None)
            told = self.member_told and one["kind"] in ("CONSUMER", "CLIENT")
            assert (type(member) is str and member) if told else member is None
        return found

    @staticmethod
    def internal(name, number, trace, parent):
        """Return the expected span of the program's own."""
        return {
            "name": name,
            "kind": "INTERNAL",
            "scope": "api",
            "trace_id": f"{trace:032x}",
            "span_id": hexadecimal(number),
            "parent_id": parent and hexadecimal(parent),
            "attributes": {},
            "status": "UNSET",
        }
