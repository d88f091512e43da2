"""The part of the contract of messaging that is about failures, the handlers' and ours, and about what is left behind."""

from __future__ import annotations

import gc
import sys

import pytest

from autotrace import propagation
from autotrace.api import span
from autotrace.families.messaging import stream
from autotrace.faults import faults
from autotrace.testing import frames
from autotrace.testing.contracts.messaging_base import MessagingBase, current_id, hexadecimal
from autotrace.trace.span import Span


class HandlerError(Exception):
    """What goes wrong in the program that handles a message."""


class MessagingWall(MessagingBase):
    """What fails is told, what fails on our side is never seen, and nothing is kept."""

    def test_the_exception_in_flight_when_a_consumer_is_closed_is_the_failure(self, connect, filled, recorder):
        """A handler that raises, in a program that closes its consumer on the way out, leaves a failed span."""
        consumer = connect(self.consumer, filled)

        def work():
            try:
                for message in consumer:
                    raise HandlerError(message.value.decode())
            finally:
                self.close(consumer)

        with pytest.raises(HandlerError):
            work()
        (failed,) = self.spans(recorder, 1)
        assert failed["status"] == "ERROR"
        assert failed["exception"] == f"{failed['attributes']['error.type']}: 0"
        assert failed["attributes"]["error.type"].endswith("messaging_wall.HandlerError")
        assert failed["message"] == "0"

    def test_an_exception_that_was_in_flight_before_is_not_the_messages(self, connect, filled, recorder):
        """A consumer that is read and closed while an exception is handled did not raise it."""
        consumer = connect(self.consumer, filled)
        try:
            raise HandlerError
        except HandlerError:
            next(consumer)
            self.close(consumer)
        assert self.spans(recorder, 1)[0]["status"] == "UNSET"

    def test_an_exception_that_the_handler_deals_with_is_no_failure(self, connect, filled, recorder):
        """A loop that goes on after an exception handled its message."""
        consumer = connect(self.consumer, filled)
        next(consumer)
        try:
            raise HandlerError
        except HandlerError:
            pass
        next(consumer)
        assert self.spans(recorder, 1)[0]["status"] == "UNSET"

    def test_what_the_library_refuses_fails_the_span(self, connect, topic, recorder):
        """An exception of the call itself reaches the program, ends the span, and is told on it."""
        producer = connect(self.producer)
        self.fill(producer, topic, 1)
        recorder.clear()
        with span("order"), pytest.raises(Exception) as caught:
            self.refused(producer, topic)
        (failed, _) = self.spans(recorder, 2)
        assert (failed["kind"], failed["status"], failed["parent_id"]) == ("PRODUCER", "ERROR", hexadecimal(2))
        assert failed["exception"] == f"{failed['attributes']['error.type']}: {caught.value}"
        assert current_id() is None
        if sys.version_info >= (3, 11):
            self.assert_unseen(caught.value)

    @staticmethod
    def assert_unseen(error):
        """The traceback reads as if we were not there."""
        assert frames.ours(error) == []

    def test_our_own_failure_costs_spans_and_nothing_else(self, connect, topic, recorder, monkeypatch):
        """Where our code raises, messages come and go as if we were not there."""

        def broken(*_args):
            raise RuntimeError("ours")

        producer, consumer = connect(self.producer), connect(self.consumer, topic)
        other = connect(self.consumer, topic, group="other")
        for name in ("_sent", "_read", "_text"):
            monkeypatch.setattr(stream, name, broken)
        self.delivered(self.send(producer, topic, b"one", headers=[("a", b"1")]))
        self.delivered(self.send(producer, topic, b"two"))
        message = next(consumer)
        assert (message.value, list(message.headers)) == (b"one", [("a", b"1")])
        assert current_id() is None
        (batch,) = self.poll(other, 2)
        assert [message.value for message in batch] == [b"one", b"two"]
        assert recorder.finished() == []
        assert faults.pop(self.name) == 7

    def test_a_context_that_cannot_be_put_or_read_costs_no_message(self, connect, topic, recorder, monkeypatch):
        """Where propagation raises, the message goes without context and comes without one."""

        def broken(*_args):
            raise RuntimeError("ours")

        producer, consumer = connect(self.producer), connect(self.consumer, topic)
        monkeypatch.setattr(propagation, "outgoing_bytes", broken)
        monkeypatch.setattr(propagation, "incoming_bytes", broken)
        self.delivered(self.send(producer, topic, b"one", headers=[("a", b"1")]))
        assert list(next(consumer).headers) == [("a", b"1")]
        assert current_id() is None
        assert faults.pop(self.name) == 2

    def test_a_consumer_that_is_let_go_of_ends_its_message(self, instrument, connect, filled, recorder):
        """A span that is open when its consumer is collected is finished, and the consumer is collected.

        Up to Python 3.11 it stays current until the thread sets another: see ``trace.context``.
        """
        consumer = self.consumer(filled)
        next(consumer)
        assert current_id() == hexadecimal(4)
        self.close_quietly(consumer)
        del consumer
        gc.collect()
        assert current_id() is None or sys.version_info < (3, 12)
        recorder.wait(1)

    def close_quietly(self, consumer):
        """Free a consumer's resources by a way that is not patched; a library without one does nothing."""

    def test_a_message_that_was_sent_and_forgotten_is_not_kept(self, connect, topic, recorder):
        """When the broker has answered, no span is held, although the program still holds what it was given."""
        producer = connect(self.producer)
        futures = [self.send(producer, topic, b"x") for _ in range(20)]
        self.serve(producer)
        recorder.wait(20)
        recorder.clear()
        for future in futures:
            self.delivered(future)
        gc.collect()
        assert not [one for one in gc.get_objects() if type(one) is Span and topic in repr(getattr(one, "facts", ""))]

    def test_patched_functions_look_like_themselves(self, connect):
        """Name, module, signature and pickling by reference are the library's."""
        import inspect
        import pickle

        for owner, name in self.functions():
            function = getattr(owner, name)
            assert function.__name__ == name
            assert function.__module__ == inspect.unwrap(function).__module__
            assert inspect.signature(function) == inspect.signature(inspect.unwrap(function))
            assert pickle.loads(pickle.dumps(function)) is function
