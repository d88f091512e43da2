"""Queues in the process: what a worker does with an item is beneath whoever put it in, whoever started the worker."""

from __future__ import annotations

import asyncio
import queue
import threading
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from autotrace import span
from autotrace.families.execution import queues
from autotrace.trace.context import get_current

STOP = "stop"


@pytest.fixture(autouse=True)
def traced(recorder, instrument):
    """The queues, and everything that a worker may be started by, patched."""
    instrument("threads", "futures", "queue", "queue_asyncio")
    return recorder


def work(name):
    """Make a span."""
    with span(name):
        return name


class Worker:
    """A thread that takes items from a queue and makes a span for each; started when somebody first asks for it."""

    def __init__(self, made=queue.Queue, wrapped=lambda name: name):
        self.queue = made()
        self._wrapped = wrapped
        self._thread = None

    def put(self, name):
        """Hand a piece of work over, and wait until it is done."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, daemon=True)
            self._thread.start()
        self.queue.put(self._wrapped(name))
        self.queue.join()

    def _run(self):
        while True:
            item = self.queue.get()
            name = item if isinstance(item, str) else item[1]
            if name != STOP:
                work(name)
            self.queue.task_done()
            if name == STOP:
                return

    def stop(self):
        """End the thread."""
        self.put(STOP)
        self._thread.join(30)


class Counting(queue.PriorityQueue):
    """A queue of the program's, in which an item is something else than outside."""

    def _put(self, item):
        super()._put((time.monotonic(), item))

    def _get(self):
        return super()._get()[1]


@pytest.mark.parametrize(
    ("made", "wrapped"),
    [
        (queue.Queue, lambda name: name),
        (lambda: queue.Queue(maxsize=1), lambda name: ["job", name]),
        (queue.LifoQueue, lambda name: name),
        (queue.PriorityQueue, lambda name: (1, name)),
        (Counting, lambda name: name),
    ],
)
def test_a_worker_works_for_whoever_has_put(traced, made, wrapped):
    """The first request started it, and is nobody's parent but its own work's; without a span an item is a root."""
    worker = Worker(made, wrapped)
    for number in range(3):
        with span(f"request {number}"):
            worker.put(f"work {number}")
    worker.put("of nobody")
    with span("request 3"):
        worker.put("work 3")
    worker.stop()
    assert traced.parents() == [
        ("work 0", "request 0"),
        ("request 0", ""),
        ("work 1", "request 1"),
        ("request 1", ""),
        ("work 2", "request 2"),
        ("request 2", ""),
        ("of nobody", ""),
        ("work 3", "request 3"),
        ("request 3", ""),
    ]


def test_a_worker_that_was_there_before_any_request(traced):
    """A thread that nobody started beneath a span works for whoever has put, too."""
    worker = Worker()
    worker.put("at the start")
    with span("request"):
        worker.put("work")
    worker.put("at the end")
    worker.stop()
    assert traced.parents() == [("at the start", ""), ("work", "request"), ("request", ""), ("at the end", "")]


def test_requests_at_the_same_time(traced):
    """The request that started the worker is still open when others hand over, and the items wait in the queue."""
    jobs = queue.Queue()
    worker = Worker(lambda: jobs)
    gate = threading.Event()

    def request(number):
        with span(f"request {number}"):
            jobs.put((number, f"work {number}"))
            gate.wait(30)

    others = [threading.Thread(target=request, args=(number,)) for number in range(1, 5)]
    with span("request 0"):
        jobs.put((0, "work 0"))
    for other in others:
        other.start()
    while jobs.qsize() < 5:
        pass
    with span("late"):
        worker.put("work late")
    gate.set()
    for other in others:
        other.join(30)
    worker.stop()
    parents = dict(traced.parents())
    assert {name: parents[name] for name in parents if name.startswith("work")} == {
        "work late": "late",
        **{f"work {number}": f"request {number}" for number in range(5)},
    }


def test_the_same_object_put_by_many(traced):
    """Numbers and constants are one object in many places: each place is its putter's."""
    jobs = queue.Queue()
    for number in range(3):
        with span(f"request {number}"):
            jobs.put(None)
    jobs.put(None)
    with span("request 3"):
        jobs.put(None)

    def loop():
        for number in range(5):
            jobs.get()
            work(f"work {number}")

    thread = threading.Thread(target=loop, daemon=True)
    thread.start()
    thread.join(30)
    assert dict(traced.parents()) == {
        **{f"request {number}": "" for number in range(4)},
        **{f"work {number}": f"request {number}" for number in range(3)},
        "work 3": "",
        "work 4": "request 3",
    }


