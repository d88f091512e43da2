"""multiprocessing and pools of processes: what runs in another process has its parent where it was asked for."""

from __future__ import annotations

import sys

import pytest

METHODS = ("fork", "spawn", "forkserver")
PROGRAM = """
import concurrent.futures, multiprocessing, os, sys, threading, time
import autotrace

def work(name):
    with autotrace.span(name):
        return name

def deep(context, depth):
    with autotrace.span(f"depth {depth}"):
        if depth:
            run(context, deep, context, depth - 1)

def in_a_thread(name):
    thread = threading.Thread(target=work, args=(name,))
    thread.start()
    thread.join()

def run(context, function, *args):
    process = context.Process(target=function, args=args)
    process.start()
    process.join()
    assert process.exitcode == 0, process.exitcode

def main(context):
    BODY

if __name__ == "__main__":
    main(multiprocessing.get_context("METHOD"))
"""


@pytest.fixture(params=METHODS)
def parents(request, machine):
    """A function that runs the body of a main function with each start method, and returns every span's parent."""

    def run(body, **more):
        code = PROGRAM.replace("METHOD", request.param).replace("BODY", body.strip().replace("\n", "\n    "))
        done = machine.python(machine.write("app.py", code), **more)
        assert (done.returncode, done.stderr) == (0, b"")
        return machine.parents()

    return run


def test_a_process_is_beneath_the_span_that_starts_it(parents):
    """Its spans are, also those of its threads; a process that is started without a span begins traces of its own."""
    body = """
run(context, work, "alone")
with autotrace.span("asking"):
    run(context, work, "beneath")
    run(context, in_a_thread, "in its thread")
run(context, work, "alone again")
"""
    assert parents(body) == [
        ("alone", ""),
        ("alone again", ""),
        ("asking", ""),
        ("beneath", "asking"),
        ("in its thread", "asking"),
    ]


def test_processes_beneath_processes(parents):
    """Each is beneath the one that started it."""
    assert parents("deep(context, 3)") == [
        ("depth 0", "depth 1"),
        ("depth 1", "depth 2"),
        ("depth 2", "depth 3"),
        ("depth 3", ""),
    ]


def test_work_for_an_executors_processes(parents):
    """``submit`` and ``map`` hand their parent over; the processes, started beneath the first, inherit nothing."""
    body = """
with concurrent.futures.ProcessPoolExecutor(1, mp_context=context) as pool:
    with autotrace.span("one"):
        assert pool.submit(work, "of one").result(60) == "of one"
    pool.submit(work, "of nobody").result(60)
    with autotrace.span("two"):
        assert list(pool.map(work, ["of two", "also of two"], chunksize=2)) == ["of two", "also of two"]
"""
    assert parents(body) == [
        ("also of two", "two"),
        ("of nobody", ""),
        ("of one", "one"),
        ("of two", "two"),
        ("one", ""),
        ("two", ""),
    ]


def test_work_for_a_pools_processes(parents):
    """Every way to hand work to a pool hands the parent over; the processes inherit nothing."""
    body = """
with autotrace.span("making the pool"):
    pool = context.Pool(1)
pool.apply(work, ("of nobody",))
with autotrace.span("asking"):
    pool.apply(work, ("apply",))
    pool.apply_async(work, ("apply_async",)).get(60)
    pool.apply_async(func=work, args=("by name",)).get(60)
    assert pool.map(work, ["map"]) == ["map"]
    assert pool.map_async(work, ["map_async"]).get(60) == ["map_async"]
    pool.starmap(work, [("starmap",)])
    pool.starmap_async(work, [("starmap_async",)]).get(60)
    assert list(pool.imap(work, ["imap"])) == ["imap"]
    assert list(pool.imap_unordered(work, ["imap_unordered", "in chunks"], 2)) == ["imap_unordered", "in chunks"]
pool.close()
pool.join()
"""
    assert parents(body) == [
        ("apply", "asking"),
        ("apply_async", "asking"),
        ("asking", ""),
        ("by name", "asking"),
        ("imap", "asking"),
        ("imap_unordered", "asking"),
        ("in chunks", "asking"),
        ("making the pool", ""),
        ("map", "asking"),
        ("map_async", "asking"),
        ("of nobody", ""),
        ("starmap", "asking"),
        ("starmap_async", "asking"),
    ]


