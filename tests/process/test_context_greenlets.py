"""gevent and eventlet, patched early and late: each span's parent."""

from __future__ import annotations

import sys

import pytest

COMMON = """
now = ""

def span(name):
    return autotrace.span(f"{now} {name}")

def work(name):
    with span(name):
        return name

def slow_work(name):
    with span(name):
        sleep(0)
        return name

def threads():
    thread = threading.Thread(target=slow_work, args=("inside",))
    thread.start()
    thread.join()

def timer():
    timer = threading.Timer(0.001, work, ("inside",))
    timer.start()
    timer.join()

def executor():
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        assert pool.submit(work, "inside").result(30) == "inside"

def requests(way):
    def request(number):
        with span(f"request {number}"):
            sleep(0)
            way()
            sleep(0)
    return [lambda number=number: request(number) for number in range(3)]

def check(way, together):
    global now
    now = way.__name__
    way()
    with span("asking"):
        way()
        work("here")
    way()
    together(requests(way))
"""
GEVENT = f"""
HEAD
import gevent, gevent.pool, gevent.threadpool
from gevent import sleep
{COMMON}
def spawn():
    gevent.spawn(slow_work, "inside").join()

def spawn_later():
    gevent.spawn_later(0.001, slow_work, "inside").join()

def spawn_raw():
    done = gevent.event.Event()
    gevent.spawn_raw(lambda: (slow_work("inside"), done.set()))
    done.wait()

def group():
    assert list(gevent.pool.Pool(2).map(slow_work, ["inside"])) == ["inside"]

def native():
    pool = gevent.threadpool.ThreadPool(1)
    assert pool.spawn(work, "inside").get() == "inside"
    pool.kill()

def native_apply():
    assert gevent.get_hub().threadpool.apply(work, ("inside",)) == "inside"

def subclass():
    class Mine(gevent.Greenlet):
        def _run(self):
            slow_work("inside")
    mine = Mine()
    mine.start()
    mine.join()

def together(functions):
    gevent.joinall([gevent.spawn(function) for function in functions], raise_error=True)

for way in WAYS:
    check(way, together)
"""
EVENTLET = f"""
HEAD
import eventlet, eventlet.tpool
from eventlet import sleep
{COMMON}
def spawn():
    eventlet.spawn(slow_work, "inside").wait()

def spawn_n():
    done = eventlet.event.Event()
    eventlet.spawn_n(lambda: (slow_work("inside"), done.send()))
    done.wait()

def spawn_after():
    eventlet.spawn_after(0.001, slow_work, "inside").wait()

def pool():
    assert eventlet.GreenPool(2).spawn(slow_work, "inside").wait() == "inside"

def pool_n():
    pool = eventlet.GreenPool(2)
    pool.spawn_n(slow_work, "inside")
    pool.waitall()

def pool_map():
    assert list(eventlet.GreenPool(2).imap(slow_work, ["inside"])) == ["inside"]

def native():
    assert eventlet.tpool.execute(work, "inside") == "inside"

def together(functions):
    for thread in [eventlet.spawn(function) for function in functions]:
        thread.wait()

for way in WAYS:
    check(way, together)
"""
EARLY = "{patch}\nimport concurrent.futures, threading\nimport autotrace\n"
LATE = "import concurrent.futures, concurrent.futures.thread, threading\nimport autotrace\n{patch}\n"
PATCHES = {
    "gevent": "import gevent.monkey\ngevent.monkey.patch_all()",
    "eventlet": "import eventlet\neventlet.monkey_patch()",
}
NO_DNS = {"EVENTLET_NO_GREENDNS": "yes"}  # its resolver imports trio where that is installed, and cannot
THREADS = ("threads", "timer", "executor")
WAYS = {
    "gevent": ("spawn", "spawn_later", "spawn_raw", "group", "native", "native_apply", "subclass"),
    "eventlet": ("spawn", "spawn_n", "spawn_after", "pool", "pool_n", "pool_map", "native"),
}
# So do the bare programs: eventlet leaves the executor's queue, and Python 3.9 a lock of its module, as they were made.
HANGS = [("eventlet", "late", "executor"), *([("gevent", "late", "executor")] if sys.version_info < (3, 10) else [])]


def ways_of(library, moment):
    """Return the names of the ways that are tried in one program."""
    threads = THREADS if moment != "unpatched" else ()
    return [way for way in (*WAYS[library], *threads) if (library, moment, way) not in HANGS]


def expected(way):
    """Return each span that a way makes, with its parent."""
    made = [
        ("inside", ""),
        ("inside", "asking"),
        ("here", "asking"),
        ("asking", ""),
        ("inside", ""),
        *((f"request {number}", "") for number in range(3)),
        *(("inside", f"request {number}") for number in range(3)),
    ]
    return [(f"{way} {name}", f"{way} {parent}" if parent else "") for name, parent in made]


@pytest.mark.parametrize("moment", ["unpatched", "early", "late"])
@pytest.mark.parametrize("library", WAYS)
@pytest.mark.filterwarnings("ignore")
def test_the_parent_is_whoever_asked(machine, library, moment):
    """Through greenlets, native threads, and the standard library's threads when they have been made greenlets."""
    ways = ways_of(library, moment)
    head = {"unpatched": LATE.format(patch=""), "early": EARLY, "late": LATE}[moment].format(patch=PATCHES[library])
    program = {"gevent": GEVENT, "eventlet": EVENTLET}[library].replace("HEAD", head)
    program = program.replace("WAYS", f"({', '.join(ways)},)")
    done = machine.python("-W", "ignore", machine.write("app.py", program), environ=NO_DNS, timeout=120)
    assert done.returncode == 0, done.stderr.decode()
    assert machine.parents() == sorted(made for way in ways for made in expected(way))
