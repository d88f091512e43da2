"""Kafka, by each of its clients: sent with and without headers of the program's, too large, pulled in each way."""

from __future__ import annotations

import asyncio
import importlib
import uuid
from contextlib import closing, contextmanager

from .common import INCOMING, awaited, loop, outcome, silenced

_LARGE = b"x" * 2_000_000
_CONTEXT = [("traceparent", INCOMING["traceparent"].encode())]


def _topic():
    return f"faults-{uuid.uuid4().hex[:8]}"


@contextmanager
def kafka_(bootstrap):
    """kafka-python; what is pulled are the three messages that a run has sent."""
    from kafka import KafkaConsumer, KafkaProducer, TopicPartition
    from kafka.structs import OffsetAndMetadata

    topic = _topic()
    place = TopicPartition(topic, 0)

    def reader(**options):
        made = KafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False, group_id=topic, **options)
        made.assign([place])
        return made

    def committed():
        position = polling.position(place)
        fields = (position, "", -1)[: len(OffsetAndMetadata._fields)]
        polling.commit({place: OffsetAndMetadata(*fields)})
        return polling.committed(place) == position

    def run():
        futures = [
            producer.send(topic, b"plain"),
            producer.send(topic, b"headed", headers=[("own", b"1")]),
            producer.send(topic, b"keyed", key=b"k", headers=_CONTEXT),
        ]
        made = [future.get(30).topic == topic for future in futures]
        made.append(outcome(lambda: producer.send(topic, _LARGE).get(30))[0][:20])
        made += [next(walking).value for _ in range(3)]
        polled = []
        while len(polled) < 3:
            polled += [message.value for batch in polling.poll(1000).values() for message in batch]
        made += [polled, committed(), walking.poll(0), polling.poll(0)]  # what is in hand is so until the next pull
        with closing(reader(api_version=(2, 5))) as other:
            other.unsubscribe()
        return made

    with silenced("kafka"), closing(KafkaProducer(bootstrap_servers=bootstrap)) as producer:
        producer.send(topic, b"first").get(30)
        options = {"fetch_max_wait_ms": 10, "consumer_timeout_ms": 20_000, "auto_offset_reset": "earliest"}
        with closing(reader(**options)) as walking, closing(reader(**options)) as polling:
            next(walking)
            while not polling.poll(1000):
                pass
            yield run


@contextmanager
def aiokafka_(bootstrap):
    """aiokafka: the same, awaited; a task of its own handles a batch."""
    import aiokafka
    from aiokafka.structs import TopicPartition

    topic = _topic()
    place = TopicPartition(topic, 0)

    async def reader():
        options = {"auto_offset_reset": "earliest", "fetch_max_wait_ms": 10, "enable_auto_commit": False}
        made = aiokafka.AIOKafkaConsumer(bootstrap_servers=bootstrap, group_id=topic, **options)
        made.assign([place])
        return made

    async def opened():
        producer = aiokafka.AIOKafkaProducer(bootstrap_servers=bootstrap)
        await producer.start()
        await producer.send_and_wait(topic, b"first")
        consumer = await reader()
        await consumer.start()
        await consumer.getone()
        return producer, consumer

    async def several(wanted):
        made = []
        while len(made) < wanted:
            for messages in (await consumer.getmany(timeout_ms=1000)).values():
                made += [message.value for message in messages]
        return made

    async def all_of_it():
        futures = [
            await producer.send(topic, b"plain"),
            await producer.send(topic, b"headed", headers=[("own", b"1")]),
            await producer.send(topic, b"keyed", key=b"k", headers=_CONTEXT),
        ]
        made = [(await future).topic == topic for future in futures]
        made += [(await producer.send_and_wait(topic, b"waited")).topic == topic]
        made += [(await awaited(producer.send, topic, _LARGE))[0][:20], (await consumer.getone()).value]
        async for message in consumer:
            made.append(message.value)
            break
        made += [await several(2), await awaited(consumer.commit), await awaited(consumer.commit, {place: "nonsense"})]
        await producer.send_and_wait(topic, b"elsewhere")
        made.append(await asyncio.create_task(several(1)))
        other = await reader()
        return [*made, outcome(other.unsubscribe)[0], await awaited(other.stop)]

    async def closed():
        await consumer.stop()
        await producer.stop()

    with silenced("aiokafka"), loop() as loops:
        producer, consumer = loops(opened)
        yield lambda: loops(all_of_it)
        loops(closed)