def test_an_unsampled_trace_stays_unsampled(parents):
    """Whatever way it goes to another process."""
    body = """
with autotrace.span("asking"):
    run(context, work, "process")
    with concurrent.futures.ProcessPoolExecutor(1, mp_context=context) as pool:
        pool.submit(work, "executor").result(60)
    with context.Pool(1) as pool:
        pool.apply(work, ("pool",))
"""
    flag = "00-" + "a" * 32 + "-" + "b" * 16 + "-00"
    assert parents(body, environ={"TRACEPARENT": flag}) == []


def test_what_cannot_be_pickled_fails_as_without_us(machine):
    """The same exception with the same text, for every kind of pool."""
    code = """
import concurrent.futures, multiprocessing
from autotrace import span
def ask(name, function):
    try:
        function()
    except Exception as error:
        print(name, type(error).__name__, str(error).replace(hex(id(local)), "0x"))
local = lambda: None
if __name__ == "__main__":
    with span("asking"):
        with concurrent.futures.ProcessPoolExecutor(1) as pool:
            ask("executor", lambda: pool.submit(local).result(60))
        with multiprocessing.Pool(1) as pool:
            ask("apply", lambda: pool.apply(local))
            ask("map", lambda: pool.map(local, [1]))
"""
    script = machine.write("app.py", code)
    traced, bare = machine.python(script), machine.run(sys.executable, script)
    assert traced.stdout == bare.stdout != b""
    assert traced.stdout.count(b"PicklingError") == 3


def test_a_python_that_may_not_have_us_gets_the_bare_function(machine):
    """Where multiprocessing was told to start another executable, work travels without us."""
    code = """
import multiprocessing.spawn, pickle, sys
import autotrace
from autotrace.families.execution.processes import Sent
from autotrace.trace.context import get_current
with autotrace.span("asking"):
    ours = pickle.loads(pickle.dumps(Sent(len, get_current())))
    multiprocessing.set_executable("/usr/bin/other-python")
    theirs = pickle.dumps(Sent(len, get_current()))
assert type(ours) is Sent
assert b"autotrace" not in theirs
print(ours("four"), pickle.loads(theirs)("four"))
"""
    done = machine.python("-c", code)
    assert (done.stdout, done.stderr) == (b"4 4\n", b"")


def test_a_forked_child_is_beneath_the_span_that_forks(machine):
    """``os.fork`` copies what is current; a trace of the parent's own goes on beneath its own span."""
    code = """
import os, autotrace
with autotrace.span("asking"):
    child = os.fork()
    if not child:
        with autotrace.span("child"):
            pass
        os._exit(0)
    os.waitpid(child, 0)
    with autotrace.span("after"):
        pass
"""
    done = machine.python("-c", code)
    assert (done.returncode, done.stderr) == (0, b"")
    assert machine.parents() == [("after", "asking"), ("asking", ""), ("child", "asking")]


BUFFERED = """
import concurrent.futures
import autotrace

def work(name):
    with autotrace.span(name):
        return name

if __name__ == "__main__":
    for make in (concurrent.futures.ProcessPoolExecutor, concurrent.futures.InterpreterPoolExecutor):
        with make(1) as pool:
            with autotrace.span(f"asking {make.__name__}"):
                results = pool.map(work, [f"{number} {make.__name__}" for number in range(4)], buffersize=1)
            assert len(list(results)) == 4
"""


@pytest.mark.skipif(sys.version_info < (3, 14), reason="maps have a buffer since Python 3.14")
def test_a_map_that_hands_work_over_when_results_are_taken(machine):
    """The parent is where the map was asked for; of interpreters, where the result is taken."""
    done = machine.python(machine.write("app.py", BUFFERED))
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    processes, interpreters = ("ProcessPoolExecutor", "InterpreterPoolExecutor")
    assert machine.parents() == sorted(
        [
            (f"asking {processes}", ""),
            *((f"{number} {processes}", f"asking {processes}") for number in range(4)),
            (f"asking {interpreters}", ""),
            (f"0 {interpreters}", f"asking {interpreters}"),
            *((f"{number} {interpreters}", "") for number in range(1, 4)),
        ]
    )


