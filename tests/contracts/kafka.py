"""What is expected of every Kafka client beside the contract of messaging."""

from __future__ import annotations

from abc import abstractmethod

import pytest

from autotrace.api import span
from autotrace.families.messaging import pull_settings
from autotrace.faults import faults
from autotrace.testing.contracts.messaging import MessagingContract
from autotrace.testing.contracts.messaging_base import current_id, hexadecimal


class KafkaMessaging(MessagingContract):
    """The attributes that a Kafka client's spans have; ``bootstrap`` is the broker's address."""

    bootstrap = ""

    def attributes(self, operation, topic, key, offset):
        host, _, port = self.bootstrap.rpartition(":")
        handled = operation != "send"
        known = {
            "messaging.system": "kafka",
            "messaging.operation.name": operation,
            "messaging.operation.type": {"poll": "receive", "commit": "settle"}.get(operation, operation),
            "messaging.destination.name": topic,
            "messaging.destination.partition.id": "0",
            "messaging.consumer.group.name": topic if handled else None,
            "autotrace.messaging.consumer.subscription": [topic] if handled else None,
            "messaging.client.id": "reader" if handled else "sender",
            "messaging.kafka.offset": offset,
            "messaging.kafka.message.key": key,
            "server.address": host,
            "server.port": int(port),
        }
        return {name: value for name, value in known.items() if value is not None}

    # Pulls, batches and commits.

    def test_a_batch_may_belong_to_what_is_around_the_consumer(self, connect, filled, recorder, monkeypatch):
        """``batch_parent`` is ``ambient``: each message is beneath the span around the loop, and linked to its producer."""
        self.choose(monkeypatch, batch_parent="ambient")
        consumer = connect(self.consumer, filled)
        with span("worker"):
            (batch,) = self.poll(consumer, 3)
            assert [current_id() for _message in batch] == [hexadecimal(number) for number in (6, 7, 8)]
            assert current_id() == hexadecimal(4)
        assert self.spans(recorder, 5) == [
            self.pulled(filled, 5, trace=4, parent=4, links=(1, 2, 3), count=3),
            *(
                self.processed(filled, 5 + number, trace=4, parent=4, offset=number - 1, links=self.link(number))
                for number in (1, 2, 3)
            ),
            self.internal("worker", 4, 4, ""),
        ]

    def test_a_batch_with_nothing_around_it_may_be_one_trace_beneath_its_pull(
        self, connect, filled, recorder, monkeypatch
    ):
        """``ambient`` where nothing is current: the pull's span is the parent, and of the commit, too."""
        self.choose(monkeypatch, batch_parent="ambient")
        consumer = connect(self.consumer, filled)
        (batch,) = self.poll(consumer, 3)
        for _message in batch:
            pass
        self.commit(consumer)
        self.close(consumer)
        assert self.spans(recorder, 5) == [
            self.pulled(filled, 4, trace=4, parent="", links=(1, 2, 3), count=3),
            self.settled(filled, 8, trace=4, parent=4),
            *(
                self.processed(filled, 4 + number, trace=4, parent=4, offset=number - 1, links=self.link(number))
                for number in (1, 2, 3)
            ),
        ]

    def test_a_message_that_came_alone_is_beneath_its_producer_whatever_is_said_of_batches(
        self, connect, topic, recorder, monkeypatch
    ):
        """One message is no batch, however it was asked for."""
        self.choose(monkeypatch, batch_parent="ambient")
        self.fill(connect(self.producer), topic, 1)
        consumer = connect(self.consumer, topic)
        (batch,) = self.poll(consumer, 1)
        for _message in batch:
            pass
        self.close(consumer)
        assert self.spans(recorder, 2)[1] == self.processed(topic, 2, trace=1, parent=1)

    def test_no_pull_has_a_span_where_none_is_wanted(self, connect, filled, recorder, monkeypatch):
        """``receive_spans`` is ``never``: the messages have theirs all the same."""
        self.choose(monkeypatch, receive_spans="never")
        consumer = connect(self.consumer, filled)
        with span("worker"):
            for _message in self.poll(consumer, 3)[0]:
                pass
        assert [one["kind"] for one in recorder.wait(4)] == ["CONSUMER"] * 3 + ["INTERNAL"]

    def test_every_pull_that_brought_something_may_have_a_span(self, connect, topic, recorder, monkeypatch):
        """``receive_spans`` is ``always``: a pull that nothing is around is a trace of its own, linked to the producer."""
        self.choose(monkeypatch, receive_spans="always")
        self.fill(connect(self.producer), topic, 1)
        consumer = connect(self.consumer, topic)
        next(consumer)
        self.try_poll(consumer)
        assert self.spans(recorder, 3)[1:] == [
            self.pulled(topic, 2, trace=2, parent="", links=(1,), offset=0),
            self.processed(topic, 3, trace=1, parent=1),
        ]

    def test_a_commit_is_a_span_beneath_the_message_that_it_settles(self, connect, topic, recorder):
        """It says whose group and which topic; the message is current again afterwards."""
        self.fill(connect(self.producer), topic, 1)
        consumer = connect(self.consumer, topic)
        next(consumer)
        self.commit(consumer)
        assert current_id() == hexadecimal(2)
        self.close(consumer)
        assert self.spans(recorder, 3)[1:] == [
            self.settled(topic, 3, trace=1, parent=2),
            self.processed(topic, 2, trace=1, parent=1),
        ]

    def test_what_a_commit_settles_may_be_named(self, connect, topic, recorder):
        """Offsets that the program gives are committed as given, and the span tells of their topic and partition."""
        self.fill(connect(self.producer), topic, 2)
        consumer = connect(self.consumer, topic)
        next(consumer)
        self.commit_first(consumer, topic)
        self.close(consumer)
        assert self.spans(recorder, 4)[2] == self.committed(topic, 4, trace=1, parent=3)
        other = connect(self.consumer, topic)
        assert next(other).value == b"1"

    def test_a_commit_that_fails_tells_the_program_and_its_span(self, connect, topic, recorder):
        """The exception is the library's, and what the span failed of."""
        consumer = connect(self.uncommitting, topic)
        with pytest.raises(Exception, match=r".*") as caught:
            self.commit(consumer)
        (failed,) = recorder.wait(1)
        assert (failed["kind"], failed["status"], failed["message"]) == ("CLIENT", "ERROR", str(caught.value))
        assert failed["attributes"]["messaging.operation.type"] == "settle"
        assert failed["exception"] == f"{failed['attributes']['error.type']}: {caught.value}"

    def test_what_cannot_be_committed_is_for_the_library_to_refuse(self, connect, topic, recorder):
        """Its exception, not ours, reaches the program; the span failed of it, and nothing of ours did."""
        consumer = connect(self.consumer, topic)
        with pytest.raises(Exception, match=r".*") as caught:
            self.commit_nonsense(consumer)
        (failed,) = recorder.wait(1)
        assert failed["attributes"]["messaging.operation.type"] == "settle"
        assert failed["attributes"]["error.type"].rpartition(".")[2] == type(caught.value).__name__
        assert faults == {}

    @abstractmethod
    def commit_nonsense(self, consumer):
        """Commit a place that is none, where a client expects one."""

    def settled(self, topic, number, trace, parent):
        """Return the expected span of a commit of whatever the consumer has got to."""
        return self.committed(topic, number, trace, parent)

    @abstractmethod
    def uncommitting(self, topic):
        """Return a consumer that refuses to commit."""

    @pytest.mark.parametrize("way", ["commit", "abort"])
    def test_a_transaction_says_so_and_how_it_ended(self, connect, topic, recorder, way):
        """Its id is on each message, and on the span of its end, which settles them."""
        producer = connect(self.transactional, topic)
        with span("order"):
            self.transact(producer, topic, way)
        found = {one["name"]: one for one in recorder.wait(3)}
        for name in (f"send {topic}", f"{way}_transaction {self.bootstrap}"):
            assert (found[name]["parent_id"], found[name]["status"]) == (hexadecimal(1), "UNSET")
            assert found[name]["attributes"]["autotrace.messaging.transaction.id"] == topic
        assert found[name]["attributes"]["messaging.operation.type"] == "settle"
        assert found[name]["kind"] == "CLIENT"

    @abstractmethod
    def transactional(self, topic):
        """Return a producer whose transactional id is the topic's name, ready for its first transaction."""

    @abstractmethod
    def transact(self, producer, topic, way):
        """Begin a transaction, send one message, and ``commit`` or ``abort``."""

    @staticmethod
    def choose(monkeypatch, **settings):
        """Have other settings of pulls and batches in a test."""
        monkeypatch.setattr(pull_settings, "chosen", pull_settings.Choice(**settings))

    @staticmethod
    def link(number):
        """Return the link to a producer's span, which is the root of the trace of the same number."""
        return [(f"{number:032x}", hexadecimal(number))]

    @abstractmethod
    def commit_first(self, consumer, topic):
        """Commit that the first message of partition 0 has been handled, by naming it."""
