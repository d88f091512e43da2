"""Threads, timers and pools of threads: each span's parent is the one that was current where the work was asked for."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from multiprocessing.pool import ThreadPool

import pytest

from autotrace import span


@pytest.fixture(autouse=True)
def traced(recorder, instrument):
    """Everything of the standard library that keeps threads, patched."""
    instrument("threads", "futures", "futures_callbacks", "multiprocessing_pool")
    return recorder


def work(name):
    """Make a span."""
    with span(name):
        return name


def through_a_thread():
    thread = threading.Thread(target=work, args=("inside",))
    thread.start()
    thread.join(30)


def through_a_timer():
    timer = threading.Timer(0.001, work, ("inside",))
    timer.start()
    timer.join(30)


def through_submit():
    with ThreadPoolExecutor(1) as pool:
        pool.submit(work, "inside").result(30)


def through_map():
    with ThreadPoolExecutor(1) as pool:
        assert list(pool.map(work, ["inside"])) == ["inside"]


def through_a_callback():
    with ThreadPoolExecutor(1) as pool:
        pool.submit(int).add_done_callback(lambda _: work("inside"))


def through_a_pool_of_threads():
    with ThreadPool(1) as pool:
        assert pool.map(work, ["inside"]) == ["inside"]


def through_a_copied_context():
    copy_context().run(work, "inside")


def through_a_copied_context_in_a_thread():
    thread = threading.Thread(target=copy_context().run, args=(work, "inside"))
    thread.start()
    thread.join(30)


WAYS = [
    through_a_thread,
    through_a_timer,
    through_submit,
    through_map,
    through_a_callback,
    through_a_pool_of_threads,
    through_a_copied_context,
    through_a_copied_context_in_a_thread,
]


@pytest.mark.parametrize("way", WAYS)
def test_the_parent_is_whoever_asked(traced, way):
    """And nobody where nobody is current, before and after."""
    way()
    with span("asking"):
        way()
        work("here")
    way()
    assert traced.parents() == [
        ("inside", ""),
        ("inside", "asking"),
        ("here", "asking"),
        ("asking", ""),
        ("inside", ""),
    ]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("other", WAYS)
def test_ways_within_ways(traced, way, other, monkeypatch):
    """What was asked for elsewhere can ask for more, in every other way."""
    inner = work

    def between(name):
        if name == "inside":
            monkeypatch.setitem(globals(), "work", inner)
            with span("between"):
                other()
        return name

    monkeypatch.setitem(globals(), "work", between)
    with span("asking"):
        way()
    assert traced.parents() == [("inside", "between"), ("between", "asking"), ("asking", "")]


def test_a_copied_context_keeps_its_parent(traced):
    """A context is what was current when it was copied, wherever and whenever it is run."""
    with span("first"):
        first = copy_context()
    with span("second"):
        first.run(work, "of the first")
        work("of the second")
    first.run(work, "of the first, later")
    assert traced.parents() == [
        ("first", ""),
        ("of the first", "first"),
        ("of the second", "second"),
        ("second", ""),
        ("of the first, later", "first"),
    ]


def test_a_span_that_is_left_open_in_a_copied_context_stays_there(traced):
    """Neither the context around it nor another copy sees it."""
    with span("asking"):
        copy = copy_context()
        left = copy.run(lambda: span("left open").__enter__())
        work("here")
        copy_context().run(work, "in another copy")
        copy.run(work, "in that copy")
    left.__exit__(None, None, None)
    work("afterwards")
    assert traced.parents() == [
        ("here", "asking"),
        ("in another copy", "asking"),
        ("in that copy", "left open"),
        ("asking", ""),
        ("left open", "asking"),
        ("afterwards", ""),
    ]
