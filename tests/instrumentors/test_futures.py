"""concurrent.futures: the contract, for each way to hand work to a pool, and what programs see of their pools."""

from __future__ import annotations

import asyncio
import concurrent.futures
import copy
import functools
import gc
import pickle
import queue
import sys
import threading
import weakref

import pytest

from autotrace.families.execution.concurrency import Carried
from autotrace.testing.contracts.concurrency import ConcurrencyContract, work
from autotrace.testing.contracts.db_client import Work
from autotrace.trace.context import get_current, set_current


class TestSubmit(ConcurrencyContract):
    """The contract, through ``submit``; one pool for all, with threads that live on."""

    instrumentors = ("threads", "futures")
    scope = "futures"

    @pytest.fixture(autouse=True)
    def _pool(self, _traced):
        with concurrent.futures.ThreadPoolExecutor(16) as self.pool:
            yield

    def run(self, function, /, *args, **kwargs):
        return self.pool.submit(function, *args, **kwargs).result(30)


class TestWithoutThreads(TestSubmit):
    """The contract, where threads alone are not instrumented."""

    instrumentors = ("futures",)


class TestMap(TestSubmit):
    """The contract, through ``map``."""

    def run(self, function, /, *args, **kwargs):
        return next(self.pool.map(lambda _: function(*args, **kwargs), [None], timeout=30))


class TestRunInExecutor(TestSubmit):
    """The contract, through an event loop's ``run_in_executor``."""

    def run(self, function, /, *args, **kwargs):
        async def main():
            return await asyncio.get_running_loop().run_in_executor(
                self.pool, functools.partial(function, *args, **kwargs)
            )

        return asyncio.run(main())


class TestToThread(TestSubmit):
    """The contract, through ``asyncio.to_thread``."""

    def run(self, function, /, *args, **kwargs):
        async def main():
            return await asyncio.to_thread(function, *args, **kwargs)

        return asyncio.run(main())


class CountingPool(concurrent.futures.ThreadPoolExecutor):
    """A pool as programs write them."""

    submitted = 0

    def submit(self, fn, /, *args, **kwargs):
        self.submitted += 1
        assert not isinstance(fn, Carried)
        return super().submit(fn, *args, **kwargs)


class TestProgramsPool(TestSubmit):
    """The contract, through a subclass that overrides ``submit`` and sees the program's functions."""

    @pytest.fixture(autouse=True)
    def _pool(self, _traced):
        with CountingPool(16) as self.pool:
            yield
            assert self.pool.submitted


@pytest.fixture
def traced(recorder, instrument):
    """Threads and pools, patched."""
    instrument("threads", "futures")
    return recorder


def test_the_threads_of_a_pool_inherit_nothing(traced):
    """A worker started in a request serves the next request, and no request, as if it had been there before."""
    started = []
    with concurrent.futures.ThreadPoolExecutor(1, initializer=lambda: started.append(get_current())) as pool:
        with Work("first") as first:
            assert pool.submit(work).result(30) is first
        with Work("second") as second:
            assert pool.submit(work).result(30) is second
        assert pool.submit(work).result(30) is None
    assert started == [None]


def test_work_that_leaves_a_span_open_does_not_disturb_the_next(traced):
    """What one piece of work leaves behind as current is not the parent of the next."""
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        pool.submit(lambda: Work("left open").__enter__()).result(30)
        assert pool.submit(work).result(30) is None


def test_each_call_of_a_map_has_the_parent(traced):
    """All the calls of one map are beneath its caller, also those that start late."""
    with concurrent.futures.ThreadPoolExecutor(2) as pool, Work("asking") as asking:
        assert list(pool.map(work, "abcdef")) == [asking] * 6
    assert {span["parent_id"] for span in traced.wait(7)} == {"", asking.span_id}


@pytest.mark.skipif(sys.version_info < (3, 14), reason="maps have a buffer since Python 3.14")
def test_each_call_of_a_map_with_a_buffer_has_the_parent(traced, instrument):
    """Also those that are handed over when somebody else takes the results, beneath a span of theirs or beneath none."""
    instrument("futures_callbacks")
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        with Work("asking") as asking:
            results = pool.map(get_current_for, "abcdef", buffersize=1)
        found = [next(results)]
        with Work("taking"):
            found += [next(results), next(results)]
        found += results
        assert pool.submit(get_current_for, "g").result(30) == ("g", None)
    assert found == [(letter, asking) for letter in "abcdef"]


def get_current_for(letter):
    """Return what is current where this runs."""
    return letter, get_current()


