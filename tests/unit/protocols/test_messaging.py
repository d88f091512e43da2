"""The family of messages with a library of this test's own: what no broker is needed for."""

from __future__ import annotations

import copy
import gc
import os
import pickle
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from autotrace.api import span
from autotrace.patching.wall import faults
from autotrace.protocols import consuming, producing
from autotrace.protocols.messaging import Messaging, apart, fit
from autotrace.trace.context import get_current
from autotrace.trace.failure import Failure
from autotrace.trace.span import ERROR, UNSET

TESTS = Path(__file__).resolve().parents[2]
ACME = Messaging("acme")


class Message:
    """A message of a library that gives no offsets."""

    def __init__(self, value, headers=()):
        self.value = value
        self.headers = list(headers)


def received(message):
    """Look at a message."""
    return "jobs", None, None, message.value, False, -1, message.headers


def client(_consumer):
    """Look at a consumer."""
    return None, None, None


class Consumer:
    """A library's consumer: cannot be hashed, pulls one message or several."""

    __hash__ = None

    def __init__(self, *values):
        self.messages = [Message(value) for value in values]

    def __next__(self):
        """Return the next message, through poll."""
        return self.poll(1)["jobs"][0]

    def poll(self, count=10):
        """Return a dictionary of lists."""
        found, self.messages = self.messages[:count], self.messages[count:]
        return {"jobs": found} if found else {}

    def close(self):
        """Let go."""


CONSUMER = Consumer


@pytest.fixture
def consumer_class():
    """A consumer's class, traced."""

    class Traced(Consumer):
        __next__ = ACME.one(received, client)(Consumer.__next__, "acme")
        poll = ACME.batches(received, client)(Consumer.poll, "acme")
        close = ACME.release()(Consumer.close, "acme")

    return Traced


def handled():
    """Return the value of the message whose span is current, or None."""
    current = get_current()
    return current.facts[3] if current is not None else None


# What the facts mean.


def test_a_message_that_was_sent_and_answered_is_described_whole():
    """The answer's partition and offset are told, and where the message went."""
    facts = ("jobs", None, b"k\xc3\xa9y", "me", None, "[::1]:9092")
    assert ACME.describe_send(facts, (3, 7, True), None) == (
        "send jobs",
        {
            "messaging.system": "acme",
            "messaging.operation.name": "send",
            "messaging.operation.type": "send",
            "messaging.destination.name": "jobs",
            "messaging.destination.partition.id": "3",
            "messaging.acme.offset": 7,
            "messaging.acme.message.key": "kéy",
            "messaging.acme.message.tombstone": True,
            "messaging.client.id": "me",
            "server.address": "::1",
            "server.port": 9092,
        },
        UNSET,
        "",
    )


def test_what_is_not_known_is_not_described():
    """No answer, no key that is text, no server: no attributes of these."""
    attributes = {
        "messaging.system": "acme",
        "messaging.operation.name": "send",
        "messaging.operation.type": "send",
        "messaging.destination.name": "jobs",
    }
    assert ACME.describe_send(("jobs", None, b"\xff", None, None, None), None, None) == (
        "send jobs",
        attributes,
        UNSET,
        "",
    )


def test_a_failure_keeps_the_partition_that_was_asked_for():
    """A message that was not delivered has the caller's partition, the error and no offset."""
    failure = Failure("acme.NoBroker", "nobody there")
    name, attributes, status, message = ACME.describe_send(("jobs", 2, None, None, None, "b"), None, failure)
    assert (name, status, message) == ("send jobs", ERROR, "nobody there")
    assert attributes["error.type"] == "acme.NoBroker"
    assert attributes["messaging.destination.partition.id"] == "2"
    assert (attributes["server.address"], "server.port" in attributes) == ("b", False)