def test_an_item_that_left_by_another_way_is_forgotten(traced):
    """Who empties the queue behind its back leaves no parent for a later item at the same place in memory."""
    jobs = queue.Queue()
    seen = []

    def loop():
        for _ in range(20):
            jobs.get()
            seen.append(get_current())
            jobs.task_done()

    for _ in range(20):
        with span("gone"):
            jobs.put([])
        jobs.queue.clear()
        jobs.unfinished_tasks = 0
    thread = threading.Thread(target=loop, daemon=True)
    thread.start()
    for number in range(20):
        with span("request") if number % 2 else span("other") as asking:
            jobs.put([])
            jobs.join()
            assert seen[-1] is asking._span
    thread.join(30)


def test_a_thread_that_has_a_span_of_its_own_is_left_alone(traced):
    """Who waits for an answer within a span goes on beneath it."""
    answers = queue.Queue()
    with span("answering"):
        answers.put("answer")
    with span("request"):
        answers.get()
        work("here")

    def asking():
        with span("in a thread"):
            answers.get(timeout=30)
            work("there")

    with span("answering"):
        answers.put("answer")
    thread = threading.Thread(target=asking)
    with span("starting"):
        thread.start()
    thread.join(30)
    assert [pair for pair in traced.parents() if pair[0] in ("here", "there")] == [
        ("here", "request"),
        ("there", "in a thread"),
    ]


def test_the_main_thread_goes_on_with_what_it_does(traced):
    """It collects what others have made; none of them is the parent of what it does then."""
    results = queue.Queue()

    def part(number):
        with span(f"part {number}"):
            results.put(number)

    for number in range(2):
        threading.Thread(target=part, args=(number,)).start()
    for _ in range(2):
        results.get(timeout=30)
    work("summary")
    assert traced.wait(3)[-1]["name"] == "summary"
    assert traced.parents()[-1] == ("summary", "")


def test_fire_and_forget(traced):
    """A thread whose request has ended stays its child: beside a worker, and with a connection that is only lent."""
    pool, ready = queue.Queue(), threading.Event()
    connections = [object(), object()]
    for connection in connections:
        pool.put(connection)

    def borrow(name):
        connection = pool.get()
        work(name)
        pool.put(connection)
        work(f"{name}, later")

    def forgotten():
        ready.wait(30)
        for number in range(3):
            borrow(f"forgotten {number}")

    with span("request"):
        thread = threading.Thread(target=forgotten)
        thread.start()
    for number in range(3):
        with span(f"other {number}"):
            borrow(f"lent {number}")
    ready.set()
    thread.join(30)
    parents = dict(traced.parents())
    for number in range(3):
        for name in (f"forgotten {number}", f"forgotten {number}, later"):
            assert parents[name] == "request"
        assert parents[f"lent {number}, later"] == f"other {number}"


def test_who_collects_parts_of_his_own_work_stays_where_he_is(traced):
    """A thread that has parts made in other threads goes on beneath what it was started for."""

    def whole():
        parts = queue.Queue()

        def part(number):
            with span(f"part {number}"):
                parts.put(number)

        for number in range(2):
            threading.Thread(target=part, args=(number,)).start()
        for _ in range(2):
            parts.get(timeout=30)
        work("whole")

    thread = threading.Thread(target=whole)
    with span("request"):
        thread.start()
    thread.join(30)
    traced.wait(4)
    assert dict(traced.parents()) == {"part 0": "request", "part 1": "request", "whole": "request", "request": ""}


def test_who_waits_in_vain_works_for_nobody(traced):
    """What a worker does while there is no work is not beneath the last item's."""
    jobs, idle = queue.Queue(), threading.Event()

    def loop():
        for _ in range(2):
            try:
                work(jobs.get(timeout=0.05))
            except queue.Empty:
                work("idle")
                idle.set()

    with span("request"):
        thread = threading.Thread(target=loop, daemon=True)
        jobs.put("work")
        thread.start()
    assert idle.wait(30)
    thread.join(30)
    assert dict(traced.parents()) == {"work": "request", "request": "", "idle": ""}


