"""What goes wrong with a broker, a message or its handler: the program sees what it sees without us, and the spans say it."""

from __future__ import annotations

import contextlib
import re
import subprocess
import sys
import threading

import kafka.admin
import pytest

from machine import RUN, Machine
from services.fixtures import start
from services.kafka import KafkaBroker
from waiting import until

CLIENT, PRODUCER, CONSUMER = 3, 4, 5
ERROR = 2

# Each program sends and handles a message, says so, waits to be told that the broker is gone, and sends another one.
GONE = {
    "kafka": """
import sys, kafka
options = {"request_timeout_ms": 1500, "retries": 0, "connections_max_idle_ms": 60000}
if "delivery_timeout_ms" in kafka.KafkaProducer.DEFAULT_CONFIG:
    options["delivery_timeout_ms"] = 2000
producer = kafka.KafkaProducer(bootstrap_servers=sys.argv[1], **options)
producer.send("gone", b"0").get(30)
print("ready", flush=True)
sys.stdin.readline()
try:
    producer.send("gone", b"1").get(30)
except Exception as error:
    print(type(error), error)
producer.close(timeout=1)
""",
    "aiokafka": """
import asyncio, sys, aiokafka
async def main():
    producer = aiokafka.AIOKafkaProducer(bootstrap_servers=sys.argv[1], request_timeout_ms=2000)
    await producer.start()
    await producer.send_and_wait("gone", b"0")
    print("ready", flush=True)
    sys.stdin.readline()
    try:
        await producer.send_and_wait("gone", b"1")
    except Exception as error:
        print(type(error), error)
    await producer.stop()
asyncio.run(main())
""",
    "confluent_kafka": """
import sys
from confluent_kafka import Producer
producer = Producer({"bootstrap.servers": sys.argv[1], "message.timeout.ms": 2000, "log_level": 0})
report = lambda error, message: print(error, message.value())
producer.produce("gone", b"0", on_delivery=report)
producer.flush(30)
print("ready", flush=True)
sys.stdin.readline()
producer.produce("gone", b"1", on_delivery=report)
producer.flush(30)
""",
}

START = """
import asyncio, os, sys
bootstrap, topic, way = sys.argv[1:]
group = topic = f"{topic}-{os.getpid()}"
def deserialize(value, *_):
    if way == "deserializer":
        raise ZeroDivisionError("value")
    return value
def handle(value):
    if way == "handler":
        raise LookupError(value)
    print(group, flush=True)
    sys.stdin.readline()  # until it has been silent for too long
"""
FAILING = {
    "kafka": """
import kafka
producer = kafka.KafkaProducer(bootstrap_servers=bootstrap)
producer.send(topic, b"x").get(30)
producer.close()
consumer = kafka.KafkaConsumer(topic, bootstrap_servers=bootstrap, group_id=group, auto_offset_reset="earliest",
    value_deserializer=deserialize, session_timeout_ms=900, heartbeat_interval_ms=200, max_poll_interval_ms=1000,
    enable_auto_commit=False)
try:
    message = next(consumer)
    handle(message.value)
    consumer.commit()
except ZeroDivisionError as error:
    print(type(error), error)
except kafka.errors.KafkaError as error:
    print(type(error), error)
finally:
    consumer.close()
""",
    "aiokafka": """
import aiokafka
async def main():
    producer = aiokafka.AIOKafkaProducer(bootstrap_servers=bootstrap)
    await producer.start()
    await producer.send_and_wait(topic, b"x")
    await producer.stop()
    consumer = aiokafka.AIOKafkaConsumer(topic, bootstrap_servers=bootstrap, group_id=group, auto_offset_reset="earliest",
        value_deserializer=deserialize, session_timeout_ms=900, heartbeat_interval_ms=200, max_poll_interval_ms=1000,
        enable_auto_commit=False)
    await consumer.start()
    try:
        message = await consumer.getone()
        handle(message.value)
        await consumer.commit()
    except ZeroDivisionError as error:
        print(type(error), error)
    except aiokafka.errors.KafkaError as error:
        print(type(error), error)
    finally:
        await consumer.stop()
asyncio.run(main())
""",
    "confluent_kafka": """
from confluent_kafka import DeserializingConsumer, KafkaException, Producer
from confluent_kafka.error import ConsumeError
producer = Producer({"bootstrap.servers": bootstrap})
producer.produce(topic, b"x")
producer.flush(30)
consumer = DeserializingConsumer({"bootstrap.servers": bootstrap, "group.id": group, "auto.offset.reset": "earliest",
    "value.deserializer": deserialize, "session.timeout.ms": 900, "heartbeat.interval.ms": 200,
    "max.poll.interval.ms": 1000, "enable.auto.commit": False, "log_level": 0})
consumer.subscribe([topic])
try:
    message = None
    while message is None:
        message = consumer.poll(5)
    handle(message.value())
    consumer.commit(asynchronous=False)
except ConsumeError as error:
    print(type(error), error)
except KafkaException as error:
    print(type(error), error)
finally:
    consumer.close()
""",
}

