"""Celery's workers as processes of their own, under every pool, with Redis and RabbitMQ: one trace from the request on."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys

import pytest

from machine import RUN
from waiting import until

LIMIT_S = 120.0

APP = """
import os, sqlite3, sys
import celery

app = celery.Celery("shop", broker=os.environ["BROKER"], backend=os.environ["RESULTS"])
app.conf.update(
    task_default_queue=os.environ["QUEUE"],
    task_acks_late=True,
    worker_prefetch_multiplier=1,
    broker_connection_retry_on_startup=True,
    worker_hijack_root_logger=False,
    beat_schedule={"tick": {"task": "tick", "schedule": 2.0}},
    beat_schedule_filename=os.path.join(os.getcwd(), "schedule"),
)
FIRST = os.path.join(os.getcwd(), "first")

@app.task(name="bake", bind=True)
def bake(self, number):
    if number == 10 and self.request.retries == 0:
        raise self.retry(countdown=0)
    database = sqlite3.connect(":memory:")
    database.execute("SELECT 1")
    database.close()
    return number + 1

@app.task(name="total")
def total(numbers):
    return sum(numbers)

@app.task(name="tick")
def tick():
    pass
"""

# billiard waits 0.1 s for a process before it kills it, which on a machine that has other work is less than its end takes.
ENDLESS = """
import time
from billiard.popen_fork import Popen
from app import app

wait = Popen.wait
Popen.wait = lambda self, timeout=None: wait(self, timeout and 100 * timeout)

@app.task(name="slow", time_limit=1)
def slow():
    time.sleep(600)

@app.task(name="endless", bind=True)
def endless(self):
    open(self.request.id, "w").close()
    time.sleep(600)
"""

REVOKE = """
import os, sys, time
import celery.result
from endless import app, endless, slow

late, gone = slow.delay(), endless.delay()
while not os.path.exists(gone.id):
    time.sleep(0.01)
gone.revoke(terminate=True)
for one in (late, gone):
    try:
        one.get(timeout=90)
    except Exception as error:
        print(type(error).__name__, one.state)
"""

CLIENT = """
import sys
import celery, flask
from app import app, bake, total

web = flask.Flask("web")

@web.route("/order")
def order():
    if "short" in sys.argv:
        return {"got": [bake.delay(1).get(timeout=90)]}
    got = [
        bake.delay(1).get(timeout=90),
        bake.delay(10).get(timeout=90),
        celery.chain(bake.s(1), bake.s()).apply_async(countdown=0.3).get(timeout=90),
        celery.chord([bake.s(1), bake.s(2)], total.s()).apply_async().get(timeout=90),
    ]
    return {"got": got}

print(web.test_client().get("/order").json["got"])
"""


@contextlib.contextmanager
def celery(machine, *arguments, environ):
    """A process of Celery's under autotrace-run, which is asked to end when the block does; gives its log."""
    log = machine.directory / f"{arguments[0]}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [RUN, sys.executable, "-m", "celery", "-A", "app", *arguments],
            cwd=machine.directory,
            env={**machine.environ, **environ},
            stdout=output,
            stderr=output,
        )
    try:
        yield log
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0, log.read_text()
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def worker(machine, *options, environ):
    """A worker; see ``celery``."""
    return celery(machine, "worker", "--without-gossip", "--without-mingle", *options, environ=environ)


@pytest.fixture
def places(request, redis_server, queue_name, machine):
    """Where broker and results are; files of the application."""
    machine.write("app.py", APP)
    machine.write("client.py", CLIENT)
    broker = f"{redis_server.url}/1"
    if request.param == "rabbitmq":
        broker = request.getfixturevalue("rabbitmq").url
    return {"BROKER": broker, "RESULTS": f"{redis_server.url}/2", "QUEUE": queue_name}