def test_a_piece_of_work_in_a_pool(traced):
    """What waits for it is served by it; a loop that goes on in a pool's thread is a worker once its request has ended."""
    jobs, reply = queue.Queue(), queue.Queue()
    with span("other"):
        reply.put("reply")

    def asking():
        reply.get()
        work("in the pool")

    def loop():
        for _ in range(2):
            work(jobs.get())
            jobs.task_done()

    with ThreadPoolExecutor(1) as pool:
        with span("request"):
            pool.submit(asking).result(30)
        with span("request 0"):
            done = pool.submit(loop)
            jobs.put("work 0")
            jobs.join()
        with span("request 1"):
            jobs.put("work 1")
            done.result(30)
    parents = dict(traced.parents())
    assert parents["in the pool"] == "request"
    assert (parents["work 0"], parents["work 1"]) == ("request 0", "request 1")


def test_what_the_program_sees(traced):
    """Items, exceptions, order and the queue itself are what they are without us."""
    jobs = queue.Queue(maxsize=1)
    item = object()
    with span("putting"):
        jobs.put(item)
        with pytest.raises(queue.Full):
            jobs.put_nowait(item)
    assert list(jobs.queue) == [item]
    assert set(vars(jobs)) == set(vars(queue.Queue()))
    assert jobs.get(False) is item
    with pytest.raises(queue.Empty):
        jobs.get(block=False)
    with pytest.raises(ValueError, match="non-negative"):
        jobs.get(timeout=-1)
    ordered = queue.PriorityQueue()
    with span("putting"):
        ordered.put(2)
        with pytest.raises(TypeError):
            ordered.put("one")
    assert ordered.get() == 2


class Unready(queue.Queue):
    """A queue that has forgotten to make what it puts items into."""

    def _init(self, maxsize):
        pass

    def _qsize(self):
        return 1


class Own(queue.Queue):
    """Puts things away in its own way, and has ours do it."""

    def _put(self, item):
        super()._put([item])


def test_a_traceback_reads_as_without_us(traced):
    """Also where ours does what the method does, in its stead."""
    for call, method, line in (
        (lambda jobs: jobs.put(1), "put", "self.queue.append(item)"),
        (lambda jobs: jobs.get(), "get", "return self.queue.popleft()"),
    ):
        with span("request"), pytest.raises(AttributeError) as caught:
            call(Unready())
        innermost = traceback.extract_tb(caught.value.__traceback__)[-1]
        assert (Path(innermost.filename).name, innermost.name, innermost.line) == ("queue.py", f"_{method}", line)
    with span("request"):
        jobs = Own()
        jobs.put("one")
        assert jobs.get() == ["one"]


def test_what_a_task_puts_back_for_another_is_put_back(traced):
    """A connection that was taken in a request, and is put back by a task of it, hands nobody's span over."""
    pool = queue.Queue()

    async def main():
        with span("filling"):
            pool.put([])
        async with span("request"):
            taken = pool.get()

            async def give():
                pool.put(taken)

            await asyncio.ensure_future(give())
        work("afterwards")

    asyncio.run(main())
    assert traced.parents() == [("filling", ""), ("request", ""), ("afterwards", "")]

    def other():
        pool.get()
        work("elsewhere")

    thread = threading.Thread(target=other)
    thread.start()
    thread.join(30)
    assert traced.parents()[-1] == ("elsewhere", "")


def test_a_connection_hands_nothing_over(traced, monkeypatch):
    """What a pool has made is not work for anybody, whoever takes it out after whoever has put it in."""

    class Connection:
        pass

    monkeypatch.setattr(queues, "_lendable", set())
    connect = queues.lendable()(Connection, "pool")
    pool = queue.LifoQueue()

    def other():
        pool.get()
        work("elsewhere")

    job, connection = object(), connect()
    for put in (job, connection):
        with span("request"):
            pool.put(put)
        thread = threading.Thread(target=other)
        thread.start()
        thread.join(30)
    assert [parent for name, parent in traced.parents() if name == "elsewhere"] == ["request", ""]


def test_nothing_is_left_behind(traced):
    """What is known of a queue goes with it, and with its items."""
    jobs = queue.Queue()
    with span("putting"):
        for number in range(2000):
            jobs.put([number])
    assert len(queues._all.of(jobs).waiting) == 2000
    for _ in range(2000):
        jobs.get()
    assert queues._all.of(jobs).waiting == {}
    with span("putting"):
        for number in range(20_000):
            jobs.put([number])
            jobs.queue.clear()
    assert len(queues._all.of(jobs).waiting) < 2000
    known = id(jobs)
    del jobs
    assert known not in queues._known


