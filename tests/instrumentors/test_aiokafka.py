"""aiokafka keeps the contract of messaging, and what only it has."""

from __future__ import annotations

import asyncio
import gc
import sqlite3

import aiokafka
import pytest

from autotrace.api import span
from autotrace.testing.contracts.asynchronous import Inside, Loop
from autotrace.testing.contracts.messaging_base import current_id, hexadecimal
from contracts.kafka import KafkaMessaging


class Reader:
    """A consumer, iterated without ``await``; it starts to fetch when it is first asked."""

    def __init__(self, loop, consumer):
        self.loop = loop
        self.bare = consumer
        self.started = False

    @property
    def consumer(self):
        """The library's consumer, started."""
        if not self.started:
            self.started = True
            self.loop.run(self.bare.start)
        return self.bare

    def __next__(self):
        return self.loop.run(self.consumer.__anext__)

    def __iter__(self):
        return self


class TestAiokafka(KafkaMessaging):
    """The contract, and the library's own."""

    name = "aiokafka"

    @pytest.fixture(autouse=True)
    def _broker(self, kafka_broker):
        self.bootstrap = kafka_broker.bootstrap
        self.loop = Loop()
        yield
        self.loop.close()
        gc.collect()

    def producer(self, **options):
        producer = self.made(aiokafka.AIOKafkaProducer, client_id="sender", **options)
        self.loop.run(producer.start)
        return producer

    def made(self, kind, *args, **options):
        options = {"bootstrap_servers": self.bootstrap, **options}
        return self.loop.call(lambda: kind(*args, **options))

    def consumer(self, topic, group=None, **options):
        options = {"client_id": "reader", "group_id": group or topic, "auto_offset_reset": "earliest", **options}
        return Reader(self.loop, self.made(aiokafka.AIOKafkaConsumer, topic, **options))

    def send(self, producer, topic, value, key=None, headers=None):
        return self.loop.run(producer.send, topic, value, key=key, headers=headers)

    def delivered(self, sent):
        async def wait():
            return await sent

        return self.loop.run(wait)

    def poll(self, consumer, count):
        for _ in range(60):
            found = self.loop.run(consumer.consumer.getmany, timeout_ms=500)
            if found:
                assert sum(map(len, found.values())) == count
                return [Inside(self.loop, messages) for messages in found.values()]
        raise AssertionError("nothing came within 30 s")

    def try_poll(self, consumer):
        assert self.loop.run(consumer.consumer.getmany, timeout_ms=1) == {}

    def refused(self, producer, topic):
        self.send(producer, topic, None)  # neither key nor value

    def close(self, client):
        client = getattr(client, "bare", client)
        self.loop.run(client.stop)

    def commit(self, consumer):
        self.loop.run(consumer.consumer.commit)

    def commit_nonsense(self, consumer):
        self.loop.run(consumer.consumer.commit, {"nonsense": 1})

    def commit_first(self, consumer, topic):
        self.loop.run(consumer.consumer.commit, {aiokafka.TopicPartition(topic, 0): 1})

    def uncommitting(self, topic):
        return Reader(self.loop, self.made(aiokafka.AIOKafkaConsumer, topic))  # of no group

    def close_quietly(self, consumer):
        self.loop.run(aiokafka.AIOKafkaConsumer.stop.__wrapped__, consumer.bare)

    def functions(self):
        consumer = aiokafka.AIOKafkaConsumer
        names = [(consumer, name) for name in ("getone", "getmany", "commit", "stop", "unsubscribe")]
        return [(aiokafka.AIOKafkaProducer, "send"), *names]

    def program(self, work):
        """Run a program of one task."""
        self.loop.run(work)

    def test_a_program_that_awaits_has_each_message_current_while_it_handles_it(
        self, instrument, connect, filled, recorder
    ):
        """``getone``, ``async for`` and ``getmany``: the database's spans are beneath the message's."""
        instrument("sqlite3")
        database = sqlite3.connect(":memory:", check_same_thread=False)
        seen = []

        def handle(message):
            seen.append((message.offset, current_id()))
            database.execute("SELECT 1")

        async def program(consumer, way):
            if way == "getone":
                for _ in range(3):
                    handle(await consumer.getone())
            elif way == "async for":
                async for message in consumer:
                    handle(message)
                    if message.offset == 2:
                        break
            else:
                found = {}
                while not found:
                    found = await consumer.getmany(timeout_ms=500)
                for messages in found.values():
                    for message in messages:
                        handle(message)

        for number, way in enumerate(("getone", "async for", "getmany")):
            reader = connect(self.consumer, filled, group=f"{filled}{number}")
            self.loop.run(program, reader.consumer, way)
            self.close(reader)
            found = [one for one in recorder.wait(7 if way == "getmany" else 6) if one["name"] != f"poll {filled}"]
            processed = {one["span_id"]: one for one in found if one["kind"] == "CONSUMER"}
            assert [one["parent_id"] for one in processed.values()] == [hexadecimal(sent) for sent in (1, 2, 3)]
            queries = [one["parent_id"] for one in found if one["kind"] == "CLIENT"]
            assert queries == list(processed)
            assert seen == list(zip(range(3), processed))
            recorder.clear()
            seen.clear()
        database.close()

    def test_tasks_that_share_a_consumer_do_not_end_each_others_messages(self, connect, filled, recorder):
        """Each task's message is current in it until it asks for its own next one."""
        reader = connect(self.consumer, filled)
        consumer = reader.consumer
        seen = []

        async def work(barrier, all_there):
            await consumer.getone()
            mine = current_id()
            barrier.append(mine)
            if len(barrier) == 3:
                all_there.set()
            await all_there.wait()
            seen.append(current_id() == mine)

        async def program():
            barrier, all_there = [], asyncio.Event()
            await asyncio.gather(*(work(barrier, all_there) for _ in range(3)))
            return len(set(barrier)), len(recorder.finished())

        assert self.loop.run(program) == (3, 0)
        assert seen == [True] * 3
        self.close(reader)
        found = self.spans(recorder, 3)
        assert sorted(one["parent_id"] for one in found) == [hexadecimal(number) for number in (1, 2, 3)]

    def test_what_is_waited_for_is_current_for_whoever_waits(self, connect, filled, recorder):
        """``wait_for(getone(), ...)``, on every Python; two tasks share the consumer, and waiting is not handling."""
        reader = connect(self.consumer, filled)
        consumer = reader.consumer

        async def work(number, taken, others):
            await asyncio.wait_for(consumer.getone(), 30)
            mine = current_id()
            with span(f"work {number}"):
                pass
            taken.set()
            await others.wait()
            with span(f"more {number}"):
                pass
            assert current_id() == mine

        async def program():
            first, second = asyncio.Event(), asyncio.Event()
            task = asyncio.get_running_loop().create_task(work(0, first, second))
            await first.wait()
            await asyncio.get_running_loop().create_task(work(1, second, first))
            await task
            await asyncio.wait_for(consumer.getone(), 30)
            handled = current_id()
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(consumer.getone(), 0.1)
            assert current_id() is None
            assert handled in [one["span_id"] for one in recorder.finished()]

        self.loop.run(program)
        self.close(reader)
        found = recorder.wait(7)
        messages = [one["span_id"] for one in found if one["kind"] == "CONSUMER"]
        parents = {one["name"]: one["parent_id"] for one in found if one["kind"] == "INTERNAL"}
        assert parents["work 0"] == parents["more 0"]
        assert parents["work 1"] == parents["more 1"]
        assert {parents["work 0"], parents["work 1"]} < set(messages)

    def test_a_task_for_each_message_sends_and_commits_beneath_it(self, connect, filled, recorder):
        """``create_task`` for each message while the loop goes on: the context that the task was handed is the message's."""
        producer, reader = connect(self.producer), connect(self.consumer, filled)
        consumer = reader.consumer

        async def handle(number, pulled):
            await pulled.wait()
            await producer.send_and_wait(f"{filled}-next", b"%d" % number)
            await consumer.commit()

        async def program():
            tasks, pulled = [], asyncio.Event()
            for number in range(3):
                await consumer.getone()
                tasks.append(asyncio.get_running_loop().create_task(handle(number, pulled)))
            assert await consumer.getmany(timeout_ms=1) == {}
            pulled.set()
            await asyncio.gather(*tasks)

        self.loop.run(program)
        found = recorder.wait(9)
        messages = [one["span_id"] for one in found if one["kind"] == "CONSUMER"]
        for kind in ("PRODUCER", "CLIENT"):
            assert sorted(one["parent_id"] for one in found if one["kind"] == kind) == sorted(messages)

    def test_a_batch_that_another_task_handles_is_not_ended_by_the_next_pull(self, connect, filled, recorder):
        """A program that pulls while its tasks still handle: each span lasts as long as its loop's body."""
        reader = connect(self.consumer, filled)
        consumer = reader.consumer

        async def handle(messages, pulled):
            for _message in messages:
                before = current_id()
                await pulled.wait()
                assert current_id() == before
            assert len(recorder.finished()) == 4

        async def program():
            found, pulled = {}, asyncio.Event()
            while not found:
                found = await consumer.getmany(timeout_ms=500)
            (messages,) = found.values()
            task = asyncio.get_running_loop().create_task(handle(messages, pulled))
            await asyncio.sleep(0)
            assert await consumer.getmany(timeout_ms=1) == {}
            assert [one["name"] for one in recorder.finished()] == [f"poll {filled}"]
            pulled.set()
            await task

        self.loop.run(program)
        recorder.wait(4)

    def test_send_and_wait_sends_once(self, connect, topic, recorder):
        """The span knows where the message went."""
        producer = connect(self.producer)

        async def program():
            with span("order"):
                return await producer.send_and_wait(topic, b"x", b"k", 0, None, [("a", b"1")])

        assert self.loop.run(program).offset == 0
        sent, _ = self.spans(recorder, 2)
        assert sent == self.sent(topic, 2, trace=1, parent=1, key="k")

    def test_a_message_that_the_broker_refuses_fails_the_span(self, connect, topic, recorder):
        """The error comes with the answer."""
        producer = connect(self.producer, max_request_size=1 << 23, max_batch_size=1 << 23)
        self.fill(producer, topic, 1)
        recorder.clear()
        with pytest.raises(aiokafka.errors.KafkaError) as caught:
            self.delivered(self.send(producer, topic, b"x" * (2 << 20)))
        (failed,) = self.spans(recorder, 1)
        assert (failed["kind"], failed["status"]) == ("PRODUCER", "ERROR")
        assert failed["attributes"]["error.type"] == f"{type(caught.value).__module__}.{type(caught.value).__name__}"

    def test_a_message_without_value_is_a_tombstone_on_both_sides(self, connect, topic, recorder):
        """An empty value is told, a value that is there is not."""
        producer, consumer = connect(self.producer), connect(self.consumer, topic)
        self.delivered(self.send(producer, topic, None, key=b"gone"))
        assert next(consumer).value is None
        self.close(consumer)
        for one in self.spans(recorder, 2):
            assert one["attributes"]["messaging.kafka.message.tombstone"] is True

    def transact(self, producer, topic, way):
        async def program():
            await producer.begin_transaction()
            await producer.send(topic, b"x")
            await getattr(producer, f"{way}_transaction")()

        self.loop.run(program)

    def transactional(self, topic):
        return self.producer(transactional_id=topic)

    def test_the_librarys_tasks_belong_to_no_request(self, connect, topic, recorder):
        """What the consumer tells a rebalance listener in its own task is beneath nothing."""
        seen = []

        class Listener(aiokafka.ConsumerRebalanceListener):
            async def on_partitions_revoked(self, revoked):
                pass

            async def on_partitions_assigned(self, assigned):
                seen.append(current_id())

        self.fill(connect(self.producer), topic, 1)
        with span("request"):
            reader = connect(self.consumer, topic)
            self.loop.call(reader.consumer.subscribe, [topic], listener=Listener())
            next(reader)
            self.close(reader)
        assert seen
        assert set(seen) == {None}