def test_a_message_that_is_handled_tells_group_and_wait():
    """The consumer's group and the wait in the queue are told where they are known, also a wait of nothing."""
    facts = ("jobs", 0, 0, None, False, 0, None, "workers", None)
    _, attributes, _, _ = ACME.describe_process(facts, None, None)
    assert attributes["messaging.consumer.group.name"] == "workers"
    assert attributes["autotrace.messaging.wait_ms"] == 0
    assert attributes["messaging.acme.offset"] == 0
    _, attributes, _, _ = ACME.describe_process(("jobs", 0, 0, None, False, None, None, None, None), None, None)
    assert not {"messaging.consumer.group.name", "autotrace.messaging.wait_ms"} & set(attributes)


@pytest.mark.parametrize(
    ("key", "kept"),
    [
        (None, None),
        ("text", "text"),
        (b"bytes", b"bytes"),
        (bytearray(b"bytes"), b"bytes"),
        (memoryview(b"bytes"), b"bytes"),
        (42, "42"),
        (True, None),
        ({"an": "object"}, None),
        ("x" * 257, None),
        (b"x" * 257, None),
    ],
)
def test_only_short_plain_keys_are_kept(recorder, key, kept):
    """A key is a fact only where it is small and cannot change; what is kept can be hashed."""
    consumer = Consumer(key)
    ACME.one(received, client)(Consumer.__next__, "acme")(consumer)
    facts = get_current().facts
    assert facts[3] == kept
    assert type(facts[3]) is type(kept)
    hash(facts)


# Handling.


def test_messages_that_look_alike_are_still_different_messages(consumer_class, recorder):
    """Without offsets, two equal messages of a batch are two spans."""
    consumer = consumer_class("same", "same")
    (batch,) = consumer.poll().values()
    spans = []
    for _message in batch:
        spans.append(get_current())
    assert spans[0] is not spans[1]
    recorder.wait(2)


def test_a_batch_is_a_list_in_every_respect_but_its_loops(consumer_class, recorder):
    """Copies, slices, sums and pickles are plain lists or behave as such; an iterator of an old batch disturbs nobody."""
    consumer = consumer_class("a", "b", "c", "d")
    (batch,) = consumer.poll(3).values()
    plain = batch.copy()
    assert (type(plain), type(batch + []), type(copy.copy(batch))) == (list, list, list)
    assert [message.value for message in pickle.loads(pickle.dumps(batch))] == ["a", "b", "c"]
    assert batch == plain
    assert batch[::2] == plain[::2]
    assert type(batch)() == []
    assert list(type(batch)("ab")) == ["a", "b"]
    iterator = iter(batch)
    assert next(iterator).value == handled() == "a"
    (newer,) = consumer.poll().values()
    assert handled() is None
    for message in newer:
        assert message.value == handled() == "d"
        iterator.close()
        assert handled() == "d"
    with pytest.raises(IndexError, match="pop from empty list"):
        [newer.pop() for _ in range(2)]
    recorder.clear()


def test_many_turns_of_two_consumers_make_no_chain(consumer_class, recorder):
    """Spans that have ended are let go of, however consumers alternate, and the one around them comes back."""
    one, other = consumer_class(*range(50)), consumer_class(*range(50))
    with span("worker"):
        around = get_current()
        for _ in range(50):
            next(one)
            next(other)
        length, current = 0, get_current()
        while current is not None:
            length, current = length + 1, current.previous
        assert length <= 4
        one.close()
        other.close()
        assert get_current() is around
    recorder.wait(101)


def test_a_message_that_ended_elsewhere_is_nobodys_parent(consumer_class, recorder):
    """Closed by another thread, the consumer leaves nothing behind that the next message would be beneath."""
    first, second = consumer_class("a"), consumer_class("b")
    next(first)
    thread = threading.Thread(target=first.close)
    thread.start()
    thread.join()
    next(second)
    assert get_current().parent_id == ""
    assert get_current().previous is None
    second.close()
    assert get_current() is None
    recorder.wait(2)


