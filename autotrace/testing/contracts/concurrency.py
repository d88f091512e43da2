"""What every way of running a function elsewhere must do: the parent is the span of whoever asked for it.

A test of a library subclasses ``ConcurrencyContract`` for each way and says how a function is run.
"""

from __future__ import annotations

import sys
import threading
from abc import ABC, abstractmethod

import pytest

from autotrace.families.execution import concurrency
from autotrace.faults import faults
from autotrace.testing import frames
from autotrace.testing.contracts.db_client import Work
from autotrace.trace.context import get_current


def work(name="inside"):
    """Make a span, and return what was current around it."""
    around = get_current()
    with Work(name):
        assert get_current() is not around
    return around


class ConcurrencyContract(ABC):
    """The contract."""

    instrumentors = ()
    scope = ""
    family = concurrency

    @abstractmethod
    def run(self, function, /, *args, **kwargs):
        """Run the function elsewhere and wait; return its result, or raise its exception."""

    @pytest.fixture(autouse=True)
    def _traced(self, recorder, instrument):
        instrument(*self.instrumentors)

    def test_the_parent_is_whoever_asked(self, recorder):
        """A span made elsewhere is the child of the one that was current here, which stays current here."""
        with Work("asking") as asking:
            assert self.run(work) is asking
            assert get_current() is asking
        inside, outside = recorder.wait(2)
        assert (inside["name"], inside["parent_id"]) == ("inside", outside["span_id"])
        assert inside["trace_id"] == outside["trace_id"]

    def test_where_nothing_is_current_nothing_is_inherited(self, recorder):
        """Without a span here, a span made elsewhere is a root, also after one had a parent."""
        assert self.run(work) is None
        with Work("asking"):
            self.run(work, "beneath")
        assert self.run(work) is None
        parents = [span["parent_id"] for span in recorder.finished() if span["name"] == "inside"]
        assert parents == ["", ""]

    def test_arguments_and_result_are_untouched(self):
        """The very objects arrive, by position and by name, whatever they are called."""
        given, named = [1], {"two": 2}

        def function(*args, **kwargs):
            return args, kwargs

        with Work("asking"):
            args, kwargs = self.run(function, given, self=named, function=3, fn=4)
        assert args[0] is given
        assert kwargs == {"self": named, "function": 3, "fn": 4}

    def test_an_exception_passes(self):
        """What the function raises is what comes out, and the span beneath it is the right one."""
        error = ZeroDivisionError("mine")

        def function():
            raise error

        with Work("asking"), pytest.raises(ZeroDivisionError) as caught:
            self.run(function)
        assert caught.value is error
        if sys.version_info >= (3, 11):
            assert not frames.ours(caught.value)

    def test_an_unsampled_trace_stays_unsampled(self, recorder):
        """The decision not to record travels too."""
        with Work("asking", sampled=False) as asking:
            assert self.run(work) is asking
        assert recorder.finished() == []

    def test_many_at_once_do_not_mix(self, recorder):
        """Functions handed over by several threads at a time have each their own parent."""
        barrier = threading.Barrier(4)
        parents = {}

        def asking(number):
            with Work(f"asking {number}") as span:
                parents[number] = span.span_id
                barrier.wait(10)
                for _ in range(10):
                    self.run(work, f"of {number}")

        threads = [threading.Thread(target=asking, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        for number in range(4):
            found = [span["parent_id"] for span in recorder.finished() if span["name"] == f"of {number}"]
            assert found == [parents[number]] * 10

    def test_hops_follow_each_other(self, recorder):
        """From one place to the next and the next, each is the child of the one before."""

        def hop(left):
            with Work(f"hop {left}"):
                if left:
                    self.run(hop, left - 1)

        hop(3)
        spans = recorder.wait(4)
        assert [span["name"] for span in spans] == ["hop 0", "hop 1", "hop 2", "hop 3"]
        for inner, outer in zip(spans, spans[1:]):
            assert inner["parent_id"] == outer["span_id"]

    def test_a_fault_of_ours_is_not_noticed(self, monkeypatch):
        """When our own code fails the function runs, without a parent, and the fault is counted."""

        def broken():
            raise RuntimeError("ours")

        monkeypatch.setattr(self.family, "get_current", broken)
        assert self.run(lambda: 7) == 7
        assert faults[self.scope] >= 1
        faults.clear()
