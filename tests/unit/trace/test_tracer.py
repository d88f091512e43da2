"""Starting and finishing: parents, sampling, and the context that is put back by value."""

from __future__ import annotations

import gc
import os
import random
import time

import pytest

import autotrace
from autotrace.families.db import query
from autotrace.trace import ids
from autotrace.trace.clocks import clocks
from autotrace.trace.context import get_current, set_current
from autotrace.trace.sampling import Sampler
from autotrace.trace.span import INTERNAL, Operation, Span
from autotrace.trace.tracer import Clock, Remote, tracer

OPERATION = Operation("test", INTERNAL, "test", lambda facts, outcome, failure: (str(facts[0]), {}, 0, ""))
TRACE = "0af7651916cd43dd8448eb211c80319c"


def start(name, parent=None):
    span = tracer.start(OPERATION, (name,), parent)
    set_current(span)
    return span


def test_a_child_shares_its_parents_trace(recorder):
    """The parent's id is the child's parent id; the record of the trace is one object."""
    outer = start("outer")
    inner = start("inner", outer)
    tracer.finish(inner)
    assert get_current() is outer
    tracer.finish(outer)
    assert get_current() is None
    assert (inner.trace, inner.parent_id, outer.parent_id) == (outer.trace, outer.span_id, "")
    assert [span["name"] for span in recorder.finished()] == ["inner", "outer"]


def test_finishing_what_is_not_current_disturbs_nobody(recorder):
    """A span that ends while another is current leaves that one current."""
    outer = start("outer")
    inner = start("inner", outer)
    tracer.finish(outer)
    assert get_current() is inner


def test_a_span_is_delivered_once(recorder):
    """Finishing twice is finishing once."""
    span = start("once")
    tracer.finish(span)
    end = span.end
    tracer.finish(span, ("again",))
    assert (span.end, len(recorder.spans)) == (end, 1)


@pytest.mark.parametrize(("flags", "recorded"), [(0, 0), (1, 1), (3, 1), (2, 0)])
def test_the_remote_parent_decides(recorder, flags, recorded):
    """Parent-based: what the caller decided holds, and is passed on with the random flag."""
    span = tracer.enter(OPERATION, ("in",), Remote(TRACE, "b7ad6b7169203331", flags, "a=b", "k=v"), None)
    tracer.finish(span)
    assert (span.trace.trace_id, span.parent_id, span.remote) == (TRACE, "b7ad6b7169203331", True)
    assert (span.trace.suffix, span.trace.tracestate, span.trace.baggage) == (f"-{flags:02x}", "a=b", "k=v")
    assert len(recorder.spans) == recorded


@pytest.mark.parametrize("remote", [None, Remote(TRACE, "b7ad6b7169203331", 1, "", "")], ids=["here", "elsewhere"])
def test_what_has_a_start_is_whole(recorder, monkeypatch, remote):
    """A process that is ended at that moment delivers it as it is: it must not name another parent than it has."""
    seen = []

    def clock():
        (made,) = [found for found in gc.get_objects() if type(found) is Span and found.facts == ("in",)]
        assert not hasattr(made, "start")
        seen.append((made.trace, made.parent_id, made.span_id, made.remote))
        return 1

    outer = start("outer")
    monkeypatch.setattr(tracer, "clock", clock)
    span = tracer.enter(OPERATION, ("in",), remote, outer)
    assert seen == [(span.trace, span.parent_id, span.span_id, span.remote)]
    assert span.parent_id == (remote.span_id if remote else outer.span_id)


def test_baggage_without_a_trace_begins_one(recorder):
    """The baggage travels on with a new root."""
    span = tracer.enter(OPERATION, ("in",), Remote("", "", 0, "", "k=v"), None)
    assert (span.parent_id, span.trace.baggage, span.trace.sampled) == ("", "k=v", True)


def test_the_ratio_decides_by_the_low_64_bits(recorder):
    """TraceIdRatioBased: the same ids are taken by everybody, and about as many as asked for."""
    sampler = Sampler(0.25)
    assert sampler.sample("f" * 16 + "3fffffffffffffff")
    assert not sampler.sample("0" * 16 + "4000000000000000")
    assert not Sampler(0.0).sample("0" * 31 + "1")
    assert Sampler(1.0).sample("f" * 32)
    taken = sum(sampler.sample(ids.trace_id()) for _ in range(4000))
    assert 850 < taken < 1150


def test_without_parent_based_the_ratio_decides_for_everybody():
    """The sampler traceidratio ignores the caller's flag."""
    assert not Sampler(0.0, parent_based=False).sample(TRACE, parent_sampled=True)


