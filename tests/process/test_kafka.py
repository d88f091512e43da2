"""Programs under autotrace-run that send and handle messages: one trace, whichever Kafka client they use."""

from __future__ import annotations

import pytest

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
bootstrap, topic = sys.argv[1:]
def handle():
    database.execute("SELECT 1")
    with urllib.request.urlopen(f"http://127.0.0.1:{server.server_port}/") as answer:
        answer.read()
"""
PROGRAMS = {
    "kafka": """
import kafka
producer = kafka.KafkaProducer(bootstrap_servers=bootstrap)
producer.send(topic, b"x").get(30)
producer.close()
consumer = kafka.KafkaConsumer(topic, bootstrap_servers=bootstrap, group_id=topic, auto_offset_reset="earliest")
next(consumer)
handle()
consumer.close()
""",
    "confluent_kafka": """
from confluent_kafka import Consumer, DeserializingConsumer, Producer, SerializingProducer
from confluent_kafka.serialization import StringDeserializer, StringSerializer
producer = SerializingProducer({"bootstrap.servers": bootstrap, "value.serializer": StringSerializer()})
assert isinstance(producer, Producer)
producer.produce(topic, value="x")
producer.flush(30)
consumer = DeserializingConsumer({"bootstrap.servers": bootstrap, "group.id": topic, "auto.offset.reset": "earliest",
    "value.deserializer": StringDeserializer()})
assert isinstance(consumer, Consumer)
consumer.subscribe([topic])
while consumer.poll(5) is None:
    pass
handle()
consumer.close()
""",
    "aiokafka": """
import aiokafka
async def main():
    producer = aiokafka.AIOKafkaProducer(bootstrap_servers=bootstrap)
    await producer.start()
    await producer.send_and_wait(topic, b"x")
    await producer.stop()
    consumer = aiokafka.AIOKafkaConsumer(topic, bootstrap_servers=bootstrap, group_id=topic, auto_offset_reset="earliest")
    await consumer.start()
    await consumer.getone()
    handle()
    await consumer.stop()
asyncio.run(main())
""",
}


@pytest.mark.parametrize("client", PROGRAMS)
def test_what_handling_does_is_in_the_trace_of_the_sending(machine, kafka_broker, kafka_topic, client):
    """Producer, consumer, query and request: one trace, each beneath what caused it, with nothing but autotrace-run."""
    program = machine.write("program.py", START + PROGRAMS[client])
    done = machine.python("-W", "ignore", program, kafka_broker.bootstrap, kafka_topic, timeout=150)
    assert done.returncode == 0, done.stderr
    found = [one for one in machine.spans() if one.kind in (PRODUCER, CONSUMER, CLIENT)]
    assert len({one.trace_id for one in found}) == 1
    (sent,) = [one for one in found if one.kind == PRODUCER]
    (handled,) = [one for one in found if one.kind == CONSUMER]
    assert handled.parent_span_id == sent.span_id
    assert [one.parent_span_id for one in found if one.kind == CLIENT] == [handled.span_id] * 2
