"""kafka-python keeps the contract of messaging, and what only it has."""

from __future__ import annotations

import copy
import gc
import json
import pickle
import sqlite3
import sys
import threading
from contextlib import suppress

import kafka
import pytest
from kafka.errors import KafkaError, KafkaTimeoutError, MessageSizeTooLargeError

from autotrace.api import span
from autotrace.families.messaging import consuming
from autotrace.testing.contracts.messaging import FOREIGN
from autotrace.testing.contracts.messaging_base import current_id, hexadecimal
from autotrace.trace.context import get_current
from contracts.kafka import KafkaMessaging
from services.ports import free_port
from waiting import until

# The library leaves sockets of failed connections to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore:Exception ignored .* <socket:pytest.PytestUnraisableExceptionWarning")


class TestKafka(KafkaMessaging):
    """The contract, and the library's own."""

    name = "kafka"

    @pytest.fixture(autouse=True)
    def _broker(self, kafka_broker):
        self.bootstrap = kafka_broker.bootstrap
        yield
        gc.collect()

    def producer(self, **options):
        return kafka.KafkaProducer(**{"bootstrap_servers": self.bootstrap, "client_id": "sender", **options})

    def consumer(self, topic, group=None, **options):
        return kafka.KafkaConsumer(
            topic,
            bootstrap_servers=self.bootstrap,
            client_id="reader",
            group_id=group or topic,
            auto_offset_reset="earliest",
            **options,
        )

    def send(self, producer, topic, value, key=None, headers=None):
        return producer.send(topic, value, key=key, headers=headers)

    def delivered(self, sent):
        return sent.get(timeout=30)

    def polled(self, consumer, count):
        """Return what one poll brought, which has ``count`` messages."""
        found = until(lambda: consumer.poll(timeout_ms=500), "a message")
        assert sum(map(len, found.values())) == count
        return found

    def poll(self, consumer, count):
        return list(self.polled(consumer, count).values())

    def try_poll(self, consumer):
        assert consumer.poll(timeout_ms=1) == {}

    def refused(self, producer, topic):
        self.send(producer, topic, None)  # neither key nor value

    def functions(self):
        consumer = kafka.KafkaConsumer
        names = [(consumer, name) for name in ("__next__", "poll", "commit", "commit_async", "close", "unsubscribe")]
        return [(kafka.KafkaProducer, "send"), *names]

    def commit(self, consumer):
        consumer.commit()

    def commit_nonsense(self, consumer):
        consumer.commit({"nonsense": 1})

    def commit_first(self, consumer, topic):
        names = kafka.structs.OffsetAndMetadata._fields
        offset = kafka.structs.OffsetAndMetadata(*(1, "", -1)[: len(names)])
        consumer.commit({kafka.TopicPartition(topic, 0): offset})

    def uncommitting(self, topic):
        return kafka.KafkaConsumer(topic, bootstrap_servers=self.bootstrap, group_id=None)

    def close_quietly(self, consumer):
        consumer._coordinator.close(autocommit=False)
        consumer._client.close()

    def transact(self, producer, topic, way):
        producer.begin_transaction()
        producer.send(topic, b"x").get(30)
        getattr(producer, f"{way}_transaction")()

    def transactional(self, topic):
        if not hasattr(kafka.KafkaProducer, "init_transactions"):
            pytest.skip("before 2.1 it knows no transactions")
        producer = self.producer(transactional_id=topic)
        producer.init_transactions()
        return producer

    # The answer of the broker.

    def test_the_span_ends_when_the_broker_has_answered(self, connect, topic, recorder):
        """The call returns at once and its span is not current any more; it ends with the answer, on another thread."""
        producer = connect(self.producer, linger_ms=500)
        with span("order"):
            future = producer.send(topic, b"x")
            assert current_id() == hexadecimal(1)
            assert not future.is_done
            assert recorder.finished() == []
            self.delivered(future)
        sent, _ = self.spans(recorder, 2)
        assert sent == self.sent(topic, 2, trace=1, parent=1)

    def test_the_future_is_the_very_one_that_the_library_returned(self, instrument, topic, recorder, monkeypatch):
        """No wrapper stands in for the future, and callbacks of the program run after ours as ever."""
        original = kafka.KafkaProducer.send
        returned = []

        def send(*args, **kwargs):
            returned.append(original(*args, **kwargs))
            return returned[-1]

        monkeypatch.setattr(kafka.KafkaProducer, "send", send)
        instrument("kafka")
        producer = self.producer()
        future = producer.send(topic, b"x")
        told = threading.Event()
        future.add_callback(lambda _metadata: told.set())
        assert future is returned[0]
        assert told.wait(30)
        producer.close()

    def test_headers_may_be_given_by_position(self, connect, topic, recorder):
        """Positional headers are copied like those given by name, and the caller's list is not written to."""
        producer, consumer = connect(self.producer), connect(self.consumer, topic)
        headers = [("a", b"1")]
        self.delivered(producer.send(topic, b"x", b"k", headers, 0, 1234))
        assert headers == [("a", b"1")]
        message = next(consumer)
        assert (message.key, message.value, message.partition, message.timestamp) == (b"k", b"x", 0, 1234)
        assert [name for name, _ in message.headers] == ["a", "traceparent"]

    def test_headers_may_be_of_a_subclass(self, connect, topic, recorder):
        """They carry the context where the library takes them, and are refused where it does not."""
        producer, consumer = connect(self.producer), connect(self.consumer, topic)
        headers = type("Pairs", (list,), {})([("a", b"1")])
        if kafka.__version__.startswith("2.0."):
            with pytest.raises(AssertionError):
                producer.send(topic, b"x", headers=headers)
            return
        self.delivered(self.send(producer, topic, b"x", headers=headers))
        assert headers == [("a", b"1")]
        assert [name for name, _ in next(consumer).headers] == ["a", "traceparent"]

    def test_headers_that_the_library_refuses_are_still_refused(self, connect, topic, recorder):
        """A tuple is no list of headers, with us as without us."""
        producer = connect(self.producer)
        with pytest.raises((AssertionError, TypeError)):
            producer.send(topic, b"x", headers=(("a", b"1"),))
        (failed,) = self.spans(recorder, 1)
        assert failed["status"] == "ERROR"

    def test_a_broker_without_headers_gets_none(self, connect, topic, recorder):
        """Where the broker is older than 0.11 no context is sent."""
        producer, consumer = connect(self.producer), connect(self.consumer, topic)
        producer.config["api_version"] = (0, 10, 2)
        self.delivered(producer.send(topic, b"x"))
        assert not next(consumer).headers

    def test_a_broker_that_cannot_be_reached_fails_the_span(self, connect, topic, recorder):
        """A producer that finds no broker raises after its own limit, and the span says so."""
        producer = connect(
            self.producer,
            bootstrap_servers=[f"127.0.0.1:{free_port()}"],
            api_version=(2, 3),
            max_block_ms=300,
        )
        with pytest.raises(KafkaError) as caught:
            producer.send(topic, b"x").get(timeout=30)
        (failed,) = self.spans(recorder, 1)
        assert failed["status"] == "ERROR"
        assert failed["attributes"]["error.type"] == f"kafka.errors.{type(caught.value).__name__}"
        assert failed["message"] == str(caught.value)
        assert isinstance(caught.value, KafkaTimeoutError)

    def test_a_message_that_the_broker_refuses_fails_the_span(self, connect, topic, recorder):
        """The error comes with the answer, after the call has returned."""
        producer = connect(self.producer, max_request_size=1 << 23)
        self.fill(producer, topic, 1)
        recorder.clear()
        with pytest.raises(MessageSizeTooLargeError):
            producer.send(topic, b"x" * (2 << 20)).get(timeout=30)
        (failed,) = self.spans(recorder, 1)
        assert (failed["kind"], failed["status"]) == ("PRODUCER", "ERROR")
        assert failed["attributes"]["error.type"] == "kafka.errors.MessageSizeTooLargeError"
        assert "messaging.kafka.offset" not in failed["attributes"]

    def test_a_message_that_only_we_make_too_large_is_sent_without_us(self, connect, topic, recorder):
        """What fits without the context goes out without it; what does not fit fails as ever."""
        producer, consumer = connect(self.producer, max_request_size=1000), connect(self.consumer, topic)
        room = next(
            size
            for size in range(1000, 0, -1)
            if producer._estimate_size_in_bytes(None, b"x" * size, [("a", b"1")]) <= 1000
        )
        self.delivered(producer.send(topic, b"x" * room, headers=[("a", b"1")]))
        with pytest.raises(MessageSizeTooLargeError):
            self.delivered(producer.send(topic, b"x" * (room + 1), headers=[("a", b"1")]))
        self.delivered(producer.send(topic, b"x" * (room - 100), headers=[("a", b"1")]))
        assert [name for name, _ in next(consumer).headers] == ["a"]
        assert [name for name, _ in next(consumer).headers] == ["a", "traceparent"]

    def test_a_message_without_value_is_a_tombstone_on_both_sides(self, connect, topic, recorder):
        """An empty value is told, a value that is there is not."""
        producer, consumer = connect(self.producer), connect(self.consumer, topic)
        self.delivered(producer.send(topic, None, key=b"gone"))
        assert next(consumer).value is None
        self.close(consumer)
        for one in self.spans(recorder, 2):
            assert one["attributes"].pop("messaging.kafka.message.tombstone") is True
            assert one["attributes"]["messaging.kafka.message.key"] == "gone"

    def test_the_producers_threads_belong_to_no_request(self, instrument, topic, recorder, monkeypatch):
        """A thread that the library starts for itself is started with no span current, whoever asked for it."""
        start = threading.Thread.start
        seen = {}

        def watched(thread):
            seen[thread.name] = get_current()
            start(thread)

        monkeypatch.setattr(threading.Thread, "start", watched)
        instrument("kafka")
        with span("request"):
            producer, consumer = self.producer(), self.consumer(topic)
            self.fill(producer, topic, 1)
            next(consumer)
            threading.Thread(target=int, name="own").start()
            consumer.close()
            producer.close()
        own = seen.pop("own")
        assert own is not None
        assert seen
        assert set(seen.values()) == {None}

    def test_callbacks_of_the_program_run_in_no_request(self, instrument, connect, topic, recorder):
        """Also where threads inherit spans, the sender's thread has none, whichever request made the producer."""
        instrument("threads")
        seen = []
        with span("request"):
            producer = connect(self.producer)
            future = producer.send(topic, b"x")
            told = threading.Event()
            future.add_callback(lambda _metadata: (seen.append(get_current()), told.set()))
            assert told.wait(30)
            own = threading.Thread(target=lambda: seen.append(current_id()))
            own.start()
            own.join()
        assert seen == [None, hexadecimal(1)]

    def test_what_a_handler_does_to_databases_and_topics_is_beneath_its_message(
        self, instrument, connect, topic, recorder
    ):
        """Two messages and a query, in one trace, each beneath what caused it."""
        instrument("sqlite3")
        producer, consumer = connect(self.producer), connect(self.consumer, topic)
        self.delivered(producer.send(topic, b"pizza"))
        next(consumer)
        database = sqlite3.connect(":memory:")
        database.execute("SELECT 1")
        database.close()
        self.delivered(producer.send(topic, b"next"))
        self.close(consumer)
        found = recorder.wait(4)
        assert {one["trace_id"] for one in found} == {f"{1:032x}"}
        assert sorted((one["kind"], one["span_id"][-1], one["parent_id"][-1:]) for one in found) == [
            ("CLIENT", "3", "2"),
            ("CONSUMER", "2", "1"),
            ("PRODUCER", "1", ""),
            ("PRODUCER", "4", "2"),
        ]

    # What poll returns.

    def test_what_poll_returns_is_what_it_returns_without_us(self, connect, filled, recorder):
        """A dictionary of lists: equal, in order, of the same length and truth, of plain records."""
        consumer = connect(self.consumer, filled)
        found = self.polled(consumer, 3)
        assert type(found) is dict
        ((place, batch),) = found.items()
        assert type(place) is kafka.TopicPartition
        assert isinstance(batch, list)
        plain = pickle.loads(pickle.dumps(batch))
        assert (type(plain), type(copy.copy(batch)), type(copy.deepcopy(batch))) == (list, list, list)
        assert (batch == plain, plain == batch, found == {place: plain}) == (True, True, True)
        assert (len(batch), bool(batch), repr(batch), batch[1:] == plain[1:]) == (3, True, repr(plain), True)
        assert json.dumps([record.offset for record in plain]) == "[0, 1, 2]"
        assert type(plain[0]).__name__ == "ConsumerRecord"
        assert (batch[-1] is batch[-1], batch.index(plain[1]), plain[2] in batch) == (True, 1, True)
        with pytest.raises(IndexError) as caught:
            batch[3]
        assert str(caught.value) == "list index out of range"
        assert [one["name"] for one in recorder.finished()] == [f"poll {filled}"]
        assert current_id() == hexadecimal(4)

    def test_every_way_through_a_batch_makes_its_messages_current(self, connect, filled, recorder):
        """Backwards, by slices, by taking out: the message in hand is the one whose span is current."""
        consumer = connect(self.consumer, filled)
        (batch,) = self.poll(consumer, 3)
        offsets = {f"{number:016x}": number - 1 for number in (1, 2, 3)}
        for message in reversed(batch):
            assert offsets[get_current().parent_id] == message.offset
        for message in batch[1:]:
            assert offsets[get_current().parent_id] == message.offset
        for index, message in enumerate(batch):
            assert (index, offsets[get_current().parent_id]) == (message.offset, message.offset)
        assert current_id() == hexadecimal(4)
        while batch:
            message = batch.pop(0)
            assert offsets[get_current().parent_id] == message.offset
        self.close(consumer)
        assert current_id() is None
        recorder.wait(1 + 3)

    def test_a_subclass_that_overrides_poll_and_next_is_traced_once(self, connect, filled, recorder):
        """The program's own methods that call the library's make no second span."""

        class Reader(kafka.KafkaConsumer):
            def __next__(self):
                return super().__next__()

            def poll(self, *args, **kwargs):
                return super().poll(*args, **kwargs)

        options = {"bootstrap_servers": self.bootstrap, "auto_offset_reset": "earliest"}
        reader = connect(Reader, filled, group_id="next", **options)
        assert [next(reader).value for _ in range(3)] == [b"0", b"1", b"2"]
        reader.close()
        reader = connect(Reader, filled, group_id="poll", **options)
        ((*messages,),) = self.poll(reader, 3)
        assert [message.value for message in messages] == [b"0", b"1", b"2"]
        reader.close()
        parents = [one["parent_id"] for one in recorder.wait(7) if one["kind"] == "CONSUMER"]
        assert parents == [hexadecimal(number) for number in (1, 2, 3)] * 2

    @pytest.mark.skipif(sys.version_info < (3, 11), reason="before Python 3.11 a frame that re-raises stays")
    def test_tracebacks_of_pulls_and_batches_read_as_without_us(self, connect, filled, recorder):
        """What the library or a list raises through us shows no frame of ours."""
        consumer = connect(self.consumer, filled)
        (batch,) = self.poll(consumer, 3)

        def beyond():
            return batch[3]

        for call in (lambda: consumer.poll(timeout_ms=-1), beyond, lambda: batch.pop(3), consumer.close):
            with pytest.raises((AssertionError, ValueError, IndexError, TypeError)) as caught:
                call() if call != consumer.close else call(no_such=1)
            self.assert_unseen(caught.value)

    def test_giving_up_the_subscription_ends_the_message(self, connect, filled, recorder):
        """After ``unsubscribe`` nothing is being handled."""
        consumer = connect(self.consumer, filled)
        next(consumer)
        consumer.unsubscribe()
        assert current_id() is None
        recorder.wait(1)

    def test_an_iteration_that_times_out_ends_as_it_does_without_us(self, connect, filled, recorder):
        """The loop ends, the last message has ended with it, and the consumer goes on afterwards."""
        consumer = connect(self.consumer, filled, consumer_timeout_ms=2000)
        assert [message.value for message in consumer] == [b"0", b"1", b"2"]
        assert current_id() is None
        assert [message.value for message in consumer] == []
        recorder.wait(3)

    def test_seeking_and_committing_leave_the_message_in_hand(self, connect, filled, recorder):
        """What a handler does with its consumer belongs to its message, which may come again."""
        consumer = connect(self.consumer, filled)
        message = next(consumer)
        consumer.commit()
        consumer.seek(kafka.TopicPartition(filled, 0), message.offset)
        assert current_id() == hexadecimal(4)
        assert next(consumer).offset == message.offset
        self.close(consumer)
        recorder.wait(3)

    def test_an_asynchronous_commit_is_open_until_its_future_is_done(self, connect, topic, recorder):
        """The future is the library's; the span ends with it, beneath the message, which stays current."""
        self.fill(connect(self.producer), topic, 1)
        consumer = connect(self.consumer, topic)
        next(consumer)
        future = consumer.commit_async()
        assert current_id() == hexadecimal(2)
        assert type(future) is kafka.future.Future

        def done():
            with suppress(RuntimeError):  # kafka-python 3: the heartbeat's thread is in there
                consumer._client.poll(timeout_ms=100)
            return future.is_done

        until(done, "the commit")
        assert future.succeeded()
        assert self.spans(recorder, 2)[1] == self.committed(topic, 3, trace=1, parent=2)

    def test_nothing_of_ours_is_on_the_programs_objects(self, connect, filled, recorder):
        """A consumer in use has the attributes that it has without us, and is forgotten once it is closed and dropped."""
        consumer = connect(self.consumer, filled)
        before = set(vars(consumer))
        next(consumer)
        assert set(vars(consumer)) == before
        assert id(consumer) in consuming._handlings

    def test_several_bootstrap_servers_are_no_address(self, connect, topic, recorder):
        """Which of several brokers will be asked is not known, so none is named."""
        producer = connect(self.producer, bootstrap_servers=[self.bootstrap, self.bootstrap])
        self.delivered(producer.send(topic, b"x", headers=[("traceparent", FOREIGN.encode())]))
        (sent,) = self.spans(recorder, 1)
        assert not {"server.address", "server.port"} & set(sent["attributes"])
