"""The part of the contract of messaging that is about pulls which bring several messages."""

from __future__ import annotations

import pytest

from autotrace.api import span
from autotrace.families.messaging import consuming
from autotrace.testing.contracts.messaging_base import MessagingBase, current_id, hexadecimal
from autotrace.testing.contracts.messaging_wall import HandlerError
from autotrace.trace.tracer import tracer


class MessagingBatches(MessagingBase):
    """Each message of a batch is current while it is handled."""

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