INTERPRETERS = """
import concurrent.futures, functools, math, sqlite3
import autotrace

def work(name):
    with autotrace.span(name):
        return name

def ask(pool, function, *args):
    try:
        print(pool.submit(function, *args).result(60))
    except Exception as error:
        print(type(error).__name__, str(error).partition("(")[0])

if __name__ == "__main__":
    with concurrent.futures.InterpreterPoolExecutor(1) as pool:
        ask(pool, work, "alone")
        with autotrace.span("asking"):
            ask(pool, work, "submit")
            ask(pool, functools.partial(work, "partial"))
            print(*pool.map(work, ["map", "also map"]))
            ask(pool, lambda number: number * 2, 21)
            ask(pool, lambda number, more=1: number * 2, 21)
            ask(pool, math.sqrt, 16)
            ask(pool, int, "x")
        ask(pool, work, "alone again")
"""


@pytest.mark.skipif(sys.version_info < (3, 14), reason="pools of interpreters came with Python 3.14")
def test_work_for_a_pools_interpreters(machine):
    """It is beneath whoever handed it over, and all that can be handed over without us can be with us."""
    script = machine.write("app.py", INTERPRETERS)
    bare = machine.run(sys.executable, script)
    done = machine.python(script)
    assert (done.returncode, done.stdout, done.stderr) == (0, bare.stdout, b"")
    assert b"42" in bare.stdout
    assert b"NotShareableError" in bare.stdout
    assert machine.parents() == [
        ("alone", ""),
        ("alone again", ""),
        ("also map", "asking"),
        ("asking", ""),
        ("map", "asking"),
        ("partial", "asking"),
        ("submit", "asking"),
    ]


@pytest.mark.skipif(sys.version_info < (3, 14), reason="interpreters of one's own came with Python 3.14")
def test_another_interpreter_is_traced_to_its_end(machine):
    """What it does is delivered when it is closed, and what it leaves open when the process ends does no harm."""
    code = """
from concurrent import interpreters
for last in (False, True):
    interpreter = interpreters.create()
    interpreter.exec("import sqlite3; sqlite3.connect(':memory:').execute('SELECT 1')")
    if not last:
        interpreter.close()
"""
    done = machine.python("-W", "ignore", machine.write("app.py", code))
    assert (done.returncode, done.stderr) == (0, b"")
    assert ("SELECT", "") in machine.parents()


LOKY = """
import autotrace, joblib, loky

def work(name):
    with autotrace.span(name):
        return name

def parallel(*names, **more):
    return list(joblib.Parallel(n_jobs=2, **more)(joblib.delayed(work)(name) for name in names))

if __name__ == "__main__":
    with autotrace.span("making"):
        assert parallel("of making 1", "of making 2") == ["of making 1", "of making 2"]
    parallel("of nobody 1", "of nobody 2")
    with autotrace.span("asking"):  # those behind the first four are handed over where these are done
        parallel(*(f"put off {number}" for number in range(9)), batch_size=1, pre_dispatch=4)
    pool = loky.get_reusable_executor(max_workers=1)
    with autotrace.span("alone"):
        pool.submit(work, "submit").result(60)
        pool.submit(lambda: work("lambda")).result(60)
        assert list(pool.map(work, ["map"])) == ["map"]
    pool.submit(work, "of nobody 3").result(60)
    pool.shutdown()
"""


def test_work_for_lokys_processes(machine):
    """By joblib, or by loky itself: beneath whoever handed it over, in the program's own service; processes inherit nothing."""
    done = machine.python(machine.write("app.py", LOKY), timeout=120)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert machine.parents() == sorted(
        [
            ("making", ""),
            ("of making 1", "making"),
            ("of making 2", "making"),
            *((f"of nobody {number}", "") for number in (1, 2, 3)),
            ("asking", ""),
            *((f"put off {number}", "asking") for number in range(9)),
            ("alone", ""),
            *((name, "alone") for name in ("submit", "lambda", "map")),
        ]
    )
    assert {span["service"] for trace in machine.traces() for span in trace["spans"]} == {"app"}
