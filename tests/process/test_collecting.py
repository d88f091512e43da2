"""A program whose garbage is finalized by traced calls, at any moment: also while a context variable is being set."""

from __future__ import annotations

import pytest

APP = """\
import contextvars, gc, queue, sys, threading, weakref
from autotrace import span

class Pool:
    def __init__(self):
        self.free = queue.LifoQueue()
        self.free.put(object())
        self.itself = self

def close(free):
    free.get(block=False)
    with span("close"):
        closed.append(threading.current_thread() in (thread, threading.main_thread()))

closed = []
program = [contextvars.ContextVar(f"program {{number}}") for number in range(20)]

def work():
    for variable in program:
        variable.set(0)
    for number in range(2000):
        gc.disable()
        pool = Pool()
        weakref.finalize(pool, close, pool.free)
        del pool
        gc.set_threshold(gc.get_count()[0] + number % {window})
        gc.enable()
        {step}
        gc.set_threshold(700)
    assert {{variable.get() for variable in program}} <= set(range(2000))

with span("all"):
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
gc.collect()
print(len(closed), sum(closed))
"""


@pytest.mark.parametrize(
    ("step", "window", "steps"),
    [
        pytest.param("program[number % 20].set(number)", 10, 0, id="the program sets a variable"),
        pytest.param("with span('step'): pass", 40, 2000, id="a span is made"),
    ],
)
def test_a_finalizer_is_traced(machine, step, window, steps):
    """The program ends as it does bare, whatever the collector interrupts; where it runs in our thread nothing is traced."""
    done = machine.python(machine.write("app.py", APP.format(step=step, window=window)))
    assert (done.returncode, done.stderr) == (0, b"")
    closed, in_its_threads = map(int, done.stdout.split())
    assert closed == 2000
    names = machine.names()
    assert len(names) == 1 + in_its_threads + steps
    assert [names.count(name) for name in ("all", "close", "step")] == [1, in_its_threads, steps]