def test_a_consumer_that_is_collected_ends_its_message_and_is_forgotten(consumer_class, recorder):
    """Nothing of ours keeps a consumer alive, and nothing of it stays with us."""
    before = len(consuming._handlings)
    consumer = consumer_class("a")
    next(consumer)
    assert len(consuming._handlings) == before + 1
    del consumer
    gc.collect()
    assert len(consuming._handlings) == before
    assert get_current() is None
    recorder.wait(1)


def test_a_pull_that_raises_leaves_the_consumer_usable(consumer_class, recorder):
    """The exception is the library's, the message before has ended, and the next pull is traced again."""
    consumer = consumer_class("a")
    next(consumer)
    with pytest.raises(KeyError):  # our library's way of saying that there is none
        next(consumer)
    assert get_current() is None
    consumer.messages = [Message("b")]
    next(consumer)
    assert handled() == "b"
    consumer.close()
    recorder.wait(2)


def test_what_cannot_be_looked_at_is_still_handed_out(recorder):
    """An adapter that raises costs the message's span; the span before has ended all the same."""

    def failing(message):
        if message.value == "bad":
            raise RuntimeError("ours")
        return received(message)

    consumer = Consumer("good", "bad", "good")
    pull = ACME.batches(failing, client)(Consumer.poll, "acme")
    (batch,) = pull(consumer).values()
    assert [(message.value, handled()) for message in batch] == [("good", "good"), ("bad", None), ("good", "good")]
    recorder.wait(2)
    assert faults.pop("acme") == 1


def test_a_consumer_that_cannot_be_referred_to_weakly_is_not_traced(recorder):
    """Such a consumer could not be forgotten; its messages come as ever."""

    class Slotted:
        __slots__ = ()

    assert ACME.one(received, client)(lambda _self: "message", "acme")(Slotted()) == "message"
    assert get_current() is None
    assert faults.pop("acme") == 1


# Sending.


class Future:
    """What our library's send returns."""

    def __init__(self):
        self.told = []


def sender(recorder, original, **more):
    """Return a traced ``send(producer, topic, headers)``."""

    def watch(future, succeeded, failed):
        future.told.append((succeeded, failed))

    def message(args, kwargs):
        headers = kwargs.get("headers")
        return args[1], None, None, (None, None, None), [] if headers is None else headers

    return ACME.send(message, (2, "headers"), watch, lambda answer: answer)(original, "acme")


def test_an_answer_that_comes_twice_counts_once(recorder):
    """Whoever tells first ends the span; a later word is not heard."""
    future = Future()
    assert sender(recorder, lambda _self, _topic, headers: future)(None, "jobs") is future
    ((succeeded, failed),) = future.told
    assert get_current() is None
    assert recorder.finished() == []
    succeeded((0, 5, False))
    failed(ValueError("late"))
    succeeded((0, 6, False))
    (sent,) = recorder.wait(1)
    assert (sent["status"], sent["attributes"]["messaging.acme.offset"]) == ("UNSET", 5)


def test_a_future_that_is_never_told_ends_the_span_when_it_goes(recorder):
    """A producer that is dropped with unsent messages leaves spans without an answer, not none."""
    future = Future()
    sender(recorder, lambda _self, _topic, headers: future)(None, "jobs")
    assert recorder.finished() == []
    del future
    gc.collect()
    (sent,) = recorder.wait(1)
    assert sent["status"] == "UNSET"


def test_an_answer_or_a_future_of_an_unknown_kind_costs_the_outcome_only(recorder):
    """What cannot be watched or understood ends the span at once, without outcome."""
    assert sender(recorder, lambda _self, _topic, headers: "no future")(None, "jobs") == "no future"
    future = Future()
    sender(recorder, lambda _self, _topic, headers: future)(None, "jobs")
    future.told[0][0]("no answer")
    assert [one["status"] for one in recorder.wait(2)] == ["UNSET", "UNSET"]
    assert faults.pop("acme") == 2


