"""confluent-kafka's asyncio classes: what is sent and handled is in one trace, in the task that awaits it."""

from __future__ import annotations

import asyncio
import importlib
import sys
from functools import partial

import pytest

from autotrace.api import span
from autotrace.testing.contracts.asynchronous import Inside, Loop
from autotrace.testing.contracts.messaging_base import current_id, hexadecimal
from contracts.confluent import ConfluentKafka, Iterated, need_asyncio

need_asyncio()


class Reader(Iterated):
    """An asyncio consumer, spoken to without ``await``."""

    def __init__(self, loop, consumer, topic):
        self.loop, self.bare, self.topic = loop, consumer, topic
        self.closed = False

    def __getattr__(self, name):
        return partial(self.loop.run, getattr(self.bare, name))

    def close(self):
        """Close it once: the library wants no second time."""
        if not self.closed:
            self.closed = True
            self.loop.run(self.bare.close)


class TestAIOConsumer(ConfluentKafka):
    """The contract, for what a plain producer sends: AIOProducer takes no headers."""

    member_told = False  # it may not be asked while it works

    @pytest.fixture(autouse=True)
    def _loop(self):
        self.loop = Loop()
        yield
        self.loop.close()

    def prepare(self, instrument):
        instrument("confluent_kafka_aio")
        self.aio = importlib.import_module("confluent_kafka.aio")

    def reader(self, topic, configuration, kind=None):
        return Reader(self.loop, self.loop.call(self.aio.AIOConsumer, configuration), topic)

    def inside(self, messages):
        return Inside(self.loop, messages)

    def settled(self, topic, number, trace, parent):
        """What is assigned may not be asked either."""
        settled = self.committed(topic, number, trace, parent)
        for name in ("messaging.destination.name", "messaging.destination.partition.id"):
            del settled["attributes"][name]
        return {**settled, "name": f"commit {self.bootstrap}"}

    def functions(self):
        kind = self.aio.AIOConsumer
        return [(kind, name) for name in ("poll", "consume", "commit", "unsubscribe", "close")]


@pytest.fixture
def loop():
    """A loop to run programs in."""
    made = Loop()
    yield made
    made.close()


@pytest.fixture
def aio(instrument, monkeypatch):
    """The asyncio classes, as a traced program imports them."""
    instrument("confluent_kafka")
    for name in [name for name in sys.modules if name.startswith("confluent_kafka")]:
        if name != "confluent_kafka.cimpl":
            monkeypatch.delitem(sys.modules, name)
    instrument("confluent_kafka_aio")
    return importlib.import_module("confluent_kafka.aio")


def reader(aio, address, topic):
    """Return a consumer from the topic's beginning."""
    return aio.AIOConsumer(
        {"bootstrap.servers": address, "client.id": "reader", "group.id": topic, "auto.offset.reset": "earliest"}
    )


def test_what_is_sent_is_told_with_its_answer(aio, loop, kafka_broker, kafka_topic, recorder):
    """Each message's span is beneath what caused it, and ends with what the broker said; no headers are sent."""

    async def program():
        producer = aio.AIOProducer({"bootstrap.servers": kafka_broker.bootstrap, "client.id": "sender"})
        with span("order"):
            sent = [await producer.produce(kafka_topic, value=b"%d" % number) for number in range(3)]
            assert current_id() == hexadecimal(1)
        await producer.flush()
        assert [message.offset() for message in await asyncio.gather(*sent)] == [0, 1, 2]
        await producer.close()

    loop.run(program)
    found = {one["span_id"]: one for one in recorder.wait(4)}
    for number in range(3):
        sent = found[hexadecimal(2 + number)]
        assert (sent["kind"], sent["parent_id"]) == ("PRODUCER", hexadecimal(1))
        assert sent["attributes"]["messaging.kafka.offset"] == number
        assert sent["attributes"]["messaging.client.id"] == "sender"


def test_messages_are_handled_in_the_trace_that_sent_them(aio, loop, kafka_broker, kafka_topic, recorder):
    """``poll`` and ``consume``: each message's span is current in the task, and beneath its producer's."""
    producer = sys.modules["confluent_kafka"].Producer({"bootstrap.servers": kafka_broker.bootstrap})
    for number in range(3):
        producer.produce(kafka_topic, b"%d" % number)
    producer.flush(30)

    async def program():
        consumer = reader(aio, kafka_broker.bootstrap, kafka_topic)
        await consumer.subscribe([kafka_topic])
        first = None
        while first is None:
            first = await asyncio.wait_for(consumer.poll(1), 30)
        seen = [(first.value(), current_id())]
        batch = []
        while not batch:
            batch = await consumer.consume(2, 5)
        assert current_id() == hexadecimal(5)
        seen += [(message.value(), current_id()) for message in batch]
        await consumer.close()
        return seen

    assert loop.run(program) == [(b"0", hexadecimal(4)), (b"1", hexadecimal(6)), (b"2", hexadecimal(7))]
    found = {one["span_id"]: one for one in recorder.wait(7)}
    assert found[hexadecimal(5)]["links"] == [(f"{number:032x}", hexadecimal(number)) for number in (2, 3)]
    for number, own in ((1, 4), (2, 6), (3, 7)):
        handled = found[hexadecimal(own)]
        assert (handled["kind"], handled["parent_id"]) == ("CONSUMER", hexadecimal(number))
        assert handled["attributes"]["messaging.consumer.group.name"] == kafka_topic
        assert handled["attributes"]["autotrace.messaging.consumer.subscription"] == [kafka_topic]


def test_a_commit_is_one_span_beneath_the_message(aio, loop, kafka_broker, kafka_topic, recorder):
    """The inner consumer's commit, in a thread, makes no second one; what is committed is not asked of it."""

    async def program():
        producer = aio.AIOProducer({"bootstrap.servers": kafka_broker.bootstrap})
        await producer.produce(kafka_topic, value=b"x")
        await producer.flush()
        await producer.close()
        consumer = reader(aio, kafka_broker.bootstrap, kafka_topic)
        await consumer.subscribe([kafka_topic])
        message = None
        while message is None:
            message = await consumer.poll(1)
        await consumer.commit(message, asynchronous=False)
        await consumer.close()

    loop.run(program)
    _, committed, handled = recorder.wait(3)
    assert (committed["name"], committed["parent_id"]) == (f"commit {kafka_topic}", handled["span_id"])
    assert committed["attributes"]["messaging.operation.type"] == "settle"


def test_closing_ends_the_message(aio, loop, kafka_broker, kafka_topic, recorder):
    """The exception that is in flight then is its failure."""

    async def program():
        producer = aio.AIOProducer({"bootstrap.servers": kafka_broker.bootstrap})
        await producer.produce(kafka_topic, value=b"x")
        await producer.flush()
        await producer.close()
        async with reader(aio, kafka_broker.bootstrap, kafka_topic) as consumer:
            await consumer.subscribe([kafka_topic])
            while await consumer.poll(1) is None:
                pass
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        loop.run(program)
    _, handled = recorder.wait(2)
    assert (handled["kind"], handled["status"]) == ("CONSUMER", "ERROR")
