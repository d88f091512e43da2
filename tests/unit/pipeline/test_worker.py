"""The buffer and its worker: nothing finished is lost, memory is bounded, nobody waits."""

from __future__ import annotations

import sys
import threading
import time

import pytest

from autotrace.export import DELIVERED, refused
from autotrace.pipeline import queue as queues
from autotrace.pipeline import worker as pipeline
from autotrace.pipeline.spans import BASE, DROPPED, SpanQueue, weight
from autotrace.pipeline.worker import Worker
from autotrace.signals import TRACES
from autotrace.trace.context import get_current
from autotrace.trace.failure import Failure
from autotrace.trace.span import Extras
from waiting import until


class Sink:
    """Keeps what it is given; may be slow, refuse, or raise."""

    def __init__(self, result=DELIVERED, gate=None):
        self.payloads = []
        self.deadlines = []
        self.context = []
        self._result = result
        self._gate = gate

    def export(self, signal, payload, deadline):
        if self._gate is not None:
            self._gate.wait(10)
        if isinstance(self._result, Exception):
            raise self._result
        self.payloads.append(payload)
        self.deadlines.append(deadline - time.monotonic())
        self.context.append(get_current())
        return self._result

    def forget(self):
        self.payloads = []

    def hasten(self, deadline):
        self.hastened = deadline

    def close(self):
        self.closed = True

    @property
    def count(self):
        return sum(int(payload) for payload in self.payloads)


class Impatient:
    """In place of a lock: whoever would wait for it does not, and ``wait`` is told for how long it would have been."""

    def __init__(self, lock, wait):
        self.release = lock.release
        self._lock = lock
        self._wait = wait

    def acquire(self, blocking=True, timeout=-1):
        return self._wait(timeout) if blocking else self._lock.acquire(blocking=False)


class Made:
    """A finished span."""

    failure = outcome = extras = None

    def __init__(self, facts=(), span_id="00" * 8, failure=None):
        self.facts, self.span_id, self.failure = facts, span_id, failure

    def more(self):
        self.extras = self.extras or Extras({})
        return self.extras


@pytest.fixture(autouse=True)
def _none_goes_on(monkeypatch):
    """No worker is still at it, and says so, while another test runs."""
    made, begin = [], Worker.__init__

    def beginning(self, *args, **kwargs):
        begin(self, *args, **kwargs)
        made.append(self)

    monkeypatch.setattr(Worker, "__init__", beginning)
    yield
    for one in made:
        assert one.flush(10) or not one._alive


def encode(spans):
    return [str(len(spans)).encode()]


def worker(*sinks, delay=0.01, capacity=1000, batch=10, shade=None, most=64 << 20, encode=encode):
    queue = SpanQueue(TRACES, encode, capacity, batch, most)
    made = Worker([queue], sinks, delay, shade)
    made.queue = queue
    return made


