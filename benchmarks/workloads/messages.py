"""Messages sent and handled by one Kafka client: python messages.py CLIENT BOOTSTRAP TOPIC COUNT.

Prints how many were sent and handled per second, and the CPU time of one in µs, all threads and the exporter included.
"""

from __future__ import annotations

import asyncio
import sys
import time

VALUE = b"margherita" * 10
QUIET = 0.6  # s; what has waited for the exporter is delivered by then


def kafka_python(bootstrap: str, topic: str, count: int) -> None:
    """Send and handle by kafka-python."""
    import kafka

    producer = kafka.KafkaProducer(bootstrap_servers=bootstrap, linger_ms=5)
    consumer = kafka.KafkaConsumer(topic, bootstrap_servers=bootstrap, group_id=topic, auto_offset_reset="earliest")

    def sent(number: int) -> None:
        for future in [producer.send(topic, VALUE) for _ in range(number)]:
            future.get(60)

    def handled(number: int) -> None:
        for _message in consumer:
            number -= 1
            if not number:
                break

    measure(sent, handled, count)
    consumer.close()
    producer.close()


def confluent_kafka(bootstrap: str, topic: str, count: int) -> None:
    """Send and handle by confluent-kafka."""
    from confluent_kafka import Consumer, Producer

    producer = Producer({"bootstrap.servers": bootstrap})
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": topic, "auto.offset.reset": "earliest"})

    def sent(number: int) -> None:
        for _ in range(number):
            producer.produce(topic, VALUE)
            producer.poll(0)
        producer.flush(60)

    def handled(number: int) -> None:
        consumer.subscribe([topic])
        while number:
            if consumer.poll(1) is not None:
                number -= 1

    measure(sent, handled, count)
    consumer.close()


def aiokafka(bootstrap: str, topic: str, count: int) -> None:
    """Send and handle by aiokafka."""
    import aiokafka as library

    loop = asyncio.new_event_loop()

    async def begin() -> tuple[library.AIOKafkaProducer, library.AIOKafkaConsumer]:
        producer = library.AIOKafkaProducer(bootstrap_servers=bootstrap, linger_ms=5)
        consumer = library.AIOKafkaConsumer(
            topic, bootstrap_servers=bootstrap, group_id=topic, auto_offset_reset="earliest"
        )
        await producer.start()
        return producer, consumer

    producer, consumer = loop.run_until_complete(begin())

    async def send(number: int) -> None:
        await asyncio.gather(*[await producer.send(topic, VALUE) for _ in range(number)])

    async def handle(number: int) -> None:
        if number == WARM_UP:
            await consumer.start()
        for _ in range(number):
            await consumer.getone()

    measure(
        lambda number: loop.run_until_complete(send(number)),
        lambda number: loop.run_until_complete(handle(number)),
        count,
    )
    loop.run_until_complete(consumer.stop())
    loop.run_until_complete(producer.stop())


WARM_UP = 200


def measure(sent, handled, count: int) -> None:  # type: ignore[no-untyped-def]
    """Send and handle a few, then ``count``; print the figures of these."""
    sent(WARM_UP)
    handled(WARM_UP)
    time.sleep(QUIET)
    cpu, begin = time.process_time(), time.perf_counter()
    sent(count)
    between = time.perf_counter()
    handled(count)
    end = time.perf_counter()
    time.sleep(QUIET)
    each = (time.process_time() - cpu) / count * 1e6
    print(f"{count / (between - begin):.0f} {count / (end - between):.0f} {each:.2f}", flush=True)


if __name__ == "__main__":
    name, bootstrap, topic, count = sys.argv[1:]
    {"kafka-python": kafka_python, "confluent-kafka": confluent_kafka, "aiokafka": aiokafka}[name](
        bootstrap, topic, int(count)
    )
