"""multiprocessing.pool: the contract, for each way to hand work to a pool of threads.

Pools of processes are in tests/process/test_context_processes.py.
"""

from __future__ import annotations

from multiprocessing.pool import ThreadPool

import pytest

from autotrace.testing.contracts.concurrency import ConcurrencyContract, work
from autotrace.testing.contracts.db_client import Work
from autotrace.trace.context import get_current


class TestApply(ConcurrencyContract):
    """The contract, through ``apply``."""

    instrumentors = ("threads", "multiprocessing_pool")
    scope = "multiprocessing_pool"

    @pytest.fixture(autouse=True)
    def _pool(self, _traced):
        self.pool = ThreadPool(8)
        yield
        self.pool.close()
        self.pool.join()

    def run(self, function, /, *args, **kwargs):
        return self.pool.apply(function, args, kwargs)


class TestMap(TestApply):
    """The contract, through ``map``."""

    def run(self, function, /, *args, **kwargs):
        (result,) = self.pool.map(lambda _: function(*args, **kwargs), [None])
        return result


class TestImap(TestApply):
    """The contract, through ``imap``."""

    def run(self, function, /, *args, **kwargs):
        return next(self.pool.imap(lambda _: function(*args, **kwargs), [None]))


class TestImapUnordered(TestApply):
    """The contract, through ``imap_unordered`` in chunks."""

    def run(self, function, /, *args, **kwargs):
        (result,) = self.pool.imap_unordered(lambda _: function(*args, **kwargs), [None], 2)
        return result


class TestStarmap(TestApply):
    """The contract, through ``starmap_async``."""

    def run(self, function, /, *args, **kwargs):
        (result,) = self.pool.starmap_async(lambda *given: function(*given, **kwargs), [args]).get(30)
        return result


def test_the_threads_of_a_pool_inherit_nothing(recorder, instrument):
    """Neither those of the first moment nor the span in which the pool was made."""
    instrument("threads", "multiprocessing_pool")
    with Work("making the pool"):
        pool = ThreadPool(1)
    assert pool.apply(get_current) is None
    with Work("asking") as asking:
        assert pool.apply(work) is asking
    assert pool.apply(get_current) is None
    pool.close()
    pool.join()
