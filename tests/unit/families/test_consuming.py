"""What is being handled, and until when, with a library of this test's own: what no broker is needed for."""

from __future__ import annotations

import asyncio
import contextvars
import copy
import gc
import os
import pickle
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import gevent
import gevent.event
import pytest

from autotrace.api import span
from autotrace.families.execution.places import live
from autotrace.families.messaging import consuming
from autotrace.families.messaging.stream import Messaging
from autotrace.faults import faults
from autotrace.trace.context import get_current

HERE = Path(__file__).resolve().parent
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
    return None, None, None, None, ()


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


async def by_tasks(batch, work):
    """Handle a batch by a task for each message."""
    await asyncio.gather(*[asyncio.get_running_loop().create_task(later(message, work)) for message in batch])


async def later(message, work):
    """Handle a message after the loop has moved on."""
    await asyncio.sleep(0)
    work(message)


def by_pool(batch, work):
    """Handle a batch by a pool's threads."""
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(work, batch))


def sorted_in_place(batch):
    """Return a batch, sorted."""
    batch.sort(key=lambda message: message.value, reverse=True)
    return batch


@pytest.mark.parametrize(
    "handle",
    [
        lambda batch, work: [work(message) for message in filter(lambda message: message.value != "b", batch)],
        lambda batch, work: [work(message) for message in (one for one in batch if one.value != "b")],
        lambda batch, work: [work(message) for message in sorted_in_place(batch)],
        lambda batch, work: [work(message) for _index, message in enumerate(batch)],
        lambda batch, work: [work(message) for message, _other in zip(batch, "abc")],
        lambda batch, work: [work(batch[index]) for index in range(len(batch))],
        lambda batch, work: [work(batch.pop()) for _ in range(3)],
        lambda batch, work: list(map(work, batch)),
        by_pool,
        lambda batch, work: asyncio.run(by_tasks(batch, work)),
    ],
)
@pytest.mark.parametrize("looks", [False, True])
def test_these_ways_of_handling_a_batch_are_beneath_its_messages(instrument, consumer_class, recorder, handle, looks):
    """What goes through the batch itself has the message in hand, lazily or in a pool; also after it was looked at."""
    instrument("futures")
    consumer, seen = consumer_class("a", "b", "c"), []

    def work(message):
        seen.append((message.value, handled()))
        with span("work"):
            pass

    (batch,) = consumer.poll().values()
    if looks:
        assert max(message.value for message in batch) == "c"
    handle(batch, work)
    assert seen
    assert {value == current for value, current in seen} == {True}
    del batch
    consumer.close()
    messages = [one for one in recorder.finished() if one["kind"] == "CONSUMER"]
    assert len(messages) == (3 if looks else len({value for value, _ in seen} | {"b"}))


def test_what_was_only_looked_at_is_told_when_the_process_of_its_batch_is_over(consumer_class, recorder):
    """Nothing is kept back for ever: not by a batch in another thread, nor by one that is dropped."""
    consumer = consumer_class("a", "b")
    (batch,) = consumer.poll().values()

    def look(messages):
        assert max(message.value for message in messages) == "b"

    thread = threading.Thread(target=look, args=(batch,))
    thread.start()
    thread.join()
    assert consumer.poll() == {}
    assert len(recorder.finished()) == 1
    del batch, thread
    gc.collect()
    assert [one["name"] for one in recorder.wait(3)] == ["poll jobs", "process jobs", "process jobs"]


def test_messages_that_look_alike_are_still_different_messages(consumer_class, recorder):
    """Without offsets, two equal messages of a batch are two spans."""
    consumer = consumer_class("same", "same")
    (batch,) = consumer.poll().values()
    first, second = [get_current() for _message in batch]
    assert first is not second
    consumer.close()
    recorder.wait(3)


def test_a_batch_is_a_list_in_every_respect_but_its_loops(consumer_class, recorder):
    """Copies, slices, sums and pickles are plain lists or behave as such; an iterator of an old batch disturbs nobody."""
    consumer = consumer_class("a", "b", "c", "d")
    (batch,) = consumer.poll(3).values()
    plain = batch.copy()
    assert (type(plain), type(batch + plain), type(copy.copy(batch))) == (list, list, list)
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
    names = [one["name"] for one in recorder.wait(102)]
    assert (names[0], names.count("poll jobs")) == ("poll jobs", 1)  # the first pull, in no message's handling


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


def test_a_message_that_ended_is_the_parent_where_it_was_handed_over(consumer_class, recorder):
    """In a context that was copied while it was handled: a task, a callback, an executor's thread, also of the same loop."""
    seen = {}

    def look(way):
        found = live(get_current())
        seen[way] = found and (found.facts[3], found.end > 0)

    async def work(handled):
        await handled.wait()
        look("task")

    async def program():
        loop, handled = asyncio.get_running_loop(), asyncio.Event()
        consumer = consumer_class("a", "b")
        next(consumer)
        task = loop.create_task(work(handled))
        called = loop.create_future()
        loop.call_soon(lambda: loop.call_soon(lambda: called.set_result(look("callback"))))
        thread = contextvars.copy_context()
        next(consumer)
        handled.set()
        await task
        await called
        await loop.run_in_executor(None, thread.run, look, "thread")
        await loop.run_in_executor(None, contextvars.copy_context().run, consumer.close)
        look("where it was taken up")

    asyncio.run(program())
    assert seen == {"task": ("a", True), "callback": ("a", True), "thread": ("a", True), "where it was taken up": None}
    recorder.wait(2)