def _settings(bootstrap, group):
    return {
        "bootstrap.servers": bootstrap,
        "group.id": group,
        "auto.offset.reset": "earliest",
        "enable.auto.commit": False,
        "fetch.wait.max.ms": 10,
        "log_level": 0,
    }


@contextmanager
def confluent(bootstrap):
    """confluent-kafka: delivery reports that raise, iteration by polls, batches, commits, deserializers."""
    library = importlib.import_module("confluent_kafka")
    topic = _topic()

    def broken(_error, _message):
        raise ValueError("broken")

    def reader(kind=library.Consumer, **options):
        made = kind({**_settings(bootstrap, topic), **options})
        made.assign([library.TopicPartition(topic, 0, library.OFFSET_BEGINNING)])
        return made

    def polled(consumer):
        message = None
        while message is None:
            message = consumer.poll(5)
        return message

    def broken_value(_value, _context):
        raise ValueError("no pizza")

    def run():
        told = []

        def report(error, message):
            told.append((error, message.topic() == topic))

        producer.produce(topic, b"plain")
        producer.produce(topic, b"headed", headers=[("own", b"1")], on_delivery=report)
        producer.produce(topic, b"keyed", key=b"k", headers=dict(_CONTEXT), callback=report)
        producer.produce(topic, b"last")
        producer.flush(10)
        made = [told, outcome(producer.produce, topic, _LARGE), outcome(producer.produce, topic, object())]
        producer.produce(topic, b"reported", on_delivery=broken)
        made.append(outcome(producer.flush, 10))
        message = polled(consumer)
        made += [message.value(), outcome(consumer.commit, message, asynchronous=False)[0].offset > 0]
        batch = []
        while len(batch) < 4:
            batch += [message.value() for message in consumer.consume(4 - len(batch), 5)]
        made += [batch, consumer.commit(asynchronous=True), outcome(polled, deserializing)[0][:30]]
        made.append(consumer.poll(0))  # a batch is in hand until the next pull
        other.subscribe([topic])
        return [*made, other.unsubscribe()]

    with closing(_Flushed(library.Producer({"bootstrap.servers": bootstrap, "linger.ms": 0}))) as flushed:
        producer = flushed.producer
        producer.produce(topic, b"first")
        producer.flush(30)
        options = {"value.deserializer": broken_value}
        with closing(reader()) as consumer, closing(reader(library.DeserializingConsumer, **options)) as deserializing:
            polled(consumer)
            with closing(library.Consumer(_settings(bootstrap, f"{topic}-other"))) as other:
                yield run


class _Flushed:
    """A producer that is flushed in place of being closed."""

    def __init__(self, producer):
        self.producer = producer

    def close(self):
        """Send what waits."""
        self.producer.flush(10)


@contextmanager
def confluent_aio(bootstrap):
    """confluent-kafka's asyncio classes."""
    library, aio = importlib.import_module("confluent_kafka"), importlib.import_module("confluent_kafka.aio")
    topic = _topic()

    async def opened():
        # What was delivered is told when the buffer is looked at, every half of its time-out.
        producer = aio.AIOProducer({"bootstrap.servers": bootstrap, "linger.ms": 0}, batch_size=1, buffer_timeout=0.05)
        await (await producer.produce(topic, value=b"first"))
        consumer = aio.AIOConsumer(_settings(bootstrap, topic))
        await consumer.assign([library.TopicPartition(topic, 0, library.OFFSET_BEGINNING)])
        await polled(consumer)
        return producer, consumer

    async def polled(consumer):
        message = None
        while message is None:
            message = await consumer.poll(5)
        return message

    async def all_of_it():
        sent = [await producer.produce(topic, value=b"%d" % number, key=b"k") for number in range(3)]
        made = [(await message).value() for message in sent]
        message = await polled(consumer)
        made += [message.value(), len(await consumer.commit(message, asynchronous=False))]
        batch = []
        while len(batch) < 2:
            batch += [message.value() for message in await consumer.consume(2 - len(batch), 5)]
        made += [batch, await awaited(consumer.commit, "nonsense")]
        other = aio.AIOConsumer(_settings(bootstrap, topic))
        await other.unsubscribe()
        return [*made, await other.close()]

    async def closed():
        await consumer.close()
        await producer.close()

    with loop() as loops:
        producer, consumer = loops(opened)
        yield lambda: loops(all_of_it)
        loops(closed)