# Which span says it; a library that deserializes in its pull, before there is a message, fails that.
FAILED = {
    "deserializer": {"": (CLIENT, "poll"), "confluent_kafka": (CONSUMER, "process")},
    "handler": {"": (CONSUMER, "process")},
    "silent": {"": (CLIENT, "commit")},
}


@pytest.fixture
def broker(kafka_programs):
    """A broker of the test's own, which it may end."""
    made = KafkaBroker()
    start(made)
    yield made
    made.stop()


@pytest.fixture
def pairs(tmp_path):
    """A function that starts a program twice, bare and traced; returns what was started, by name, and the machines."""
    with contextlib.ExitStack() as stack:

        def begin(programs):
            running, machines = {}, {}
            for client, program, *arguments in programs:
                directory = tmp_path / str(len(machines))
                directory.mkdir()
                machine = machines[client] = Machine(directory)
                command = [sys.executable, "-W", "ignore", machine.write("program.py", program), *arguments]
                for kind, before in (("bare", []), ("traced", [RUN])):
                    process = stack.enter_context(
                        subprocess.Popen(
                            [*before, *command],
                            cwd=machine.directory,
                            env=machine.environ,
                            stdin=subprocess.PIPE,
                            stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE,
                            text=True,
                        )
                    )
                    stack.callback(process.kill)
                    running[client, kind] = process
            return running, machines

        yield begin


def ended(process):
    """Return what a program left to see, with numbers and addresses made equal, which differ from run to run."""
    out, error = process.communicate("\n", timeout=90)
    last = error.rstrip().rpartition("\n")[2] if process.returncode else ""
    return process.returncode, re.sub(r"\d+(\.\d+)?", "0", out), last


def leave(bootstrap, group):
    """Wait until the broker has put every member out of a group."""
    with contextlib.closing(kafka.admin.KafkaAdminClient(bootstrap_servers=bootstrap)) as admin:
        if hasattr(admin, "describe_groups"):
            until(lambda: not admin.describe_groups([group])[group]["members"], f"the end of {group}")
        else:  # kafka-python before 3.0
            until(lambda: not admin.describe_consumer_groups([group])[0].members, f"the end of {group}")


def failures(machine):
    """Return kind, error type and name of every span that failed, without the topic."""
    return [
        (span.kind, values.get("error.type", ""), span.name.partition(" ")[0])
        for span in machine.spans()
        if span.status.code == ERROR
        for values in [{pair.key: pair.value.string_value for pair in span.attributes}]
    ]


def test_a_broker_that_goes_while_messages_are_sent(broker, pairs):
    """The message is not delivered in time: each program is told as without us, and the message's span has failed."""
    running, machines = pairs([(client, program, broker.bootstrap) for client, program in GONE.items()])
    for (client, kind), process in running.items():
        lines = iter(process.stdout.readline, "")
        assert any(line == "ready\n" for line in lines), (client, kind, process.stderr.read())
    broker.stop()
    seen = {}
    threads = [
        threading.Thread(target=lambda key=key, process=process: seen.update({key: ended(process)}))
        for key, process in running.items()
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for client in GONE:
        assert seen[client, "traced"] == seen[client, "bare"]
        code, out, _ = seen[client, "bare"]
        assert (code, out.count("\n")) == (0, 1)
        ((kind, error, name),) = failures(machines[client])
        assert (kind, name) == (PRODUCER, "send")
        assert error.rpartition(".")[2] in (out + "KafkaException")
        sent = [span for span in machines[client].spans() if span.kind == PRODUCER]
        assert len(sent) == 2


@pytest.mark.parametrize("way", FAILED)
def test_a_consumer_that_fails(kafka_broker, kafka_topic, pairs, way):
    """A deserializer or a handler that raises, a consumer that is silent for too long: seen as without us, and told."""
    started = [
        (client, START + program, kafka_broker.bootstrap, f"{kafka_topic}-{client}", way)
        for client, program in FAILING.items()
    ]
    running, machines = pairs(started)
    if way == "silent":
        for process in running.values():
            leave(kafka_broker.bootstrap, process.stdout.readline().strip())
    seen = {key: ended(process) for key, process in running.items()}
    for client in FAILING:
        assert seen[client, "traced"] == seen[client, "bare"]
        code, out, error = seen[client, "bare"]
        assert (code, out.count("\n") > 0, error) == (
            (1, False, "LookupError: b'x'") if way == "handler" else (0, True, "")
        )
        kinds = [(kind, name) for kind, _, name in failures(machines[client])]
        assert kinds == [FAILED[way].get(client, FAILED[way][""])]
        ((_, error, _),) = failures(machines[client])
        assert error in out + "LookupError"
        handled = [span for span in machines[client].spans() if span.kind == CONSUMER]
        assert len(handled) == (kinds != [(CLIENT, "poll")])
