"""RQ's worker as a process of its own, which forks for each job: one trace from the request on."""

from __future__ import annotations

import pytest
import rq.worker

JOBS = """
import sqlite3

def bake(number):
    database = sqlite3.connect(":memory:")
    database.execute("SELECT 1")
    database.close()
    if number == 2:
        raise ValueError("burnt")
"""

CLIENT = """
import sys, flask, redis, rq, jobs

web = flask.Flask("web")
queue = rq.Queue(sys.argv[2], connection=redis.Redis.from_url(sys.argv[1]))

@web.route("/order")
def order():
    for number in range(3):
        queue.enqueue(jobs.bake, number)
    return "ok"

assert web.test_client().get("/order").text == "ok"
"""


@pytest.mark.parametrize("kind", ["Worker", "SpawnWorker"])
def test_a_request_and_all_its_jobs_are_one_trace(machine, redis_server, queue_name, kind):
    """Nothing is lost where each job has a process of its own, forked or started, and nothing else is there."""
    if not hasattr(rq.worker, kind):
        pytest.skip(f"this version of RQ has no {kind}")
    machine.write("jobs.py", JOBS)
    machine.write("client.py", CLIENT)
    url = f"{redis_server.url}/6"
    done = machine.python("client.py", url, queue_name)
    assert (done.returncode, done.stderr) == (0, b"")
    code = "import sys; from rq.cli import main; sys.argv[0] = 'rq'; sys.exit(main())"
    done = machine.python(
        "-c", code, "worker", "--burst", "--worker-class", f"rq.worker.{kind}", "--url", url, queue_name, timeout=120
    )
    assert done.returncode == 0, done.stderr
    job = [("send jobs.bake", "GET /order"), ("process jobs.bake", "send jobs.bake"), ("SELECT", "process jobs.bake")]
    assert machine.parents() == sorted([("GET /order", ""), *job * 3])
    assert len({span.trace_id for span in machine.spans()}) == 1