def test_a_pool_of_the_programs_own_may_pickle_what_waits(traced):
    """It gets the function as it was handed over: our part stays here."""

    class Elsewhere(concurrent.futures.ThreadPoolExecutor):
        def __init__(self):
            super().__init__(1)
            self._work_queue = Pickling()

    class Pickling(queue.SimpleQueue):
        def put(self, item, *more):
            if item is not None:
                task = getattr(item, "task", None)  # since Python 3.14
                function = task[0] if task else item.fn
                assert pickle.loads(pickle.dumps(function))("four") == 4
                assert copy.copy(function)("four") == 4
            super().put(item, *more)

    with Elsewhere() as pool, Work("asking"):
        assert pool.submit(len, "four").result(30) == 4


def test_pools_within_pools(traced):
    """Work that hands work to another pool is the parent of it."""

    def outer(inner_pool):
        with Work("outer") as span:
            assert inner_pool.submit(work).result(30) is span

    with (
        concurrent.futures.ThreadPoolExecutor() as one,
        concurrent.futures.ThreadPoolExecutor() as two,
        Work("request"),
    ):
        one.submit(outer, two).result(30)
    inside, outside, request = traced.wait(3)
    assert (inside["parent_id"], outside["parent_id"]) == (outside["span_id"], request["span_id"])


def test_tasks_have_their_own_parents(traced):
    """Gathered tasks, and the work that they hand to threads, are beneath their own spans."""

    async def request(number):
        with Work(f"request {number}") as span:
            await asyncio.sleep(0)
            around = await asyncio.gather(*(asyncio.to_thread(work, f"of {number}") for _ in range(3)))
            assert around == [span] * 3
            assert await asyncio.ensure_future(child()) is span

    async def child():
        await asyncio.sleep(0)
        return get_current()

    async def main():
        await asyncio.gather(*(request(number) for number in range(5)))

    asyncio.run(main())
    assert len(traced.wait(20)) == 20


def test_a_callback_of_a_future_runs(traced):
    """``add_done_callback`` is the library's affair."""
    seen = []
    with concurrent.futures.ThreadPoolExecutor() as pool, Work():
        future = pool.submit(int, "7")
        future.add_done_callback(seen.append)
    assert seen == [future]
    assert future.result() == 7


def test_a_pool_that_is_shut_down_refuses_as_ever(traced):
    """The error is the library's, and the caller's span stays current."""
    pool = concurrent.futures.ThreadPoolExecutor()
    pool.shutdown()
    with Work() as span:
        with pytest.raises(RuntimeError, match="cannot schedule new futures after shutdown"):
            pool.submit(work)
        assert get_current() is span
        with pytest.raises(TypeError):
            pool.submit()


def test_names_and_signatures_are_the_librarys(traced):
    """Threads are named, and ``submit`` looks and pickles, as without us."""
    import inspect

    submit = concurrent.futures.ThreadPoolExecutor.submit
    assert (submit.__name__, submit.__qualname__) == ("submit", "ThreadPoolExecutor.submit")
    assert list(inspect.signature(submit).parameters) == ["self", "fn", "args", "kwargs"]
    assert pickle.loads(pickle.dumps(submit)) is submit
    with concurrent.futures.ThreadPoolExecutor(1, thread_name_prefix="mine") as pool, Work():
        assert pool.submit(threading.current_thread).result(30).name == "mine_0"


def test_what_waits_looks_like_the_programs_function(traced):
    """Who looks into a queue sees the function, not us."""
    carried = Carried(work, None)
    assert repr(carried) == repr(work)
    assert carried.__name__ == "work"
    assert carried.__defaults__ == work.__defaults__


def test_a_callback_has_its_parent_where_it_was_added(recorder, instrument):
    """Whether it runs at once or later, in a thread of the pool."""
    instrument("threads", "futures", "futures_callbacks")
    gate, seen = threading.Event(), []
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        with Work("asking"):
            future = pool.submit(gate.wait, 30)
        with Work("adding") as adding:
            future.add_done_callback(lambda _: seen.append(get_current()))
        future.add_done_callback(lambda _: seen.append(get_current()))
        gate.set()
        assert future.result(30)
        with Work("later") as later:
            future.add_done_callback(lambda _: seen.append(get_current()))
    assert seen == [adding, None, later]


class Fact(str):
    """Text that can be watched."""

    __slots__ = ("__weakref__",)


def test_a_waiting_worker_keeps_nothing_alive(traced):
    """Once its work is done, a worker holds neither the span nor its facts."""
    fact = Fact("watched")
    seen = weakref.ref(fact)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        with Work(fact):
            pool.submit(work).result(30)
        traced.clear()
        set_current(None)
        del fact
        pool.submit(int).result(30)
        gc.collect()
        assert seen() is None