def test_everything_submitted_is_delivered_by_a_flush():
    """From several threads at once."""
    sink = Sink()
    made = worker(sink, delay=60, capacity=10_000)
    threads = [threading.Thread(target=lambda: [made.queue.submit(Made()) for _ in range(500)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert made.flush(10)
    assert (sink.count, made.queue.dropped) == (2000, 0)


def test_a_flush_of_nothing_starts_nothing():
    """A program without spans ends without a thread of ours."""
    made = worker(Sink())
    assert made.flush(10)
    assert not made._alive


def test_spans_are_delivered_without_a_flush():
    """After the delay."""
    sink = Sink()
    made = worker(sink)
    made.queue.submit(Made())
    until(lambda: sink.payloads, "a delivery")
    assert sink.count == 1


def test_the_worker_sleeps_and_wakes_again():
    """A second burst after a rest is delivered too."""
    sink = Sink()
    made = worker(sink)
    for burst in (1, 2, 3):
        made.queue.submit(Made())
        assert made.flush(10)
        assert sink.count == burst
        until(lambda: made.queue.idle, "the worker to rest")


def test_past_the_capacity_spans_are_dropped_and_counted():
    """A sink that hangs costs bounded memory, and submitting never waits."""
    gate, waits = threading.Event(), []

    def waiting(_frame, event, called):
        if event == "c_call" and called.__name__ in ("acquire", "acquire_lock", "sleep", "wait"):
            waits.append(called)

    made = worker(Sink(gate=gate), capacity=50, batch=10)
    made.queue.submit(Made())
    until(lambda: not made.queue.idle and not made.queue.items, "the worker to hang")
    sys.setprofile(waiting)
    for _ in range(1000):
        made.queue.submit(Made())
    sys.setprofile(None)
    assert waits == []
    assert made.queue.dropped >= 1000 - 4 * 50 - 11
    assert len(made.queue.items) <= 4 * 50
    gate.set()


def test_where_many_wait_the_worker_goes_first_but_not_for_ever(monkeypatch):
    """A short sleep for each span that is weighed: so many for a delivery, and none once a sink has refused."""
    slept = []
    monkeypatch.setattr(queues, "sleep", slept.append)
    gate = threading.Event()
    sink = Sink(gate=gate)
    made = worker(sink, capacity=10 * queues._MANY, batch=10 * queues._MANY)
    made.queue.submit(Made())
    until(lambda: not made.queue.items, "the worker to hang")
    for _ in range(queues._MANY + 1):
        made.queue.submit(Made())
    assert slept == []
    for _ in range(2 * queues._YIELDS):
        made.queue.submit(Made())
    assert len(slept) == queues._YIELDS > 0
    sink._result = refused("no")
    gate.set()
    assert made.flush(10)
    gate.clear()
    for _ in range(3 * queues._MANY):
        made.queue.submit(Made())
    gate.set()
    assert len(slept) == queues._YIELDS


def test_while_the_sinks_take_none_fewer_may_wait():
    """After a refusal the ceiling is the capacity itself."""
    made = worker(Sink(refused("no")), delay=60, capacity=50, batch=10)
    made.queue.submit(Made())
    made.flush(10)
    for _ in range(1000):
        made.queue.submit(Made())
    assert len(made.queue.items) <= 50


def test_a_flush_waits_no_longer_than_it_may():
    """A sink that hangs does not hold the end of the program."""
    gate = threading.Event()
    made = worker(Sink(gate=gate))
    made.queue.submit(Made())
    waited = []
    lock = made._emptied
    made._emptied = Impatient(lock, waited.append)
    assert not made.flush(1000.0)
    assert waited == [1000.0]
    made._emptied = lock
    gate.set()


def test_a_flush_gives_its_deadline_to_the_sinks():
    """So that they do not try for longer than anybody waits."""
    sink = Sink()
    made = worker(sink, delay=60)
    made.queue.submit(Made())
    assert made.flush(3)
    assert sink.deadlines[0] <= 3


def test_closing_delivers_hastens_and_closes():
    """The last delivery of a process tries nothing twice."""
    sink = Sink()
    made = worker(sink, delay=60)
    made.queue.submit(Made())
    assert made.close(3)
    assert (sink.count, sink.closed) == (1, True)
    assert sink.hastened <= time.monotonic() + 3


def test_what_no_sink_takes_is_counted():
    """Refused for good."""
    made = worker(Sink(refused("no")))
    made.queue.submit(Made())
    made.flush(10)
    assert made.queue.undelivered == 1


def test_a_sink_that_raises_stops_nobody():
    """The next batch is tried again."""
    from autotrace.faults import faults

    sink = Sink(RuntimeError("ours"))
    made = worker(sink)
    made.queue.submit(Made())
    assert made.flush(10)
    sink._result = DELIVERED
    made.queue.submit(Made())
    assert made.flush(10)
    assert sink.count == 1
    assert faults.pop("pipeline") == 1


def test_a_forked_childs_buffer_is_empty():
    """forget() is what the child calls."""
    sink = Sink()
    made = worker(sink, delay=60)
    made.queue.submit(Made())
    made.forget()
    made.queue.submit(Made())
    assert made.flush(10)
    assert sink.count == 1


def test_while_a_sink_works_an_unrecorded_span_is_current():
    """A delivery over HTTP must not be traced."""
    shade = object()
    sink = Sink()
    made = worker(sink, shade=shade)
    made.queue.submit(Made())
    made.flush(10)
    assert sink.context == [shade]


@pytest.mark.parametrize("count", [1, 10, 11, 25])
def test_batches_have_the_size_that_was_asked_for(count):
    """The last one may be smaller."""
    sink = Sink()
    made = worker(sink, delay=60)
    for _ in range(count):
        made.queue.submit(Made())
    assert made.flush(10)
    assert sink.count == count
    assert all(int(payload) <= 10 for payload in sink.payloads)


def test_the_thread_is_not_the_programs():
    """threading does not know it, so the program does not see it and nothing joins it."""
    made = worker(Sink())
    before = threading.active_count()
    made.queue.submit(Made())
    made.flush(10)
    assert threading.active_count() == before


@pytest.mark.parametrize("started", [False, True], ids=["before", "after"])
def test_an_exception_of_a_handler_while_the_thread_starts_leaves_a_worker_that_works(monkeypatch, started):
    """Ctrl-C at that moment, before or after there is a thread: the next span is delivered, and each of them once."""

    def start(run, *arguments):
        monkeypatch.undo()
        if started:
            begin(run, *arguments)
        raise KeyboardInterrupt

    sink = Sink()
    made = worker(sink)
    begin = pipeline.start_thread
    monkeypatch.setattr(pipeline, "start_thread", start)
    with pytest.raises(KeyboardInterrupt):
        made.queue.submit(Made())
    for _ in range(99):
        made.queue.submit(Made())
    assert made.flush(10)
    assert sink.count == 100


def test_closing_waits_longer_for_a_sink_that_goes_on():
    """A backlog at the end of a program is delivered, where a sink takes it piece by piece."""

    waited, gate = [], threading.Semaphore(0)

    class Slow(Sink):
        def export(self, signal, payload, deadline):
            gate.acquire()
            return super().export(signal, payload, deadline)

    def one_batch(timeout):
        waited.append(timeout)
        gate.release()
        until(lambda: made._taken, "one more batch")
        return len(waited) == 10 and lock.acquire(timeout=10)

    sink = Slow()
    made = worker(sink, delay=60, batch=10)
    for _ in range(100):
        made.queue.submit(Made())
    lock = made._emptied
    made._emptied = Impatient(lock, one_batch)
    assert made.close(0.2)
    assert (sink.count, waited) == (100, [0.2] * 10)


class Told(Sink):
    """An encoder and a sink that know the spans."""

    def __init__(self, *results):
        super().__init__()
        self.results = list(results)
        self.told = []

    def encode(self, spans):
        self.told.append([span.extras.attributes if span.extras else {} for span in spans])
        return [str(len(spans)).encode()]

    def export(self, signal, payload, deadline):
        self._result = self.results.pop(0) if self.results else DELIVERED
        return super().export(signal, payload, deadline)


def test_what_was_dropped_is_told_once_by_the_next_span_that_is_delivered():
    """For want of room, and because no sink took it; what carried the number and was refused itself counts, too."""
    sink = Told(refused("no"), refused("no"))
    made = worker(sink, delay=60, capacity=5, batch=100, encode=sink.encode)
    for expected in ({}, {DROPPED: 1}, {DROPPED: 2}, {}):
        made.queue.submit(Made())
        assert made.flush(10)
        assert sink.told.pop() == [expected]
    for _ in range(4 * 5 + 3):
        made.queue.submit(Made())
    assert made.flush(10)
    assert sink.told.pop() == [{DROPPED: 3}] + 19 * [{}]


def test_where_one_of_two_sinks_takes_it_nothing_is_lost():
    """A collector that is away does not make the inbox say that spans are missing."""
    made = worker(Sink(), Sink(refused("no")), delay=60, capacity=100)
    made.queue.submit(Made())
    assert made.flush(10)
    assert made.queue.undelivered == 0


def test_what_waits_has_a_ceiling_in_bytes():
    """A sink that hangs, and spans with attributes of 10 kB: the oldest are dropped, those that failed last."""
    gate = threading.Event()
    made = worker(Sink(gate=gate), capacity=100_000, batch=100, most=4 << 20)
    made.queue.submit(Made())
    until(lambda: not made.queue.items, "the worker to hang")
    failed = Failure("ValueError", "burnt")
    for number in range(2000):
        made.queue.submit(Made(("x" * 9_999 + str(number),), f"{number % 16:x}" * 16, failed if number == 5 else None))
    held = sum(map(weight, made.queue.items))
    gate.set()
    assert 3 << 20 < held < 5 << 20
    assert made.queue.dropped + len(made.queue.items) == 2000
    assert any(span.failure for span in made.queue.items)


def test_a_heavy_batch_is_delivered_in_pieces():
    """What is on its way holds but a part of what all may hold."""
    sink = Sink()
    made = worker(sink, delay=60, capacity=100_000, batch=10_000, most=1 << 20)
    for number in range(200):
        made.queue.submit(Made(("x" * 9_999 + str(number),), f"{number % 16:x}" * 16))
    assert made.flush(10)
    assert sink.count == 200
    assert max(map(int, sink.payloads)) < 100


def test_a_span_weighs_what_it_alone_holds():
    """Text that others hold as well is divided among them."""
    text = "x" * 100_000
    assert weight(Made((text + "y",))) > 100_000
    shared = text + "z"
    holders = [Made((shared,)) for _ in range(100)]
    assert sum(map(weight, holders)) < 300_000
    failure = Failure("E", "m" * 50_000, (("file", 1, "f"),) * 10, Failure("E", "n" * 50_000))
    assert weight(Made((), failure=failure)) > 100_000
    assert weight(Made((1, None, 2.5, "short"))) < BASE + 1000
    big = Made()
    big.more().attributes["a"] = ["x" * 10_000 + str(n) for n in range(10)]
    assert weight(big) > 100_000
