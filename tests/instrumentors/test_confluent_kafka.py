"""confluent-kafka keeps the contract of messaging, and what only it has."""

from __future__ import annotations

import gc
import importlib
import sys
import time
import warnings
from typing import NamedTuple

import pytest

from contracts.kafka import KafkaMessaging
from contracts.messaging_base import current_id, hexadecimal
from services.ports import free_port


class Seen(NamedTuple):
    """A message as the contract reads it."""

    value: bytes
    key: bytes
    headers: list
    offset: int


class Batch:
    """A library's list, whose messages are read by attributes."""

    def __init__(self, messages):
        self.messages = messages

    def __iter__(self):
        return map(seen, self.messages)

    def __getitem__(self, index):
        return seen(self.messages[index])


def seen(message):
    """Return a message as the contract reads it."""
    return Seen(message.value(), message.key(), message.headers() or [], message.offset())


class Sent:
    """What the contract waits for: the report of a delivery."""

    def __init__(self, producer):
        self.producer = producer
        self.answers = []

    def told(self, error, message):
        self.answers.append((error, message))


@pytest.fixture(scope="module")
def library():
    """The package, with its extension module in place and everything else to be imported anew once that is traced."""
    return importlib.import_module("confluent_kafka.cimpl")


class TestConfluentKafka(KafkaMessaging):
    """The contract, and the library's own."""

    name = "confluent_kafka"

    @pytest.fixture(autouse=True)
    def _broker(self, kafka_broker):
        self.bootstrap = kafka_broker.bootstrap
        yield
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)  # of sockets that tests before this one left
            gc.collect()

    @pytest.fixture(autouse=True)
    def _package(self, library, instrument, monkeypatch):
        """The package as a traced program imports it: derived from what is in the extension module then."""
        instrument("confluent_kafka")
        for name in [name for name in sys.modules if name.startswith("confluent_kafka")]:
            if name != "confluent_kafka.cimpl":
                monkeypatch.delitem(sys.modules, name)
        self.library = importlib.import_module("confluent_kafka")

    def producer(self, **options):
        return self.library.Producer({"bootstrap.servers": self.bootstrap, "client.id": "sender", **options})

    def consumer(self, topic, group=None, kind=None, **options):
        """Return a subclass of the program's, that can be iterated over."""

        class Reader(kind or self.library.Consumer):
            subscribed = False

            def begin(self):
                if not self.subscribed:
                    self.subscribed = True
                    self.subscribe([topic])

            def __iter__(self):
                return self

            def __next__(self):
                self.begin()
                end = time.monotonic() + 60
                while time.monotonic() < end:
                    message = self.poll(5)
                    if message is not None and message.error() is None:
                        return seen(message)
                raise AssertionError("nothing came within 60 s")

        return Reader(
            {
                "bootstrap.servers": self.bootstrap,
                "client.id": "reader",
                "group.id": group or topic,
                "auto.offset.reset": "earliest",
                "topic.metadata.refresh.interval.ms": 200,
                **options,
            }
        )

    def send(self, producer, topic, value, key=None, headers=None):
        sent = Sent(producer)
        producer.produce(topic, value=value, key=key, headers=headers, on_delivery=sent.told)
        return sent

    def delivered(self, sent):
        end = time.monotonic() + 60
        while not sent.answers and time.monotonic() < end:
            sent.producer.poll(0.1)
        ((error, _message),) = sent.answers
        assert error is None

    def serve(self, producer):
        producer.flush(30)

    def poll(self, consumer, count):
        consumer.begin()
        end = time.monotonic() + 60
        while time.monotonic() < end:
            found = consumer.consume(count, 5)
            if found:
                assert len(found) == count
                return [Batch(found)]
        raise AssertionError("nothing came within 60 s")

    def try_poll(self, consumer):
        consumer.begin()
        assert consumer.poll(0.001) is None

    def close(self, client):
        if hasattr(client, "close"):
            client.close()
        else:
            client.flush(30)

    def commit(self, consumer):
        consumer.commit(asynchronous=False)

    def commit_first(self, consumer, topic):
        consumer.commit(offsets=[self.library.TopicPartition(topic, 0, 1)], asynchronous=False)

    def uncommitting(self, topic):
        return self.consumer(topic)  # it has not read anything

    def refused(self, producer, topic):
        producer.produce(topic, object())

    def functions(self):
        """Methods of C: they have no signature, with us as without us."""
        return []

    # What the program sees of us.

    def test_classes_are_what_they_are_without_us(self, connect):
        """One name, one class, from which the package's own and the program's are derived; nothing of ours to see."""
        library = self.library
        extension = sys.modules["confluent_kafka.cimpl"]
        for name, own in (("Producer", "SerializingProducer"), ("Consumer", "DeserializingConsumer")):
            kind = getattr(library, name)
            assert kind is getattr(extension, name)
            assert issubclass(getattr(library, own), kind)
            assert (type(kind), repr(kind), kind.__name__, kind.__module__) == (
                type,
                f"<class 'cimpl.{name}'>",
                name,
                "cimpl",
            )
        producer = connect(self.producer)
        assert isinstance(producer, library.Producer)
        assert type(producer) is library.Producer
        with pytest.raises(AttributeError):
            producer.anything = 1
        assert library.Producer.produce.__doc__ == extension.Producer.__base__.produce.__doc__

    def test_callbacks_of_the_program_are_called_as_without_us(self, connect, topic, recorder):
        """``callback`` before ``on_delivery`` before the configuration's; each with error and message, in ``poll``."""
        told = []
        producer = connect(self.producer, on_delivery=lambda _error, message: told.append(("default", message.value())))

        def by(name):
            return lambda error, message: told.append((name, error, message.value()))

        producer.produce(topic, b"1", None, 0, by("callback"), by("on_delivery"))
        producer.produce(topic, b"2", on_delivery=by("on_delivery"))
        producer.produce(topic, b"3")
        producer.flush(30)
        assert told == [("callback", None, b"1"), ("on_delivery", None, b"2"), ("default", b"3")]
        assert [one["status"] for one in recorder.wait(3)] == ["UNSET", "UNSET", "UNSET"]

    def test_what_a_callback_raises_reaches_the_program(self, connect, topic, recorder):
        """The exception comes out of ``flush`` as ever; the message was delivered all the same."""

        def fail(_error, _message):
            raise ZeroDivisionError

        producer = connect(self.producer)
        producer.produce(topic, b"x", on_delivery=fail)
        with pytest.raises(ZeroDivisionError):
            producer.flush(30)
        (sent,) = self.spans(recorder, 1)
        assert sent == self.sent(topic, 1)

    def test_headers_may_be_a_dictionary(self, connect, topic, recorder):
        """A fresh dictionary goes out; the program's is not written to."""
        producer, consumer = connect(self.producer), connect(self.consumer, topic)
        headers = {"a": b"1"}
        self.delivered(self.send(producer, topic, b"x", headers=headers))
        assert headers == {"a": b"1"}
        assert [name for name, _ in next(consumer).headers] == ["a", "traceparent"]

    def test_a_message_that_is_not_delivered_in_time_fails_the_span(self, connect, topic, recorder):
        """No broker, and the library's own limit: the program's callback and the span get the error."""
        producer = connect(
            self.producer,
            **{"bootstrap.servers": f"127.0.0.1:{free_port()}", "message.timeout.ms": 300, "log_level": 0},
        )
        sent = self.send(producer, topic, b"x")
        producer.flush(30)
        ((error, _message),) = sent.answers
        assert error.name() == "_MSG_TIMED_OUT"
        (failed,) = self.spans(recorder, 1)
        assert (failed["status"], failed["attributes"]["error.type"]) == ("ERROR", "cimpl.KafkaException")
        assert "_MSG_TIMED_OUT" in failed["message"]

    def test_a_message_without_value_is_a_tombstone_on_both_sides(self, connect, topic, recorder):
        """An empty value is told, a value that is there is not."""
        producer, consumer = connect(self.producer), connect(self.consumer, topic)
        self.delivered(self.send(producer, topic, None, key=b"gone"))
        assert next(consumer).value is None
        self.close(consumer)
        for one in self.spans(recorder, 2):
            assert one["attributes"]["messaging.kafka.message.tombstone"] is True

    def transact(self, producer, topic, way):
        producer.begin_transaction()
        producer.produce(topic, b"x")
        producer.flush(30)
        getattr(producer, f"{way}_transaction")(30)

    def transactional(self, topic):
        producer = self.producer(**{"transactional.id": topic})
        producer.init_transactions(30)
        return producer

    def test_an_asynchronous_commit_is_its_call(self, connect, topic, recorder):
        """Nobody is told how it went; a message may be given in place of offsets."""
        self.fill(connect(self.producer), topic, 1)
        consumer = connect(self.consumer, topic)
        consumer.begin()
        message = None
        while message is None:
            message = consumer.poll(5)
        assert consumer.commit(message) is None
        assert current_id() == hexadecimal(2)
        assert self.spans(recorder, 2)[1] == self.committed(topic, 3, trace=1, parent=2)

    def test_classes_that_serialize_are_traced_once(self, connect, topic, recorder):
        """SerializingProducer and DeserializingConsumer stand on the others."""
        serialization = importlib.import_module("confluent_kafka.serialization")
        producer = connect(
            self.library.SerializingProducer,
            {
                "bootstrap.servers": self.bootstrap,
                "client.id": "sender",
                "value.serializer": serialization.StringSerializer(),
            },
        )
        self.delivered(self.send(producer, topic, "pizza"))
        text = serialization.StringDeserializer()
        options = {"kind": self.library.DeserializingConsumer, "value.deserializer": text}
        consumer = connect(self.consumer, topic, **options)
        assert next(consumer).value == "pizza"
        assert current_id() == hexadecimal(2)
        self.close(consumer)
        assert self.spans(recorder, 2) == [self.sent(topic, 1), self.processed(topic, 2, trace=1, parent=1)]

    def test_a_deserializer_that_raises_does_so_for_the_program(self, instrument, connect, topic, recorder):
        """The message has been received: its span fails of the exception that the program gets."""
        instrument("confluent_kafka_deserializing")

        def fail(_value, _context):
            raise ZeroDivisionError

        self.fill(connect(self.producer), topic, 1)
        options = {"kind": self.library.DeserializingConsumer, "value.deserializer": fail}
        consumer = connect(self.consumer, topic, **options)
        with pytest.raises(Exception, match=r".*") as caught:
            next(consumer)
        assert type(caught.value).__name__ == "ValueDeserializationError"
        assert current_id() is None
        (_, failed) = recorder.wait(2)
        assert (failed["kind"], failed["status"], failed["message"]) == ("CONSUMER", "ERROR", str(caught.value))
