"""Sending and handling messages by each Kafka client: what ``messages.py`` and ``kafka_messages.py`` share.

Each function returns one that sends or handles a number of messages.  Whoever handles makes the consumer when it is first
wanted, since by then there is a topic; without a group it reads the only partition, and nobody waits for its heartbeats.
"""

from __future__ import annotations

import asyncio

from chunks import numbers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Work = Callable[[int], object]

VALUE = b"margherita" * 10


def kafka_python_sends(bootstrap: str, topic: str) -> Work:
    """Send by kafka-python."""
    import kafka

    producer, keys = kafka.KafkaProducer(bootstrap_servers=bootstrap, linger_ms=5), numbers()

    def sent(count: int) -> None:
        for future in [producer.send(topic, VALUE, b"%d" % next(keys)) for _ in range(count)]:
            future.get(60)

    return sent


def kafka_python_handles(bootstrap: str, topic: str, group: str | None) -> Work:
    """Handle by kafka-python."""
    import kafka

    made: list[Any] = []

    def handled(count: int) -> None:
        if not made:
            topics = (topic,) if group else ()
            made.append(
                kafka.KafkaConsumer(*topics, bootstrap_servers=bootstrap, group_id=group, auto_offset_reset="earliest")
            )
            if not group:
                made[0].assign([kafka.TopicPartition(topic, 0)])
        for _message in made[0]:
            count -= 1
            if not count:
                break

    return handled


def confluent_kafka_sends(bootstrap: str, topic: str) -> Work:
    """Send by confluent-kafka."""
    from confluent_kafka import Producer

    producer, keys = Producer({"bootstrap.servers": bootstrap}), numbers()

    def sent(count: int) -> None:
        for _ in range(count):
            producer.produce(topic, VALUE, b"%d" % next(keys))
            producer.poll(0)
        producer.flush(60)

    return sent


def confluent_kafka_handles(bootstrap: str, topic: str, group: str | None) -> Work:
    """Handle by confluent-kafka, which wants the name of a group in any case."""
    from confluent_kafka import Consumer, TopicPartition

    settings = {"bootstrap.servers": bootstrap, "group.id": group or topic, "auto.offset.reset": "earliest"}
    made: list[Any] = []

    def handled(count: int) -> None:
        if not made:
            made.append(Consumer(settings))
            if group:
                made[0].subscribe([topic])
            else:
                made[0].assign([TopicPartition(topic, 0, 0)])
        while count:
            if made[0].poll(1) is not None:
                count -= 1

    return handled


def aiokafka_sends(bootstrap: str, topic: str) -> Work:
    """Send by aiokafka."""
    import aiokafka

    loop, keys = asyncio.new_event_loop(), numbers()

    async def begin() -> Any:
        producer = aiokafka.AIOKafkaProducer(bootstrap_servers=bootstrap, linger_ms=5)
        await producer.start()
        return producer

    producer = loop.run_until_complete(begin())

    async def send(count: int) -> None:
        await asyncio.gather(*[await producer.send(topic, VALUE, b"%d" % next(keys)) for _ in range(count)])

    return lambda count: loop.run_until_complete(send(count))


def aiokafka_handles(bootstrap: str, topic: str, group: str | None) -> Work:
    """Handle by aiokafka."""
    import aiokafka

    loop = asyncio.new_event_loop()
    made: list[Any] = []

    async def handle(count: int) -> None:
        if not made:
            topics = (topic,) if group else ()
            made.append(
                aiokafka.AIOKafkaConsumer(
                    *topics, bootstrap_servers=bootstrap, group_id=group, auto_offset_reset="earliest"
                )
            )
            await made[0].start()
            if not group:
                made[0].assign([aiokafka.TopicPartition(topic, 0)])
        for _ in range(count):
            await made[0].getone()

    return lambda count: loop.run_until_complete(handle(count))


CLIENTS = {
    "kafka-python": (kafka_python_sends, kafka_python_handles),
    "aiokafka": (aiokafka_sends, aiokafka_handles),
    "confluent-kafka": (confluent_kafka_sends, confluent_kafka_handles),
}
