"""RQ over a real Redis: what is enqueued, what travels with it, and what a worker of this process makes of it."""

from __future__ import annotations

import pickle
import sys
from datetime import timedelta
from pathlib import Path

import pytest
import redis
import rq

from autotrace import propagation
from autotrace.api import span
from autotrace.testing.contracts.handling import CONTEXT, Handling
from autotrace.testing.contracts.messaging_base import WAIT, creation, current_id, hexadecimal

sys.path.insert(0, str(Path(__file__).parent))
import rq_jobs

# The library's own use of what newer Pythons warn of.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture
def queue(instrument, redis_server, queue_name):
    """A queue of this test's own; redis and sqlite3 are traced too."""
    instrument("rq", "redis", "sqlite3")
    connection = redis.Redis(redis_server.host, redis_server.port, db=5)
    yield rq.Queue(queue_name, connection=connection)
    connection.flushdb()
    connection.close()


def work(queue):
    """Run what waits in a queue, in this process; a worker's signal handlers need the main thread."""
    worker = rq.SimpleWorker([queue], connection=queue.connection)
    worker.work(burst=True, logging_level="ERROR")


def sent(queue, name, number, task_id, trace=None, parent="", **more):
    """Return the expected span of a job that was enqueued."""
    return {
        "name": f"send {name}",
        "kind": "PRODUCER",
        "scope": "rq",
        "trace_id": f"{number if trace is None else trace:032x}",
        "span_id": hexadecimal(number),
        "parent_id": parent and hexadecimal(parent),
        "attributes": {
            "messaging.system": "rq",
            "messaging.operation.name": "send",
            "messaging.operation.type": "send",
            "messaging.destination.name": queue.name,
            "messaging.message.id": task_id,
            "autotrace.task.name": name,
        },
        "status": "UNSET",
        **more,
    }


def ran(queue, name, number, task_id, trace, parent, state="SUCCESS", **more):
    """Return the expected span of a job that a worker ran."""
    expected = sent(queue, name, number, task_id, trace, parent)
    attributes = {
        "messaging.operation.name": "process",
        "messaging.operation.type": "process",
        **more.pop("attributes", {}),
    }
    expected["attributes"].update(attributes)
    if state:
        expected["attributes"]["autotrace.task.state"] = state
    return {**expected, "name": f"process {name}", "kind": "CONSUMER", **creation(trace, parent), **more}


def spans(recorder, count):
    """Return the finished spans by their numbers, without the wait, which must be there where a job ran."""
    found = recorder.wait(count)
    for one in found:
        wait = one["attributes"].pop(WAIT, None)
        assert (type(wait) is int and wait >= 0) if one["kind"] == "CONSUMER" else wait is None
    return {int(one["span_id"], 16): one for one in found}


class TestRq(Handling):
    """The contract, by a job; the program's headers are what it keeps in ``meta``."""

    name = "rq"
    breaks = ("autotrace.families.tasks.tasks:_text", "autotrace.families.tasks.tasks:found_in")
    raises = False

    test_a_context_of_the_programs_own_stays_and_is_linked = None  # a job has no place where it could put one

    @pytest.fixture(autouse=True)
    def _program(self, instrument, redis_server, queue_name):
        instrument("rq")
        connection = redis.Redis(redis_server.host, redis_server.port, db=5)
        self.queue = rq.Queue(queue_name, connection=connection)
        yield
        connection.flushdb()
        connection.close()

    def send(self, headers=None):
        self.job = self.queue.enqueue(rq_jobs.handle, meta=headers)

    def send_from_elsewhere(self, context):
        propagation.configure(("none",))
        self.send()
        propagation.configure(("tracecontext", "baggage"))
        self.queue.connection.hset(self.job.key, mapping=context)

    def handle(self, function):
        def handler():
            job = rq.get_current_job()
            stored = dict(zip(CONTEXT, job.connection.hmget(job.key, CONTEXT)))
            function({**job.meta, **{key: value.decode() for key, value in stored.items() if value}})

        rq_jobs.handler = handler
        worker = rq.SimpleWorker([self.queue], connection=self.queue.connection)
        worker.work(burst=True, logging_level="CRITICAL", max_jobs=1)

    def title(self):
        return "rq_jobs.handle"

    def attributes(self, operation):
        made = sent if operation == "send" else ran
        return made(self.queue, "rq_jobs.handle", 1, self.job.id, 1, 1)["attributes"]

    def refused(self):
        with pytest.raises((AttributeError, pickle.PicklingError)) as caught:
            self.queue.enqueue(rq_jobs.bake, lambda: 0)
        return caught.value


