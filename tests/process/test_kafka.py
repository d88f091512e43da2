"""Programs under autotrace-run that send and handle messages: one trace, whichever Kafka client they use."""

from __future__ import annotations

import pytest

from contracts.confluent import need_asyncio

CLIENT, PRODUCER, CONSUMER = 3, 4, 5
START = """
import asyncio, http.server, sqlite3, sys, threading, urllib.request
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(204)
        self.end_headers()
    def log_message(self, *args):
        pass
server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
database = sqlite3.connect(":memory:")
bootstrap, topic, way = sys.argv[1:4]
count = int(sys.argv[4])
def handle():
    database.execute("SELECT 1")
    with urllib.request.urlopen(f"http://127.0.0.1:{server.server_port}/") as answer:
        answer.read()
"""
PROGRAMS = {
    "kafka": """
import kafka
producer = kafka.KafkaProducer(bootstrap_servers=bootstrap)
for number in range(count):
    producer.send(topic, b"x").get(30)
producer.close()
consumer = kafka.KafkaConsumer(topic, bootstrap_servers=bootstrap, group_id=topic, auto_offset_reset="earliest")
if way == "next":
    next(consumer)
    handle()
else:
    left = count
    while left:
        for messages in consumer.poll(timeout_ms=500).values():
            for message in messages:
                left -= 1
                handle()
consumer.close()
""",
    "confluent_kafka": """
from confluent_kafka import Consumer, DeserializingConsumer, Producer, SerializingProducer
from confluent_kafka.serialization import StringDeserializer, StringSerializer
producer = SerializingProducer({"bootstrap.servers": bootstrap, "value.serializer": StringSerializer()})
assert isinstance(producer, Producer)
for number in range(count):
    producer.produce(topic, value="x")
producer.flush(30)
options = {"bootstrap.servers": bootstrap, "group.id": topic, "auto.offset.reset": "earliest"}
if way == "poll":
    consumer = DeserializingConsumer({**options, "value.deserializer": StringDeserializer()})
    assert isinstance(consumer, Consumer)
else:
    consumer = Consumer(options)
consumer.subscribe([topic])
if way == "poll":
    while consumer.poll(5) is None:
        pass
    handle()
else:
    left = count
    while left:
        for message in consumer.consume(left, 5):
            left -= 1
            handle()
consumer.close()
""",
    "aiokafka": """
import aiokafka
async def main():
    producer = aiokafka.AIOKafkaProducer(bootstrap_servers=bootstrap)
    await producer.start()
    for number in range(count):
        await producer.send_and_wait(topic, b"x")
    await producer.stop()
    consumer = aiokafka.AIOKafkaConsumer(topic, bootstrap_servers=bootstrap, group_id=topic, auto_offset_reset="earliest")
    await consumer.start()
    if way == "getone":
        await consumer.getone()
        handle()
    elif way == "async for":
        async for message in consumer:
            handle()
            break
    else:
        left = count
        while left:
            for messages in (await consumer.getmany(timeout_ms=500)).values():
                for message in messages:
                    left -= 1
                    handle()
    await consumer.stop()
asyncio.run(main())
""",
    "confluent_kafka.aio": """
from confluent_kafka import Producer
from confluent_kafka.aio import AIOConsumer
producer = Producer({"bootstrap.servers": bootstrap})  # AIOProducer sends no headers
for number in range(count):
    producer.produce(topic, b"x")
producer.flush(30)
async def main():
    consumer = AIOConsumer({"bootstrap.servers": bootstrap, "group.id": topic, "auto.offset.reset": "earliest"})
    await consumer.subscribe([topic])
    if way == "poll":
        while await consumer.poll(1) is None:
            pass
        handle()
    else:
        left = count
        while left:
            for message in await consumer.consume(left, 5):
                left -= 1
                handle()
    await consumer.close()
asyncio.run(main())
""",
}
WAYS = {
    "kafka": ("next", "poll"),
    "aiokafka": ("getone", "async for", "getmany"),
    "confluent_kafka": ("poll", "consume"),
    "confluent_kafka.aio": ("poll", "consume"),
}
BATCHES = ("getmany", "consume")
PAIRS = [(client, way) for client, ways in WAYS.items() for way in ways]


@pytest.mark.parametrize(("client", "way"), PAIRS)
def test_what_handling_does_is_in_the_trace_of_the_sending(machine, kafka_broker, kafka_topic, client, way):
    """Producer, consumer, query and request: one trace for each message, each beneath what caused it.

    With nothing but autotrace-run, whichever client and way of pulling.
    """
    if client == "confluent_kafka.aio":
        need_asyncio()
    batch = way in BATCHES or (client, way) == ("kafka", "poll")
    count = 3 if batch else 1
    program = machine.write("program.py", START + PROGRAMS[client])
    done = machine.python("-W", "ignore", program, kafka_broker.bootstrap, kafka_topic, way, str(count), timeout=150)
    assert done.returncode == 0, done.stderr
    found = sorted(machine.spans(), key=lambda one: one.start_time_unix_nano)
    sent = [one for one in found if one.kind == PRODUCER]
    handled = [one for one in found if one.kind == CONSUMER]
    pulls = [one for one in found if one.kind == CLIENT and one.name == f"poll {kafka_topic}"]
    below = [one for one in found if one.kind == CLIENT and one not in pulls]
    assert len(sent) == len({one.trace_id for one in sent}) == count
    assert [(one.trace_id, one.parent_span_id) for one in handled] == [(one.trace_id, one.span_id) for one in sent]
    assert [(one.trace_id, one.parent_span_id) for one in below] == [
        (one.trace_id, one.span_id) for one in handled for _ in range(2)
    ]
    linked = [(link.trace_id, link.span_id) for pull in pulls for link in pull.links]
    assert linked == ([(one.trace_id, one.span_id) for one in sent] if batch else [])
