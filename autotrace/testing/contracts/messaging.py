"""What every instrumentor of a messaging library has to keep, against a real broker.

A subclass says how its library is spoken to: see the abstract methods of MessagingBase.
"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from autotrace import propagation
from autotrace.api import span
from autotrace.testing.contracts.messaging_base import creation, current_id, hexadecimal
from autotrace.testing.contracts.messaging_batches import MessagingBatches
from autotrace.testing.contracts.messaging_wall import MessagingWall
from autotrace.trace.context import get_current
from autotrace.trace.sampling import Sampler
from autotrace.trace.tracer import tracer

TRACEPARENT = "00-{:032x}-{:016x}-{}"
FOREIGN = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class MessagingContract(MessagingBatches, MessagingWall):
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

    # What the program sees of us.
