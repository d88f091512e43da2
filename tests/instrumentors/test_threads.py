"""threading: the contract, for each way to start a thread, and what programs see of their threads."""

from __future__ import annotations

import gc
import subprocess
import sys
import threading
import traceback
import weakref
from contextvars import Context, copy_context

import pytest

from autotrace.families.execution import concurrency, threads
from autotrace.testing import frames
from autotrace.testing.contracts.concurrency import ConcurrencyContract, work
from autotrace.testing.contracts.db_client import Work
from autotrace.trace.context import _current, get_current
from autotrace.trace.inheriting import _standing


class Box:
    """Keeps what a function of another thread returned or raised."""

    def __init__(self, function, args, kwargs):
        self.function, self.args, self.kwargs = function, args, kwargs
        self.result = self.error = None

    def __call__(self):
        try:
            self.result = self.function(*self.args, **self.kwargs)
        except BaseException as error:
            self.error = error

    def open(self):
        if self.error is not None:
            raise self.error
        return self.result


class TestThread(ConcurrencyContract):
    """The contract, through a thread with a target."""

    instrumentors = ("threads",)
    scope = "threads"
    family = threads if sys.version_info >= (3, 14) else concurrency

    def start(self, box):
        thread = threading.Thread(target=box)
        thread.start()
        thread.join(30)

    def run(self, function, /, *args, **kwargs):
        box = Box(function, args, kwargs)
        self.start(box)
        return box.open()


class TestTimer(TestThread):
    """The contract, through a timer."""

    def start(self, box):
        timer = threading.Timer(0.0, box)
        timer.start()
        timer.join(30)


class TestSubclass(TestThread):
    """The contract, through a class that overrides ``run`` and never calls ours."""

    def start(self, box):
        class Worker(threading.Thread):
            def run(self):
                box()

        worker = Worker(daemon=True)
        worker.start()
        worker.join(30)


@pytest.fixture
def traced(recorder, instrument):
    """threading, patched."""
    instrument("threads")
    return recorder


def test_what_a_program_sees_of_a_thread(traced):
    """Names, identifiers, the list of threads and the thread's own attributes are as without us."""
    plain = threading.Thread(target=print)
    attributes = set(vars(plain))
    seen = []

    def look():
        current = threading.current_thread()
        seen.append((current is thread, current in threading.enumerate(), current.ident == threading.get_ident()))

    thread = threading.Thread(target=look, name="mine", daemon=True)
    with Work():
        thread.start()
    thread.join(30)
    assert seen == [(True, True, True)]
    assert (thread.name, thread.daemon, thread.is_alive()) == ("mine", True, False)
    assert set(vars(thread)) == attributes - {"_target", "_args", "_kwargs"}


def test_no_frame_of_ours_is_on_a_threads_stack(traced):
    """The stack of a thread begins where it begins without us."""
    stacks = []
    with Work():
        thread = threading.Thread(target=lambda: stacks.append(traceback.extract_stack()))
        thread.start()
        thread.join(30)
    assert [frame.name for frame in stacks[0]][:3] == ["_bootstrap", "_bootstrap_inner", "run"]


def test_what_the_excepthook_gets_is_the_same(traced, monkeypatch):
    """An exception that ends a thread has the very traceback that it has without us."""
    told = []

    def hook(args):
        text = traceback.format_exception(args.exc_type, args.exc_value, args.exc_traceback)
        told.append((args.thread.name, "".join(text)))

    def fails():
        raise ValueError("mine")

    def start():
        thread = threading.Thread(target=fails, name="failing")
        thread.start()
        thread.join(30)

    monkeypatch.setattr(threading, "excepthook", hook)
    start()
    with Work():
        start()
    assert told[0] == told[1]
    assert not frames.ours(told[1][1])


def test_a_thread_that_is_started_twice_fails_as_ever(traced):
    """The library's own checks come first."""
    thread = threading.Thread(target=lambda: None)
    with Work():
        thread.start()
        thread.join(30)
        with pytest.raises(RuntimeError, match="threads can only be started once"):
            thread.start()


def test_the_context_of_a_thread_is_fresh(traced):
    """A thread inherits what is ours and nothing of the program's own context variables."""
    from contextvars import ContextVar

    mine = ContextVar("mine", default="fresh")
    seen = []
    with Work():
        mine.set("changed")
        thread = threading.Thread(target=lambda: seen.append((mine.get(), {one.name for one in copy_context()})))
        thread.start()
        thread.join(30)
    assert seen == [("fresh", {_current.name, _standing.name})]


def test_nothing_is_wrapped_where_nothing_is_current(traced):
    """Without a span the thread is started with the very function that the library gives."""
    contexts = []
    thread = threading.Thread(target=lambda: contexts.append(get_current()))
    thread.start()
    thread.join(30)
    assert contexts == [None]


class Fact(str):
    """Text that can be watched."""

    __slots__ = ("__weakref__",)


def test_a_thread_that_has_ended_keeps_nothing_alive(traced):
    """The span, and its facts, go when the thread and its starter are done."""
    fact = Fact("watched")
    seen = weakref.ref(fact)
    with Work(fact):
        thread = threading.Thread(target=work)
        thread.start()
        thread.join(30)
    traced.clear()
    del fact
    gc.collect()
    assert seen() is None


@pytest.mark.skipif(sys.version_info < (3, 14), reason="threads have no `context` before Python 3.14")
def test_a_context_that_the_program_gives_counts(traced):
    """What is current in the program's own context is current in its thread, and the context is left as it is."""
    with Work("before") as before:
        copied = copy_context()
    seen = []
    with Work("now"):
        for given in (copied, Context()):
            variables = list(given)
            thread = threading.Thread(target=lambda: seen.append(get_current()), context=given)
            thread.start()
            thread.join(30)
            assert list(given) == variables
    assert seen == [before, None]
    assert copied[_current] is before


@pytest.mark.process
@pytest.mark.skipif(sys.version_info < (3, 14), reason="threads inherit no context before Python 3.14")
def test_a_thread_that_inherits_the_whole_context_does_so():
    """With `thread_inherit_context` a thread has the program's variables too, and the span that is rightfully current."""
    lines = subprocess.run(
        [sys.executable, "-X", "thread_inherit_context=1", "-c", INHERITING], check=True, capture_output=True, text=True
    ).stdout.split("\n")
    assert lines[:3] == ["changed asking", "changed None", "changed None"]


INHERITING = """
import contextvars, threading
from autotrace.patching.apply import apply
from autotrace.instrumentors.threads import INSTRUMENTOR
from autotrace.trace.context import get_current
from autotrace import span
from autotrace.trace.tracer import tracer
tracer.active = True
apply(INSTRUMENTOR)
mine = contextvars.ContextVar("mine")

def look():
    found = get_current()
    print(mine.get(), found and found.facts[0])

def start():
    thread = threading.Thread(target=look)
    thread.start()
    thread.join()

def generator():
    with span("inside a generator"):
        yield

mine.set("changed")
with span("asking"):
    start()
start()
steps = generator()
next(steps)
start()
"""