def test_an_unsampled_root_hands_nothing_over(recorder):
    """Nothing is recorded, and what is beneath is not either."""
    tracer.sampler = Sampler(0.0)
    outer = start("outer")
    inner = start("inner", outer)
    tracer.finish(inner)
    tracer.finish(outer)
    assert (recorder.spans, outer.trace.suffix) == ([], "-02")


def test_ids_are_well_formed_and_the_programs_random_numbers_are_its_own():
    """Seeding random neither repeats our ids nor do our ids move its numbers."""
    random.seed(7)
    expected = [random.random() for _ in range(3)]
    random.seed(7)
    first = [random.random(), ids.span_id(), random.random(), ids.trace_id(), random.random()]
    random.seed(7)
    assert ids.span_id() != first[1]
    assert first[::2] == expected
    assert len(bytes.fromhex(ids.span_id())) == 8
    assert len(bytes.fromhex(ids.trace_id())) == 16


@pytest.mark.process
def test_a_forked_child_that_reseeds_has_ids_of_its_own():
    """Otherwise parent and child would go on with the same ones."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        ids.reseed()
        os.write(write, ids.span_id().encode())
        os._exit(0)
    os.waitpid(pid, 0)
    assert os.read(read, 16).decode() != ids.span_id()
    os.close(read)
    os.close(write)


def test_the_clock_is_set_anew_only_when_it_is_far_off(monkeypatch):
    """A wall clock that was set moves later spans; a drift of microseconds bends none."""
    clock = Clock()
    before = clock.wall(0)
    clock.adjust()
    assert clock.wall(0) == before
    real = clocks.wall_ns
    monkeypatch.setattr(clocks, "wall_ns", lambda: real() + 10**9)
    clock.adjust()
    assert 0.9e9 < clock.wall(0) - before < 1.1e9


def test_the_wall_clock_is_the_systems():
    """To the microsecond where nobody turned it, whatever it is read by."""
    before = time.time_ns()
    between = clocks.wall_ns()
    assert before - 1000 <= between <= time.time_ns() + 1000
    assert abs(clocks.now() - clocks.now_ns() / 1e9) < 1


@pytest.fixture
def unsampled(recorder, monkeypatch):
    """Sample no root."""
    monkeypatch.setattr(tracer, "sampler", Sampler(0.0))
    return recorder


def test_a_root_by_hand_that_is_not_sampled_still_has_a_place(unsampled):
    """What is beneath it is not sampled either, and is told the same trace; afterwards nothing is current."""
    with autotrace.span("outer"):
        outer = autotrace.current_span()
        assert not outer
        with autotrace.span("inner"):
            inner = get_current()
            assert inner.trace.trace_id == outer.trace_id == "1".rjust(32, "0")
            assert inner.span_id == outer.span_id != ""
            assert not inner.trace.sampled
    assert get_current() is None
    assert unsampled.finished() == []


def test_nothing_beneath_an_unsampled_query_is_a_root(unsampled):
    """A callback of the database is beneath the query, and facts are not looked at."""
    seen = []

    def sent():
        with autotrace.span("callback"):
            seen.append(get_current().trace.sampled)

    sending = query.call(lambda *_: seen.append("facts"))(sent, "test")
    sending()
    assert seen == [False]
    assert get_current() is None


def test_a_ratio_decides_by_the_end_of_the_trace_id(monkeypatch):
    """The short way for roots decides as the sampler does for whatever enters."""
    monkeypatch.setattr(tracer, "sampler", Sampler(0.25))
    kept = 0
    for _ in range(2000):
        drawn = tracer.draw()
        sampled = type(drawn) is str
        assert tracer.sampler.sample(drawn if sampled else drawn.drawn) == sampled
        kept += sampled
    assert 300 < kept < 700


@pytest.mark.parametrize(("ratio", "suffix"), [(1.0, "-03"), (0.0, "-02")])
def test_the_id_of_a_trace_that_begins_here_is_random(recorder, monkeypatch, ratio, suffix):
    """The flags say so, whatever was decided, and what is beneath has the same (W3C Trace Context, Level 2)."""
    monkeypatch.setattr(tracer, "sampler", Sampler(ratio))
    root = tracer.start(OPERATION, (), None)
    assert (root.trace.suffix, tracer.start(OPERATION, (), root).trace.suffix) == (suffix, suffix)
    stand_in = tracer.draw()
    assert isinstance(stand_in, str) or stand_in.trace.suffix == suffix