def test_a_send_within_a_send_is_one_span(recorder):
    """A library that sends by another of its traced functions sends once."""
    future = Future()
    inner = sender(recorder, lambda _self, _topic, headers: future)
    outer = sender(recorder, lambda _self, topic, headers: inner(None, topic, headers=headers))
    outer(None, "jobs")
    ((succeeded, _),) = future.told
    succeeded((0, 0, False))
    recorder.wait(1)


def test_headers_of_the_programs_own_are_not_doubled(recorder):
    """A name that is there is not added again, in whatever case; nor is a context that we do not understand."""
    seen = []
    send = sender(recorder, lambda _self, _topic, headers: seen.append(headers))
    mine = [("TraceParent", b"not a context")]
    send(None, "jobs", headers=mine)
    assert seen == [mine]
    assert seen[0] is mine
    faults.clear()  # None cannot be watched


def test_a_size_is_estimated_anew_only_where_ours_is_too_much():
    """Outside of a send, or below the limit, the estimate is what the library says and the headers stay."""
    calls = []

    def estimate(_self, headers):
        calls.append(list(headers))
        return 10 * len(headers)

    traced = fit(lambda _args: 15, (1, "headers"))(estimate, "acme")
    assert traced(None, [1, 2]) == 20
    assert traced(None, headers=[1]) == 10
    assert calls == [[1, 2], [1]]


def test_a_thread_of_the_librarys_own_is_started_apart(recorder):
    """Inside nothing is current, afterwards everything is as before, also when it raises."""
    with span("request"):
        around = get_current()
        assert apart()(get_current, "acme")() is None
        assert get_current() is around
        with pytest.raises(ZeroDivisionError):
            apart()(lambda: 1 // 0, "acme")()
        assert get_current() is around


# The end of the process, and its children.

PROGRAM = """
import atexit, os, sys
import recorder as recording
from unit.protocols.test_messaging import ACME, Consumer, Future, client, received, sender

class Set:
    setattr = staticmethod(setattr)

installed = recording.install(Set)
atexit.register(lambda: [print(os.getpid() == main, one["status"], one.get("message", "")) for one in installed.finished()])
main = os.getpid()
pull = ACME.one(received, client)(Consumer.__next__, "acme")
consumer = Consumer("a")
future = Future()
sender(installed, lambda _self, _topic, headers: future)(None, "jobs")
pull(consumer)
"""


def run(program):
    """Return what a program of its own prints, and its standard error."""
    environment = {**os.environ, "PYTHONPATH": str(TESTS)}
    command = [sys.executable, "-W", "ignore", "-c", PROGRAM + program]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=TESTS, timeout=60, check=False)
    return done.stdout.splitlines(), done.stderr


def test_a_message_that_is_open_when_the_program_ends_is_finished():
    """The end of the process is the end of handling."""
    assert run("") == (["True UNSET "], "")


def test_the_exception_that_ends_the_program_is_the_messages_failure():
    """A handler that nobody guards takes the program down, and its message tells why."""
    out, error = run("raise RuntimeError('burnt')")
    assert out == ["True ERROR burnt"]
    assert error.endswith("RuntimeError: burnt\n")


def test_a_program_that_is_told_to_stop_did_not_fail():
    """``sys.exit`` is no failure of the message in hand."""
    assert run("sys.exit(3)") == (["True UNSET "], "")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_forked_child_does_not_tell_its_parents_spans():
    """What was open when the process forked is ended once, by the parent; the child may consume on its own."""
    out, error = run("""
if os.fork() == 0:
    consumer.messages = Consumer("b").messages
    pull(consumer)
    del future
    sys.exit()
os.wait()
""")
    assert error == ""
    assert sorted(out) == ["False UNSET ", "True UNSET "]


def test_families_of_sending_and_handling_are_not_the_same():
    """A message that is sent while one is handled is a span of its own."""
    assert producing.SEND != consuming.PROCESS
