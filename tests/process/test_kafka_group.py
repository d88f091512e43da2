"""A group of consumers under autotrace-run, one of which is killed and one added while they read: nothing is lost."""

from __future__ import annotations

import collections
import contextlib
import os
import signal
import subprocess
import sys
import time

import pytest

from machine import RUN

PRODUCER, CONSUMER = 4, 5
MESSAGES, PARTITIONS = 20_000, 6
BEFORE_THE_KILL = 4_000
GROWTH = 16 << 10  # KiB
PRODUCE = """
import sys, kafka, kafka.admin
bootstrap, topic, count, partitions = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
admin = kafka.admin.KafkaAdminClient(bootstrap_servers=bootstrap)
admin.create_topics([kafka.admin.NewTopic(topic, partitions, 1)])
admin.close()
producer = kafka.KafkaProducer(bootstrap_servers=bootstrap, linger_ms=20)
futures = [producer.send(topic, b"%d" % number, partition=number % partitions) for number in range(count)]
for future in futures:
    future.get(60)
producer.close()
"""
CONSUME = """
import os, resource, sys, time, kafka
bootstrap, topic, out, stop = sys.argv[1:]
consumer = kafka.KafkaConsumer(topic, bootstrap_servers=bootstrap, group_id=topic, auto_offset_reset="earliest",
    consumer_timeout_ms=300, session_timeout_ms=6000, heartbeat_interval_ms=500, auto_commit_interval_ms=500)
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
count, early = 0, 0
with open(out, "w", buffering=1) as lines:
    while not os.path.exists(stop):
        for message in consumer:
            lines.write(f"{message.partition} {message.offset}\\n")
            time.sleep(0.0005)
            count += 1
            if count == 1000:
                early = peak()
consumer.close()
print(peak() - early if early else 0)
"""


class Group:
    """Consumers of one group, each with a file of what was delivered to it."""

    def __init__(self, machine, bootstrap, topic):
        self.files = []
        self.stop = machine.directory / "stop"
        self._machine, self._arguments = machine, (bootstrap, topic)
        self._program = machine.write("consume.py", CONSUME)

    def join(self, name):
        """Start a consumer."""
        file = self._machine.directory / name
        self.files.append(file)
        command = [RUN, "--service-name", name, sys.executable, "-W", "ignore", self._program, *self._arguments]
        return subprocess.Popen(
            [*command, str(file), str(self.stop)],
            cwd=self._machine.directory,
            env=self._machine.environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    @staticmethod
    def read(file):
        """Return what was delivered to one consumer, as (partition, offset)."""
        lines = file.read_text().splitlines() if file.exists() else []
        return [tuple(map(int, line.split())) for line in lines]

    def wait(self, count):
        """Wait until so many different messages were delivered."""
        end = time.monotonic() + 90
        while time.monotonic() < end:
            delivered = set().union(*map(self.read, self.files))
            if len(delivered) >= count:
                return
            time.sleep(0.2)
        raise AssertionError(f"{len(delivered)} of {count} messages were delivered within 90 s")


@pytest.mark.skipif(os.name != "posix", reason="the programs measure their memory by getrusage")
def test_every_message_of_a_group_that_is_rebalanced_has_its_span(machine, kafka_broker, kafka_topic):
    """20,000 messages, three consumers, one killed and one added: each delivery is a span beneath its producer's."""
    produce = machine.write("produce.py", PRODUCE)
    done = machine.python(
        "-W", "ignore", produce, kafka_broker.bootstrap, kafka_topic, str(MESSAGES), str(PARTITIONS), timeout=120
    )
    assert (done.returncode, done.stdout) == (0, b""), done.stderr
    group = Group(machine, kafka_broker.bootstrap, kafka_topic)
    with contextlib.ExitStack() as stack:
        consumers = {}
        for name in ("one", "two", "three"):
            consumers[name] = stack.enter_context(group.join(name))
            stack.callback(consumers[name].kill)
        group.wait(BEFORE_THE_KILL)
        killed = consumers.pop("one")
        killed.terminate()
        assert killed.wait(30) == -signal.SIGTERM
        consumers["four"] = stack.enter_context(group.join("four"))
        stack.callback(consumers["four"].kill)
        group.wait(MESSAGES)
        group.stop.touch()
        for consumer in consumers.values():
            out, error = consumer.communicate(timeout=60)
            assert (consumer.returncode, error) == (0, b"")
            assert int(out) < GROWTH, f"{int(out)} KiB more than after 1000 messages"

    spans = machine.spans()
    sent = {place(span): span.span_id for span in spans if span.kind == PRODUCER}
    assert len(sent) == MESSAGES
    handled = [span for span in spans if span.kind == CONSUMER]
    assert all(span.parent_span_id == sent[place(span)] for span in handled)
    # The one that was killed may have taken up a message that it had no time to write down.
    delivered = collections.Counter(one for file in group.files for one in group.read(file))
    found = collections.Counter(map(place, handled))
    assert not delivered - found
    assert sum((found - delivered).values()) <= 1
    assert {group.read(file) != [] for file in group.files} == {True}


def place(span):
    """Return partition and offset of a message's span."""
    values = {pair.key: pair.value for pair in span.attributes}
    partition = values["messaging.destination.partition.id"].string_value
    return int(partition), values["messaging.kafka.offset"].int_value
