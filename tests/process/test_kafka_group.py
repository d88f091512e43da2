"""A group of consumers under autotrace-run, one of which is killed and one added while they read: nothing is lost."""

from __future__ import annotations

import collections
import contextlib
import os
import signal
import subprocess
import sys

import pytest

from machine import RUN
from waiting import until

PRODUCER, CONSUMER = 4, 5
PARTITIONS = 6
GROWTH = 16 << 10  # KiB
CREATE = """
import sys, kafka.admin
bootstrap, topic, partitions = sys.argv[1], sys.argv[2], int(sys.argv[3])
admin = kafka.admin.KafkaAdminClient(bootstrap_servers=bootstrap)
admin.create_topics([kafka.admin.NewTopic(topic, partitions, 1)])
admin.close()
"""
PRODUCE = """
import sys, kafka
bootstrap, topic, partitions, count = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
producer = kafka.KafkaProducer(bootstrap_servers=bootstrap, linger_ms=20)
futures = [producer.send(topic, b"%d" % number, partition=number % partitions) for number in range(count)]
for future in futures:
    future.get(60)
producer.close()
"""
CONSUME = """
import os, resource, sys, kafka
bootstrap, topic, out, stop, first = sys.argv[1:]
consumer = kafka.KafkaConsumer(topic, bootstrap_servers=bootstrap, group_id=topic, auto_offset_reset="earliest",
    consumer_timeout_ms=300, session_timeout_ms=3000, heartbeat_interval_ms=500, auto_commit_interval_ms=500)
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
count, early = 0, 0
with open(out, "w", buffering=1) as lines, open(out + ".partitions", "w", buffering=1) as partitions:
    while not os.path.exists(stop):
        for message in consumer:
            lines.write(f"{message.partition} {message.offset}\\n")
            count += 1
            if count == int(first):
                early = peak()
        partitions.write(f"{len(consumer.assignment())}\\n")
consumer.close()
print(peak() - early if early else 0)
"""


class Group:
    """Consumers of one group, each with a file of what was delivered to it."""

    def __init__(self, machine, bootstrap, topic, first):
        self.files = []
        self.stop = machine.directory / "stop"
        self._machine, self._arguments, self._first = machine, (bootstrap, topic), first
        self._program = machine.write("consume.py", CONSUME)

    def join(self, name):
        """Start a consumer."""
        file = self._machine.directory / name
        self.files.append(file)
        command = [RUN, "--service-name", name, sys.executable, "-W", "ignore", self._program, *self._arguments]
        return subprocess.Popen(
            [*command, str(file), str(self.stop), str(self._first)],
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

        def delivered():
            return len(set().union(*map(self.read, self.files))) >= count

        until(delivered, lambda: f"{count} messages, not {list(map(len, map(self.read, self.files)))}", 120)

    def settle(self, names):
        """Wait until these consumers share the partitions; return how many each has.

        One may stay without any for ever: so do 3 of 72 such groups of kafka-python 3.0 where nothing traces them.
        """
        files = {name: self._machine.directory / f"{name}.partitions" for name in names}

        def shares():
            last = {name: file.read_text().split()[-1:] if file.exists() else [] for name, file in files.items()}
            return {name: int(share[0]) if share else -1 for name, share in last.items()}

        def shared():
            found = list(shares().values())
            return min(found) >= 0 and sum(found) == PARTITIONS and max(found) < PARTITIONS

        until(shared, lambda: f"the partitions to be shared; each has {shares()}", 120)
        return shares()


@pytest.mark.skipif(os.name != "posix", reason="the programs measure their memory by getrusage")
@pytest.mark.parametrize("messages", [3_000, pytest.param(20_000, marks=pytest.mark.endurance)])
def test_every_message_of_a_group_that_is_rebalanced_has_its_span(machine, kafka_broker, kafka_topic, messages):
    """Three consumers, one killed and one added while messages come: each delivery is a span beneath its producer's."""
    place = (kafka_broker.bootstrap, kafka_topic, str(PARTITIONS))
    done = machine.run(sys.executable, "-W", "ignore", "-c", CREATE, *place)
    assert done.returncode == 0, done.stderr
    group = Group(machine, kafka_broker.bootstrap, kafka_topic, messages // 20)
    with contextlib.ExitStack() as stack:

        def join(name):
            consumers[name] = stack.enter_context(group.join(name))
            stack.callback(consumers[name].kill)

        def produce():
            command = [RUN, sys.executable, "-W", "ignore", "-c", PRODUCE, *place, str(messages // 2)]
            producer = stack.enter_context(subprocess.Popen(command, cwd=machine.directory, env=machine.environ))
            stack.callback(producer.kill)
            return producer

        consumers = {}
        for name in ("one", "two", "three"):
            join(name)
        shares = group.settle(consumers)
        producer = produce()
        group.wait(messages // 5)
        killed = consumers.pop(max(shares, key=shares.get))
        killed.terminate()
        assert killed.wait(60) == -signal.SIGTERM
        join("four")
        assert producer.wait(120) == 0
        group.settle(consumers)
        assert produce().wait(120) == 0
        group.wait(messages)
        group.stop.touch()
        for consumer in consumers.values():
            out, error = consumer.communicate(timeout=60)
            assert (consumer.returncode, error) == (0, b"")
            assert int(out) < GROWTH, f"{int(out)} KiB more than after {messages // 20} messages"

    spans = machine.spans()
    sent = {place_of(span): span.span_id for span in spans if span.kind == PRODUCER}
    assert len(sent) == messages
    handled = [span for span in spans if span.kind == CONSUMER]
    wrong = [(place_of(span), span) for span in handled if span.parent_span_id != sent.get(place_of(span))]
    assert wrong == [], f"of {len(handled)} handled"
    # The one that was killed may have taken up a message that it had no time to write down.
    delivered = collections.Counter(one for file in group.files for one in group.read(file))
    found = collections.Counter(map(place_of, handled))
    lost, more = delivered - found, found - delivered
    assert not lost, f"{sum(lost.values())} of {sum(delivered.values())} have no span: {sorted(lost)}"
    assert sum(more.values()) <= 1, more


def place_of(span):
    """Return partition and offset of a message's span."""
    values = {pair.key: pair.value for pair in span.attributes}
    partition = values["messaging.destination.partition.id"].string_value
    return int(partition), values["messaging.kafka.offset"].int_value