def test_a_greenlet_is_handed_its_message(instrument, consumer_class, recorder):
    """All greenlets run in one thread: each has its own context, and what one took up is no other's."""
    instrument("gevent")
    consumer, seen = consumer_class("a", "b"), []
    ended = gevent.event.Event()

    def work():
        ended.wait()
        seen.append(live(get_current()).facts[3])

    def loop():
        for _ in range(2):
            next(consumer)
            gevent.spawn(work)
        consumer.close()
        ended.set()
        gevent.sleep(0)

    gevent.spawn(loop).join()
    gevent.wait()
    assert sorted(seen) == ["a", "b"]
    recorder.wait(2)


def test_tasks_that_start_each_other_make_no_chain(consumer_class, recorder):
    """Each is started for a message and takes up the next one: those before are let go of."""
    consumer, lengths, tasks = consumer_class(*range(30)), [], []

    async def work():
        next(consumer)
        length, current = 0, get_current()
        while current is not None:
            length, current = length + 1, current.previous
        lengths.append(length)
        if consumer.messages:
            tasks.append(asyncio.get_running_loop().create_task(work()))

    async def program():
        await work()
        while tasks:
            await tasks.pop()

    asyncio.run(program())
    assert len(lengths) == 30
    assert max(lengths) <= 4
    consumer.close()
    recorder.wait(30)


def test_a_consumer_that_is_collected_ends_its_message_and_is_forgotten(consumer_class, recorder):
    """Nothing of ours keeps a consumer alive, and nothing of it stays with us."""
    gc.collect()  # those of other tests
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
    first, failed, _second = recorder.wait(3)
    assert (first["status"], failed["status"], failed["exception"]) == ("UNSET", "ERROR", "KeyError: 'jobs'")
    assert (failed["name"], failed["kind"], failed["parent_id"]) == ("poll", "CLIENT", "")


def test_a_pull_that_says_that_there_are_no_more_has_not_failed(recorder):
    """The end of an iteration is told by an exception, and so is a wait that was given up from outside."""
    for kind, spans in ((StopIteration, 0), (KeyboardInterrupt, 0), (LookupError, 0), (OSError, 1)):

        def pull(_consumer, kind=kind):
            raise kind

        with pytest.raises(kind):
            ACME.one(received, client, over=(StopIteration, LookupError))(pull, "acme")(Consumer())
        assert len(recorder.finished()) == spans


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
    assert pull(consumer) == {}
    assert recorder.wait(3)[0]["attributes"]["messaging.batch.message_count"] == 2
    assert faults.pop("acme") == 2


def test_a_consumer_that_cannot_be_referred_to_weakly_is_not_traced(recorder):
    """Such a consumer could not be forgotten; its messages come as ever."""

    class Slotted:
        __slots__ = ()

    assert ACME.one(received, client)(lambda _self: "message", "acme")(Slotted()) == "message"
    assert get_current() is None
    assert faults.pop("acme") == 1


# The end of the process, and its children.

PROGRAM = """
import atexit, os, sys
from autotrace.testing import recorder as recording
from test_consuming import ACME, Consumer, client, received

class Set:
    setattr = staticmethod(setattr)

installed = recording.install(Set)
atexit.register(lambda: [print(os.getpid() == main, one["status"], one.get("message", "")) for one in installed.finished()])
main = os.getpid()
pull = ACME.one(received, client)(Consumer.__next__, "acme")
consumer = Consumer("a")
pull(consumer)
"""


def run(program):
    """Return what a program of its own prints, and its standard error."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(HERE.parents[1]), str(HERE)))}
    command = [sys.executable, "-W", "ignore", "-c", PROGRAM + program]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60, check=False)
    return done.stdout.splitlines(), done.stderr


@pytest.mark.process
def test_a_message_that_is_open_when_the_program_ends_is_finished():
    """The end of the process is the end of handling."""
    assert run("") == (["True UNSET "], "")


@pytest.mark.process
def test_the_exception_that_ends_the_program_is_the_messages_failure():
    """A handler that nobody guards takes the program down, and its message tells why."""
    out, error = run("raise RuntimeError('burnt')")
    assert out == ["True ERROR burnt"]
    assert error.endswith("RuntimeError: burnt\n")


@pytest.mark.process
def test_a_program_that_is_told_to_stop_did_not_fail():
    """``sys.exit`` is no failure of the message in hand."""
    assert run("sys.exit(3)") == (["True UNSET "], "")


@pytest.mark.process
@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_forked_child_does_not_tell_its_parents_spans():
    """What was open when the process forked is ended once, by the parent; the child may consume on its own."""
    out, error = run("""
if os.fork() == 0:
    consumer.messages = Consumer("b").messages
    pull(consumer)
    sys.exit()
os.wait()
""")
    assert error == ""
    assert sorted(out) == ["False UNSET ", "True UNSET "]
