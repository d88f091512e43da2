"""What every instrumentor of a messaging library has to keep, against a real broker.

A subclass says how its library is spoken to: see the abstract methods of MessagingBase.
"""

from __future__ import annotations

import gc
import sys
import threading
import traceback
from concurrent.futures import ThreadPoolExecutor

import pytest

import autotrace
from autotrace import propagation
from autotrace.api import span
from autotrace.families.messaging import consuming, stream
from autotrace.faults import faults
from autotrace.trace.context import get_current
from autotrace.trace.sampling import Sampler
from autotrace.trace.span import Span
from autotrace.trace.tracer import tracer
from contracts.messaging_base import MessagingBase, creation, current_id, hexadecimal

TRACEPARENT = "00-{:032x}-{:016x}-{}"
FOREIGN = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class HandlerError(Exception):
    """What goes wrong in the program that handles a message."""


class MessagingContract(MessagingBase):
    """The contract; a subclass adds a library to it."""

    # One trace.

    def test_a_message_is_one_trace_from_its_cause_to_what_its_handling_does(self, connect, topic, recorder):
        """Sending is beneath what caused it, handling beneath the sending, and what handling does beneath that."""
        producer, consumer = connect(self.producer), connect(self.consumer, topic)
        with span("order"):
            future = self.send(producer, topic, b"pizza", key=b"42")
            assert current_id() == hexadecimal(1)
            self.delivered(future)
        message = next(consumer)
        assert (message.value, message.key) == (b"pizza", b"42")
        with span("bake"):
            pass
        self.close(consumer)
        assert current_id() is None
        found = {one["span_id"]: one for one in self.spans(recorder, 4)}
        assert [found[hexadecimal(number)] for number in (1, 2, 3, 4)] == [
            self.internal("order", 1, 1, ""),
            self.sent(topic, 2, trace=1, parent=1, key="42"),
            self.processed(topic, 3, trace=1, parent=2, key="42"),
            self.internal("bake", 4, 1, 3),
        ]

    def test_each_message_of_an_iteration_is_current_until_the_next_is_asked_for(self, connect, filled, recorder):
        """In the loop's body the message's span is current; the next pull ends it."""
        consumer = connect(self.consumer, filled)
        seen = []
        for message in consumer:
            seen.append((message.value, current_id(), len(recorder.finished())))
            if len(seen) == 3:
                break
        assert seen == [(b"0", hexadecimal(4), 0), (b"1", hexadecimal(5), 1), (b"2", hexadecimal(6), 2)]
        self.close(consumer)
        assert self.spans(recorder, 3) == [
            self.processed(filled, 4 + number, trace=1 + number, parent=1 + number, offset=number)
            for number in range(3)
        ]

    def test_waiting_for_a_message_is_not_handling_one(self, connect, topic, recorder):
        """The span ends when the next message is asked for, not when it comes, and nothing is current meanwhile."""
        producer = connect(self.producer)
        consumer = connect(self.consumer, topic)
        self.fill(producer, topic, 1)
        came = []

        def work():
            came.append(next(consumer).value)
            came.append(next(consumer).value)

        thread = threading.Thread(target=work)
        thread.start()
        assert [one["kind"] for one in recorder.wait(2, timeout=30)] == ["PRODUCER", "CONSUMER"]
        assert came == [b"0"]
        self.delivered(self.send(producer, topic, b"late"))
        thread.join(30)
        assert came == [b"0", b"late"]

    def test_each_message_of_a_batch_is_current_while_the_loop_handles_it(self, connect, filled, recorder):
        """A loop over what was polled has each message's span current in its body, and the pull's before and after it."""
        consumer = connect(self.consumer, filled)
        (batch,) = self.poll(consumer, 3)
        assert current_id() == hexadecimal(4)
        seen = [(message.value, current_id()) for message in batch]
        assert current_id() == hexadecimal(4)
        assert seen == [(b"0", hexadecimal(5)), (b"1", hexadecimal(6)), (b"2", hexadecimal(7))]
        assert self.spans(recorder, 4) == [
            self.pulled(filled, 4, trace=4, parent="", links=(1, 2, 3), count=3),
            *(
                self.processed(filled, 5 + number, trace=1 + number, parent=1 + number, offset=number)
                for number in range(3)
            ),
        ]

    def test_a_loop_over_a_batch_that_is_left_ends_its_message(self, connect, filled, recorder):
        """After ``break``, and after an exception, no message is being handled."""
        consumer = connect(self.consumer, filled)
        (batch,) = self.poll(consumer, 3)
        for _message in batch:
            assert current_id() == hexadecimal(5)
            break
        assert current_id() == hexadecimal(4)
        assert len(recorder.finished()) == 2

        def fail():
            for message in batch:
                if message.offset == 1:
                    raise HandlerError

        with pytest.raises(HandlerError):
            fail()
        assert current_id() == hexadecimal(4)
        self.close(consumer)
        assert current_id() is None
        recorder.wait(3)

    @pytest.mark.parametrize("look", [max, sorted, list, tuple, set, any])
    def test_a_batch_that_is_looked_at_before_it_is_handled_has_each_message_once(
        self, connect, filled, recorder, look
    ):
        """The largest offset, or whether there is an error, is asked for first; the work is beneath the same spans."""
        consumer = connect(self.consumer, filled)
        (batch,) = self.poll(consumer, 3)
        look(message.offset for message in batch)
        look(message.offset < 0 for message in batch)
        looked = tracer.clock()
        for message in batch:
            with span(f"work {message.offset}"):
                pass
        for message in batch:  # and once more
            with span(f"more {message.offset}"):
                pass
        self.close(consumer)
        found = self.spans(recorder, 1 + 3 + 6)
        messages = [one for one in found if one["kind"] == "CONSUMER"]
        assert [one["parent_id"] for one in messages] == [hexadecimal(number) for number in (1, 2, 3)]
        numbers = {one["span_id"]: number for number, one in enumerate(messages)}
        works = [(one["name"], numbers[one["parent_id"]]) for one in found if one["kind"] == "INTERNAL"]
        assert works == [(f"{name} {number}", number) for name in ("work", "more") for number in range(3)]
        starts = [one.start for one in recorder.spans if one.operation.family is consuming.PROCESS]
        assert min(starts) > looked
        assert starts == sorted(starts)

    @pytest.mark.parametrize("looks", [False, True])
    def test_a_batch_may_be_handled_by_its_indices(self, connect, filled, recorder, looks):
        """Each message is current from where it is taken on; its last offset may be looked at before and after."""
        consumer = connect(self.consumer, filled)
        (batch,) = self.poll(consumer, 3)
        if looks:
            assert (batch[-1].offset, max(message.offset for message in batch)) == (2, 2)
            assert current_id() == hexadecimal(4)
        for index in range(3):
            assert batch[index].offset == index
            with span("work"):
                pass
        assert batch[-1].offset == 2
        self.close(consumer)
        found = self.spans(recorder, 1 + 3 + 3)
        messages = {one["span_id"]: one["parent_id"] for one in found if one["kind"] == "CONSUMER"}
        works = [messages[one["parent_id"]] for one in found if one["kind"] == "INTERNAL"]
        assert works == [hexadecimal(number) for number in (1, 2, 3)]

    @pytest.mark.parametrize("way", ["filtered", "sorted", "gathered"])
    def test_what_is_done_with_a_copy_of_a_batch_is_beneath_its_pull(self, connect, filled, recorder, way):
        """Whose message it is cannot be seen; that it was brought by this pull, which is linked to all senders, can."""
        producer, consumer = connect(self.producer), connect(self.consumer, filled)
        (batch,) = self.poll(consumer, 3)
        if way == "filtered":
            copied = [message for message in batch if message.offset != 1]
        elif way == "sorted":
            copied = sorted(batch, key=lambda message: -message.offset)
        else:
            copied = [message.value for message in batch]
        for _message in copied:
            with span("work"):
                pass
        self.delivered(self.send(producer, f"{filled}-next", b"x"))
        self.close(consumer)
        assert current_id() is None
        found = self.spans(recorder, 1 + 3 + len(copied) + 1)
        for one in found:
            if one["kind"] in ("INTERNAL", "PRODUCER"):
                assert (one["parent_id"], one["trace_id"]) == (hexadecimal(4), f"{4:032x}")

    def test_what_is_done_with_a_copy_of_a_single_message_is_beneath_that(self, connect, topic, recorder):
        """Where only one came, it is known: ``[m for m in consumer.consume(100) if not m.error()]``."""
        self.fill(connect(self.producer), topic, 1)
        consumer = connect(self.consumer, topic)
        (batch,) = self.poll(consumer, 1)
        for _message in [message for message in batch if message.offset == 0]:
            with span("work"):
                pass
        self.try_poll(consumer)
        assert current_id() is None
        found = self.spans(recorder, 3)
        assert found[1] == self.internal("work", 3, 1, 2)
        assert found[2] == self.processed(topic, 2, trace=1, parent=1)

    def test_a_message_ends_with_the_span_around_its_pull(self, connect, topic, recorder):
        """A request that pulls its reply: what was pulled last does not last until the next request."""
        producer, consumer = connect(self.producer), connect(self.consumer, topic)
        for number in range(2):
            self.fill(producer, topic, 1)
            recorder.clear()
            with span(f"request {number}"):
                next(consumer)
                assert current_id() is not None
            assert current_id() is None
            assert [one["name"].split(" ")[0] for one in recorder.wait(3)] == ["poll", "process", "request"]

    def test_a_batch_ends_with_the_span_around_its_pull(self, connect, filled, recorder):
        """Also where it was only looked at, and where another span is between."""
        consumer = connect(self.consumer, filled)
        with span("request"):
            (batch,) = self.poll(consumer, 3)
            assert max(message.offset for message in batch) == 2
            with span("work"):
                pass
            assert len(recorder.finished()) == 2
        assert current_id() is None
        found = self.spans(recorder, 6)
        assert [one["name"].split(" ")[0] for one in found] == ["poll", "work", *["process"] * 3, "request"]
        assert found[1]["parent_id"] == found[5]["span_id"]

    def test_a_message_that_was_polled_alone_is_handled_once_it_is_looked_at(self, connect, topic, recorder):
        """Where one message came, taking it out of its batch by its index makes its span current."""
        self.fill(connect(self.producer), topic, 1)
        consumer = connect(self.consumer, topic)
        (batch,) = self.poll(consumer, 1)
        assert current_id() is None
        assert batch[0].value == b"0"
        assert current_id() == hexadecimal(2)
        for _message in batch:  # the same message is still the same span
            assert current_id() == hexadecimal(2)
        assert batch[-1].offset == 0  # for a commit: it has been handled
        assert current_id() is None
        recorder.wait(2)

    def test_a_pull_that_brings_nothing_makes_no_span(self, connect, filled, recorder):
        """Asking in vain is no span, but it ends what was handled before."""
        consumer = connect(self.consumer, filled)
        for _ in range(3):
            next(consumer)
        assert current_id() == hexadecimal(6)
        self.try_poll(consumer)
        assert current_id() is None
        recorder.wait(3)

    def test_what_is_current_where_a_message_is_handled_is_linked(self, connect, topic, recorder):
        """The sender is the parent; the span around the consumer is a link, has the pull's, and comes back afterwards."""
        self.fill(connect(self.producer), topic, 1)
        consumer = connect(self.consumer, topic)
        with span("worker"):
            next(consumer)
            assert current_id() == hexadecimal(4)
            self.close(consumer)
            assert current_id() == hexadecimal(2)
        found = self.spans(recorder, 4)
        links = creation(1, 1)["links"] + [(f"{2:032x}", hexadecimal(2))]
        assert found[1] == self.pulled(topic, 3, trace=2, parent=2, links=(1,), offset=0)
        assert found[2] == self.processed(topic, 4, trace=1, parent=1, links=links)

    def test_a_message_without_context_belongs_to_what_is_current(self, connect, topic, recorder):
        """Where nothing came in, the span around the consumer is the parent."""
        propagation.configure(("none",))
        self.fill(connect(self.producer), topic, 1)
        consumer = connect(self.consumer, topic)
        with span("worker"):
            assert not next(consumer).headers
            self.close(consumer)
        assert self.spans(recorder, 4)[1:3] == [
            self.pulled(topic, 3, trace=2, parent=2, offset=0),
            self.processed(topic, 4, trace=2, parent=2, came_in=False),
        ]

    # Headers.

    def test_the_callers_headers_stay_and_ours_come_after_them(self, connect, topic, recorder):
        """The list that the program passes is not written to; what arrives is what it set, then ours."""
        producer, consumer = connect(self.producer), connect(self.consumer, topic)
        headers = [("b", b"\x00\xff"), ("a", b""), ("b", b"again")]
        mine = list(headers)
        self.delivered(self.send(producer, topic, b"one", headers=mine))
        self.delivered(self.send(producer, topic, b"two", headers=[]))
        assert mine == headers
        ours = [("traceparent", TRACEPARENT.format(1, 1, "03").encode())]
        assert list(next(consumer).headers) == headers + ours
        assert list(next(consumer).headers) == [("traceparent", TRACEPARENT.format(2, 2, "03").encode())]

    def test_without_propagation_the_headers_are_what_the_program_set(self, connect, topic, recorder):
        """The propagator ``none`` adds nothing."""
        propagation.configure(("none",))
        producer, consumer = connect(self.producer), connect(self.consumer, topic)
        self.delivered(self.send(producer, topic, b"one", headers=[("a", b"1")]))
        self.delivered(self.send(producer, topic, b"two"))
        assert list(next(consumer).headers) == [("a", b"1")]
        assert not next(consumer).headers

    def test_a_context_of_the_programs_own_stays_and_is_linked(self, connect, topic, recorder):
        """A context that came from elsewhere than what is being handled stays in the headers; the sending is linked to it."""
        producer, consumer = connect(self.producer), connect(self.consumer, topic)
        headers = [("traceparent", FOREIGN.encode())]
        self.delivered(self.send(producer, topic, b"one", headers=headers))
        assert list(next(consumer).headers) == headers
        self.close(consumer)
        sent, processed = self.spans(recorder, 2)
        assert sent == self.sent(topic, 1, links=[tuple(FOREIGN.split("-")[1:3])])
        assert (processed["trace_id"], processed["parent_id"]) == tuple(FOREIGN.split("-")[1:3])

    @pytest.mark.parametrize("way", ["handled", "in a batch"])
    def test_a_message_that_is_passed_on_with_its_headers_comes_from_whoever_passes_it_on(
        self, connect, topic, recorder, way
    ):
        """Retry topics, dead letters, routers: the context in the headers was the last sender's, and is replaced."""
        producer, consumer, last = (
            connect(self.producer),
            connect(self.consumer, topic),
            connect(self.consumer, f"{topic}-retry"),
        )
        for number in range(2):
            self.delivered(self.send(producer, topic, b"%d" % number, headers=[("a", b"1")]))
        passed = []
        if way == "handled":
            passed.append(next(consumer))
            self.delivered(self.send(producer, f"{topic}-retry", b"again", headers=list(passed[0].headers)))
        else:
            for message in self.poll(consumer, 2)[0]:
                passed.append(message)
                self.delivered(self.send(producer, f"{topic}-retry", b"again", headers=list(message.headers)))
                break
        self.close(consumer)
        again = next(last)
        handled, forwarded = get_current(), dict(again.headers)["traceparent"].decode()
        assert dict(passed[0].headers)["traceparent"] == TRACEPARENT.format(1, 1, "03").encode()
        assert sorted(name for name, _ in again.headers) == ["a", "traceparent"]
        self.close(last)
        found = {one["span_id"]: one for one in recorder.finished()}
        sent = found[forwarded.split("-")[2]]
        assert (sent["name"], sent["trace_id"], "links" in sent) == (f"send {topic}-retry", f"{1:032x}", False)
        assert found[sent["parent_id"]]["name"] == f"process {topic}"
        assert (handled.parent_id, handled.trace.trace_id) == (sent["span_id"], sent["trace_id"])

    def test_tracestate_and_baggage_travel_with_the_message(self, connect, topic, recorder):
        """What came in with the first message goes out with the one that its handling sends."""
        producer, consumer = connect(self.producer), connect(self.consumer, topic)
        first = [("traceparent", FOREIGN.encode()), ("tracestate", b"v=1"), ("baggage", b"user=7")]
        self.delivered(self.send(producer, topic, b"one", headers=first))
        next(consumer)
        self.delivered(self.send(producer, topic, b"two"))
        headers = dict(next(consumer).headers)
        assert (headers["tracestate"], headers["baggage"]) == (b"v=1", b"user=7")
        assert headers["traceparent"].decode().split("-")[1:3] == [FOREIGN.split("-")[1], hexadecimal(3)]

    def test_a_trace_that_is_not_recorded_is_passed_on_as_such(self, connect, topic, recorder):
        """Unsampled: the flags go out as 02 (a random id), the handling is current all the same, and nothing is recorded."""
        tracer.sampler = Sampler(0.0)
        producer, consumer = connect(self.producer), connect(self.consumer, topic)
        self.delivered(self.send(producer, topic, b"one"))
        assert dict(next(consumer).headers)["traceparent"] == TRACEPARENT.format(1, 1, "02").encode()
        assert (get_current().parent_id, get_current().trace.sampled) == (hexadecimal(1), False)
        self.close(consumer)
        assert current_id() is None
        assert recorder.finished() == []

    # Failures.

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
        assert failed["attributes"]["error.type"].endswith("messaging.HandlerError")
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
        ours = autotrace.__file__.rpartition("/")[0]
        text = "".join(traceback.format_exception(type(error), error, error.__traceback__))
        assert ours not in text

    def test_our_own_failure_costs_spans_and_nothing_else(self, connect, topic, recorder, monkeypatch):
        """Where our code raises, messages come and go as if we were not there."""

        def broken(*_args):
            raise RuntimeError("ours")

        producer, consumer = connect(self.producer), connect(self.consumer, topic)
        other = connect(self.consumer, topic, group="other")
        monkeypatch.setattr(stream, "_text", broken)
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

    # Several at once.

    def test_threads_that_send_do_not_mix(self, connect, topic, recorder):
        """Each message sent by one of several threads is beneath that thread's own span."""
        producer = connect(self.producer)
        self.fill(producer, topic, 1)
        recorder.clear()
        ready = threading.Barrier(4)

        def work(number):
            ready.wait()
            for _ in range(5):
                with span(f"thread {number}"):
                    self.delivered(self.send(producer, topic, b"x", key=b"%d" % number))

        threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        found = recorder.wait(40)
        parents = {one["span_id"]: one["name"] for one in found if one["kind"] == "INTERNAL"}
        sent = [one for one in found if one["kind"] == "PRODUCER"]
        assert len(sent) == 20
        for one in sent:
            (key,) = [value for name, value in one["attributes"].items() if name.endswith("message.key")]
            assert parents[one["parent_id"]] == f"thread {key}"

    @pytest.mark.parametrize("way", ["pool", "thread"])
    def test_what_is_done_elsewhere_for_a_message_is_beneath_it(self, instrument, connect, filled, recorder, way):
        """Sent and committed in a pool or a thread, after the message has ended here: it was handed over, not left over."""
        instrument("threads", "futures")
        producer, consumer = connect(self.producer), connect(self.consumer, filled)
        ended, works = threading.Event(), []

        def handle(number):
            assert ended.wait(30)
            with span("handle"):
                pass
            self.delivered(self.send(producer, f"{filled}-next", b"x"))
            if number == 1:
                self.commit(consumer)

        with ThreadPoolExecutor(2) as pool:
            for number in range(2):
                next(consumer)
                if way == "pool":
                    works.append(pool.submit(handle, number).result)
                else:
                    thread = threading.Thread(target=handle, args=(number,))
                    thread.start()
                    works.append(thread.join)
            next(consumer)
            ended.set()
            for work in works:
                work(60)
        self.close(consumer)
        found = self.spans(recorder, 8)
        messages = {one["parent_id"]: one for one in found if one["kind"] == "CONSUMER"}
        for number, names in ((1, ["handle", "send"]), (2, ["commit", "handle", "send"])):
            message = messages[hexadecimal(number)]
            beneath = [one for one in found if one["parent_id"] == message["span_id"]]
            assert sorted(one["name"].split(" ")[0] for one in beneath) == names
            assert {one["trace_id"] for one in beneath} == {message["trace_id"]}

    def test_two_consumers_in_one_thread_do_not_end_each_others_messages(self, connect, filled, recorder):
        """The other consumer's span stays; when both have ended nothing is current, whatever the order was."""
        one = connect(self.consumer, filled, group="one")
        other = connect(self.consumer, filled, group="other")
        next(one)
        first = get_current()
        next(other)
        second = get_current()
        assert (first.end, second.end) == (0, 0)
        next(one)
        assert first.end
        assert not second.end
        for _ in range(2):
            next(other)
        next(one)
        self.close(one)
        self.close(other)
        assert current_id() is None
        found = self.spans(recorder, 6)
        assert sorted(span_["parent_id"] for span_ in found) == [hexadecimal(number) for number in (1, 1, 2, 2, 3, 3)]

    def test_a_consumer_may_be_used_in_another_thread_than_it_was_made_in(self, connect, filled, recorder):
        """Pulled here, then there: the first message ends, the second is current there only."""
        consumer = connect(self.consumer, filled)
        seen = []

        def work():
            next(consumer)
            seen.append(current_id())
            self.close(consumer)
            seen.append(current_id())

        with span("worker"):
            next(consumer)
            thread = threading.Thread(target=work)
            thread.start()
            thread.join(30)
        assert seen == [hexadecimal(7), None]
        assert len(recorder.wait(4)) == 4

    def test_a_consumer_that_is_let_go_of_ends_its_message(self, instrument, connect, filled, recorder):
        """A span that is open when its consumer is collected is finished, and the consumer is collected."""
        consumer = self.consumer(filled)
        next(consumer)
        assert current_id() == hexadecimal(4)
        self.close_quietly(consumer)
        del consumer
        gc.collect()
        assert current_id() is None
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

    # What the program sees of us.

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
