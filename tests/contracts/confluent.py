"""What is expected of confluent-kafka's consumers beside what is expected of every Kafka client."""

from __future__ import annotations

import gc
import importlib
import sys
import warnings
from abc import abstractmethod
from importlib.metadata import version
from typing import NamedTuple

import pytest

from contracts.kafka import KafkaMessaging
from waiting import until


def need_asyncio():
    """Skip a test, or a whole module, where the installed version has no asyncio classes; from 2.13 on it must have them."""
    if tuple(map(int, version("confluent-kafka").split(".")[:2])) < (2, 13):
        pytest.skip("confluent-kafka 2.13 brought its asyncio classes", allow_module_level=True)


class Seen(NamedTuple):
    """A message as the contract reads it."""

    value: bytes
    key: bytes
    headers: list
    offset: int


class Batch:
    """A library's list, whose messages are read by attributes."""

    def __init__(self, messages):
        self.messages = messages

    def __iter__(self):
        return map(seen, self.messages)

    def __getitem__(self, index):
        return seen(self.messages[index])


def seen(message):
    """Return a message as the contract reads it."""
    return Seen(message.value(), message.key(), message.headers() or [], message.offset())


class Sent:
    """What the contract waits for: the report of a delivery."""

    def __init__(self, producer):
        self.producer = producer
        self.answers = []

    def told(self, error, message):
        self.answers.append((error, message))


class Iterated:
    """What makes a consumer one that can be iterated over; it subscribes to ``topic`` when it is first asked."""

    topic = ""
    subscribed = False

    def begin(self):
        """Subscribe, the first time."""
        if not self.subscribed:
            self.subscribed = True
            self.subscribe([self.topic])

    def __iter__(self):
        return self

    def __next__(self):
        self.begin()

        def polled():
            message = self.poll(5)
            return [] if message is None or message.error() is not None else [message]

        return seen(until(polled, "a message")[0])


class ConfluentKafka(KafkaMessaging):
    """The contract, with the package imported anew; a subclass adds a kind of consumer by its ``reader``."""

    name = "confluent_kafka"

    @pytest.fixture(autouse=True)
    def _broker(self, kafka_broker):
        self.bootstrap = kafka_broker.bootstrap
        yield
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)  # of sockets that tests before this one left
            gc.collect()

    @pytest.fixture(autouse=True)
    def _package(self, instrument, monkeypatch):
        """The package as a traced program imports it: derived from what is in the extension module then."""
        importlib.import_module("confluent_kafka.cimpl")
        instrument("confluent_kafka")
        for name in [name for name in sys.modules if name.startswith("confluent_kafka")]:
            if name != "confluent_kafka.cimpl":
                monkeypatch.delitem(sys.modules, name)
        self.library = importlib.import_module("confluent_kafka")
        self.prepare(instrument)

    def prepare(self, instrument):
        """Do what is to be done once the package is there."""

    def producer(self, **options):
        return self.library.Producer({"bootstrap.servers": self.bootstrap, "client.id": "sender", **options})

    @abstractmethod
    def reader(self, topic, configuration, kind=None):
        """Return an Iterated consumer; ``kind`` is another class of the package's than the usual."""

    def consumer(self, topic, group=None, kind=None, **options):
        configuration = {
            "bootstrap.servers": self.bootstrap,
            "client.id": "reader",
            "group.id": group or topic,
            "auto.offset.reset": "earliest",
            "topic.metadata.refresh.interval.ms": 200,
        }
        return self.reader(topic, {**configuration, **options}, kind)

    def send(self, producer, topic, value, key=None, headers=None):
        sent = Sent(producer)
        producer.produce(topic, value=value, key=key, headers=headers, on_delivery=sent.told)
        return sent

    def delivered(self, sent):
        def told():
            sent.producer.poll(0.1)  # which may serve another thread's report, or leave this one's to another thread
            return sent.answers

        until(told, "the delivery report")
        ((error, _message),) = sent.answers
        assert error is None

    def serve(self, producer):
        producer.flush(30)

    def poll(self, consumer, count):
        consumer.begin()
        found = until(lambda: consumer.consume(count, 5), "messages")
        assert len(found) == count
        return [Batch(self.inside(found))]

    def inside(self, messages):
        """Return messages as the program sees them."""
        return messages

    def try_poll(self, consumer):
        consumer.begin()
        assert consumer.poll(0.001) is None

    def close(self, client):
        if hasattr(client, "close"):
            client.close()
        else:
            client.flush(30)

    def commit(self, consumer):
        consumer.commit(asynchronous=False)

    def commit_nonsense(self, consumer):
        consumer.commit("nonsense", asynchronous=False)

    def commit_first(self, consumer, topic):
        consumer.commit(offsets=[self.library.TopicPartition(topic, 0, 1)], asynchronous=False)

    def uncommitting(self, topic):
        return self.consumer(topic)  # it has not read anything

    def refused(self, producer, topic):
        producer.produce(topic, object())

    def functions(self):
        """Methods of C: they have no signature, with us as without us."""
        return []

    def transact(self, producer, topic, way):
        producer.begin_transaction()
        producer.produce(topic, b"x")
        producer.flush(30)
        getattr(producer, f"{way}_transaction")(30)

    def transactional(self, topic):
        producer = self.producer(**{"transactional.id": topic})
        producer.init_transactions(30)
        return producer