def test_a_job_is_one_trace_from_its_cause_to_what_it_does(queue, recorder):
    """Enqueuing is beneath what caused it, running beneath that; what the library says to Redis has no spans at all."""
    with span("order"):
        job = queue.enqueue(rq_jobs.bake, 1, meta={"shop": 7})
        assert current_id() == hexadecimal(1)
    assert queue.connection.hget(job.key, "traceparent") == f"00-{1:032x}-{2:016x}-03".encode()
    recorder.clear()  # that command was the program's own, and has a span
    work(queue)
    assert current_id() is None
    found = spans(recorder, 2)
    assert found[4] == ran(queue, "rq_jobs.bake", 4, job.id, 1, 2)
    assert (found[5]["name"], found[5]["parent_id"], found[5]["trace_id"]) == ("SELECT", hexadecimal(4), f"{1:032x}")
    job.refresh()
    assert (job.return_value() if callable(getattr(job, "return_value", None)) else job.result, job.meta) == (
        2,
        {"shop": 7},
    )


def test_enqueuing_is_one_span(queue, recorder):
    """Whatever it takes, and by whichever method."""
    with span("order"):
        one = queue.enqueue(rq_jobs.bake, 1)
        later = queue.enqueue_in(timedelta(hours=1), rq_jobs.bake, 2)
        queue.enqueue_many([rq.Queue.prepare_data(rq_jobs.bake, (number,)) for number in range(3)])
    found = spans(recorder, 4)
    assert found[2] == sent(queue, "rq_jobs.bake", 2, one.id, 1, 1)
    scheduled = found[3]["attributes"].pop("autotrace.task.eta")
    assert scheduled.startswith("20")
    assert found[3] == sent(queue, "rq_jobs.bake", 3, later.id, 1, 1)
    assert found[4]["name"] == f"send {queue.name}"
    assert found[4]["attributes"]["messaging.batch.message_count"] == 3


def test_many_jobs_are_beneath_their_one_sending(queue, recorder):
    """Each has the context."""
    queue.enqueue_many([rq.Queue.prepare_data(rq_jobs.bake, (number,)) for number in range(3)])
    work(queue)
    found = spans(recorder, 1 + 3 * 2)
    assert [one["parent_id"] for one in found.values() if one["kind"] == "CONSUMER"] == [hexadecimal(1)] * 3


def test_a_job_that_fails_tells_its_exception(queue, recorder):
    """The worker deals with the exception; the span has it."""
    job = queue.enqueue(rq_jobs.burn)
    work(queue)
    found = spans(recorder, 2)
    kind = "rq_jobs.BakeError"
    failed = {"exception": f"{kind}: burnt", "status": "ERROR", "message": "burnt"}
    assert found[2] == ran(queue, "rq_jobs.burn", 2, job.id, 1, 1, "", attributes={"error.type": kind}, **failed)
    assert job.get_status() == "failed"


def test_a_job_that_is_tried_again_is_beneath_its_first_sending(queue, recorder):
    """The worker puts it back itself, and the context stays."""
    queue.enqueue(rq_jobs.burn, retry=rq.Retry(max=1))
    work(queue)
    found = spans(recorder, 3)
    assert [(one["kind"], one["parent_id"], one["status"]) for one in found.values()] == [
        ("PRODUCER", "", "UNSET"),
        ("CONSUMER", hexadecimal(1), "ERROR"),
        ("CONSUMER", hexadecimal(1), "ERROR"),
    ]


def test_a_job_that_depends_on_another_is_beneath_its_own_sending(queue, recorder):
    """Although the worker is who puts it into the queue."""
    first = queue.enqueue(rq_jobs.bake, 1)
    queue.enqueue(rq_jobs.bake, 2, depends_on=first)
    work(queue)
    found = spans(recorder, 2 + 2 * 2)
    parents = [one["parent_id"] for one in found.values() if one["kind"] == "CONSUMER"]
    assert sorted(parents) == [hexadecimal(1), hexadecimal(2)]


def test_a_queue_that_is_not_asynchronous_runs_the_job_beneath_its_sending(queue, recorder):
    """Where it is enqueued."""
    now = rq.Queue(queue.name, connection=queue.connection, is_async=False)
    with span("order"):
        now.enqueue(rq_jobs.bake, 1)
    found = recorder.wait(4)
    assert {one["name"]: one["parent_id"] for one in found} == {
        "order": "",
        "send rq_jobs.bake": hexadecimal(1),
        "process rq_jobs.bake": hexadecimal(2),
        "SELECT": hexadecimal(3),
    }