ONE = [("process bake", "send bake"), ("SELECT", "process bake")]
REQUEST = [("GET /order", ""), ("send bake", "GET /order"), *ONE]
# Name, and name of the parent, of every span that the whole request makes.
WHOLE = [
    *REQUEST,
    *[("send bake", "GET /order"), ("process bake", "send bake"), ("send bake", "process bake"), *ONE],  # tried again
    *[("send bake", "GET /order"), *ONE, ("send bake", "process bake"), *ONE],  # a chain
    *[("send bake", "GET /order"), *ONE] * 2,  # a chord, whose body is sent by the last of its tasks
    *[("send total", "process bake"), ("process total", "send total")],
]


def ask(machine, environ, *arguments):
    """Run the client, whose request waits for all of its tasks; returns what they made of it."""
    done = machine.python("client.py", *arguments, environ=environ, timeout=LIMIT_S)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("places", ["redis"], indirect=True)
def test_a_request_and_all_its_tasks_are_one_trace(machine, places):
    """Tasks, tries, chains and chords, each beneath what sent it; nothing is lost where each has a process of its own."""
    with worker(machine, "--pool=prefork", "--concurrency=2", "--max-tasks-per-child=1", environ=places):
        assert ask(machine, places) == b"[2, 11, 3, 5]\n"
    assert machine.parents() == sorted(WHOLE)
    assert len({span.trace_id for span in machine.spans()}) == 1


@pytest.mark.needs("rabbitmq")
@pytest.mark.parametrize("places", ["rabbitmq"], indirect=True)
def test_threads_over_rabbitmq_and_what_the_clock_sends(machine, places):
    """The same by another pool and another broker; what the scheduler sends begins a trace of its own."""
    with celery(machine, "beat", "--loglevel=debug", environ=places) as log:
        # It has sent, and sleeps again: the end of a process by SystemExit is lost where that comes up in a destructor.
        until(lambda: "Waking up" in log.read_text().partition("tick sent. id->")[2], log.read_text, LIMIT_S)
    with worker(machine, "--pool=threads", "--concurrency=2", environ=places):
        assert ask(machine, places) == b"[2, 11, 3, 5]\n"
    parents = machine.parents()
    sent, handled = parents.count(("send tick", "")), parents.count(("process tick", "send tick"))
    assert 1 <= handled <= sent <= handled + 1  # the scheduler may have been ended while it sent the last
    assert [one for one in parents if "tick" not in one[0]] == sorted(WHOLE)
    assert len(parents) == len(WHOLE) + sent + handled
    assert len({span.trace_id for span in machine.spans()}) == 1 + sent


@pytest.mark.parametrize("places", ["redis"], indirect=True)
def test_greenlets(machine, places):
    """A pool of gevent's."""
    with worker(machine, "--pool=gevent", "--concurrency=2", environ=places):
        assert ask(machine, places, "short") == b"[2]\n"
    assert machine.parents() == sorted(REQUEST)


@pytest.mark.parametrize("places", ["redis"], indirect=True)
def test_tasks_that_are_ended_from_outside_have_failed(machine, places):
    """By a hard time limit, or revoked while they run: the span tells what the result tells, though its process was killed."""
    machine.write("endless.py", ENDLESS)
    machine.write("revoke.py", REVOKE)
    with worker(machine, "--include=endless", "--pool=prefork", "--concurrency=2", environ=places):
        done = machine.python("revoke.py", environ=places, timeout=LIMIT_S)
        assert done.stdout == b"TimeLimitExceeded FAILURE\nTaskRevokedError REVOKED\n", done.stderr
    told = {}
    for span in (span for trace in machine.traces() for span in trace["spans"]):
        attributes = span["attributes"]
        found = span["status"]["code"], attributes.get("error.type"), attributes.get("autotrace.task.state")
        told[span["name"]] = found
    assert told["process slow"] == ("ERROR", "billiard.exceptions.TimeLimitExceeded", "FAILURE")
    assert told["process endless"] == ("ERROR", "celery.exceptions.TaskRevokedError", "REVOKED")