class AsyncWorker:
    """A task that takes items from an asyncio queue and makes a span for each; started when somebody first asks."""

    def __init__(self, made=asyncio.Queue, wrapped=lambda name: name):
        self.queue = made()
        self.task = None
        self._wrapped = wrapped

    async def put(self, name):
        """Hand a piece of work over, and wait until it is done."""
        if self.task is None:
            self.task = asyncio.ensure_future(self._run())
        await self.queue.put(self._wrapped(name))
        await self.queue.join()

    async def _run(self):
        while True:
            item = await self.queue.get()
            work(item if isinstance(item, str) else item[1])
            self.queue.task_done()


@pytest.mark.parametrize(
    ("made", "wrapped"),
    [
        (asyncio.Queue, lambda name: name),
        (lambda: asyncio.Queue(1), lambda name: [1, name]),
        (asyncio.LifoQueue, lambda name: name),
        (asyncio.PriorityQueue, lambda name: (1, name)),
    ],
)
def test_a_task_works_for_whoever_has_put(traced, made, wrapped):
    """As a thread, whoever started it, and before anybody with a span did."""

    async def main():
        worker = AsyncWorker(made, wrapped)
        for number in range(3):
            with span(f"request {number}"):
                await worker.put(f"work {number}")
        await worker.put("of nobody")
        async with span("request 3"):
            await worker.put("work 3")
        worker.task.cancel()

    asyncio.run(main())
    assert traced.parents() == [
        ("work 0", "request 0"),
        ("request 0", ""),
        ("work 1", "request 1"),
        ("request 1", ""),
        ("work 2", "request 2"),
        ("request 2", ""),
        ("of nobody", ""),
        ("work 3", "request 3"),
        ("request 3", ""),
    ]


def test_tasks_of_requests_at_the_same_time(traced):
    """The request that started the worker is still open when others hand over."""

    async def main():
        worker = AsyncWorker()

        async def request(number):
            with span(f"request {number}"):
                await worker.put(f"work {number}")
                await asyncio.sleep(0.01)

        await asyncio.gather(*map(request, range(5)))
        worker.task.cancel()

    asyncio.run(main())
    parents = dict(traced.parents())
    assert all(parents[f"work {number}"] == f"request {number}" for number in range(5))


def test_tasks_that_are_waited_for_have_the_span_as_their_own(traced):
    """A request that has its parts done in tasks, or waits itself, goes on beneath its own span, whoever answers."""

    async def main():
        answers = asyncio.Queue()

        async def part(name):
            await answers.get()
            work(name)

        async def handler():
            await answers.get()
            work("in the handler")

        async def wrapping():
            await asyncio.ensure_future(handler())

        with span("answering"):
            for _ in range(5):
                answers.put_nowait("answer")
        with span("request"):
            await answers.get()
            work("here")
            await asyncio.gather(part("gathered"), part("too"))
            await asyncio.wait_for(part("in time"), 30)
            await wrapping()

    asyncio.run(main())
    parents = dict(traced.parents())
    names = ("here", "gathered", "too", "in time", "in the handler")
    assert {name: parents[name] for name in names} == dict.fromkeys(names, "request")


def test_fire_and_forget_tasks(traced):
    """A task whose request has ended stays its child, and who waits for a task goes on with what he does."""

    async def main():
        pool = asyncio.Queue()
        pool.put_nowait("connection")

        async def forgotten():
            await asyncio.sleep(0.01)
            for number in range(2):
                connection = await pool.get()
                work(f"forgotten {number}")
                pool.put_nowait(connection)

        with span("request"):
            task = asyncio.ensure_future(forgotten())
        with span("other"):
            connection = await pool.get()
            pool.put_nowait(connection)
        await task
        work("afterwards")

    asyncio.run(main())
    assert dict(traced.parents()) == {
        "request": "",
        "other": "",
        "forgotten 0": "request",
        "forgotten 1": "request",
        "afterwards": "",
    }


def test_who_runs_a_loop_goes_on_with_what_he_does(traced):
    """The task that ``run`` waits for collects what others have made, and none of them is its parent then."""

    async def main():
        results = asyncio.Queue()

        async def part(number):
            with span(f"part {number}"):
                results.put_nowait(number)

        parts = [asyncio.ensure_future(part(number)) for number in range(2)]
        for _ in parts:
            await results.get()
        work("summary")

    asyncio.run(main())
    assert dict(traced.parents()) == {"part 0": "", "part 1": "", "summary": ""}
