"""confluent-kafka keeps the contract of messaging, and what only it has."""

from __future__ import annotations

import importlib
import sys
from collections import OrderedDict

import pytest

from autotrace.faults import faults
from autotrace.testing.contracts.messaging_base import current_id, hexadecimal
from contracts.confluent import ConfluentKafka, Iterated
from services.ports import free_port


class TestConfluentKafka(ConfluentKafka):
    """The contract, and the library's own."""

    def reader(self, topic, configuration, kind=None):
        """Return a subclass of the program's."""
        return type("Reader", (Iterated, kind or self.library.Consumer), {"topic": topic})(configuration)

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

    def test_a_call_that_the_library_refuses_is_refused_as_without_us(self, connect, topic, recorder):
        """Arguments given twice, too many, and by names that there are not; each call is a span that has failed."""
        producer, bare = connect(self.producer), self.library.Producer.__base__.produce
        calls = [((topic, b"x"), {"value": b"y"}), ((topic, *[None] * 8), {}), ((topic,), {"colour": "red"}), ((), {})]
        for args, kwargs in calls:
            told = []
            for produce in (producer.produce, bare.__get__(producer)):
                with pytest.raises(TypeError) as caught:
                    produce(*args, **kwargs)
                told.append(str(caught.value))
            assert told[0] == told[1]
        assert [(one["status"], one["attributes"]["error.type"]) for one in recorder.wait(4)] == [
            ("ERROR", "TypeError")
        ] * 4
        assert faults == {}

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

    def test_headers_may_be_a_dictionary_or_of_a_subclass(self, connect, topic, recorder):
        """Fresh ones go out; the program's are not written to."""
        producer, consumer = connect(self.producer), connect(self.consumer, topic)
        for kind in (dict, OrderedDict, type("Headers", (dict,), {}), type("Pairs", (list,), {})):
            headers = kind([("a", b"1")])
            self.delivered(self.send(producer, topic, b"x", headers=headers))
            assert headers == kind([("a", b"1")])
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
