"""Celery over real brokers: what is sent, what travels with it, and what running it in this process is, without a worker."""

from __future__ import annotations

import os

import celery
import gevent
import pytest
from celery.app import trace
from celery.exceptions import Ignore
from kombu.exceptions import EncodeError

from autotrace.api import span
from autotrace.testing.contracts.handling import CONTEXT, Handling
from autotrace.testing.contracts.messaging_base import creation, current_id, hexadecimal

# The library's own use of what newer Pythons and its dependencies warn of.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


# The broker is shared with whoever runs the same tests beside us.
QUEUE, OVEN = f"celery-{os.getpid()}", f"oven-{os.getpid()}"


class BakeError(Exception):
    """What goes wrong in a task."""


@pytest.fixture(
    params=[
        pytest.param("redis", marks=pytest.mark.needs("redis_server")),
        pytest.param("rabbitmq", marks=pytest.mark.needs("rabbitmq")),
    ]
)
def app(request, instrument):
    """An application whose queues are empty."""
    server = request.getfixturevalue("redis_server" if request.param == "redis" else "rabbitmq")
    url = f"redis://{server.host}:{server.port}/6" if request.param == "redis" else server.url
    instrument("celery", "celery_worker")
    made = celery.Celery("pizza", broker=url, backend="cache+memory://", set_as_current=False)
    made.conf.broker_connection_retry_on_startup = False
    made.conf.task_default_queue = QUEUE
    empty(made)
    yield made
    empty(made)
    made.close()


def empty(app):
    """Throw away what waits in the queues."""
    with app.connection_for_write() as connection:
        for name in (QUEUE, OVEN):
            queue = app.amqp.queues[name](connection.default_channel)
            queue.declare()
            queue.purge()


def task(app, **options):
    """Make a task of a function."""

    def decorate(function):
        made = app.task(name=f"shop.{function.__name__}", bind=True, shared=False, **options)(function)
        app.finalize()
        return made

    return decorate


def take(app, queue=QUEUE):
    """Return the next message of a queue, or None."""
    with app.connection_for_read() as connection:
        message = connection.default_channel.basic_get(queue, no_ack=True)
        return message if message is None else connection.default_channel.message_to_python(message)


def run(app, message):
    """Run a message's task, as a worker does."""
    made = app.tasks[message.headers["task"]]
    tracer = trace.build_tracer(made.name, made, app.loader, "host", app=app)
    args, kwargs, embedded = message.decode()
    request = {**message.headers, "delivery_info": dict(message.delivery_info), "is_eager": False, **(embedded or {})}
    return tracer(message.headers["id"], args, kwargs, {**request, "args": args, "kwargs": kwargs})


def sent(name, number, task_id, trace_=None, parent="", queue=QUEUE, **more):
    """Return the expected span of a task that was sent."""
    attributes = {
        "messaging.system": "celery",
        "messaging.operation.name": "send",
        "messaging.operation.type": "send",
        "messaging.destination.name": queue,
        "messaging.message.id": task_id,
        "autotrace.task.name": name,
    }
    return {
        "name": f"send {name}",
        "kind": "PRODUCER",
        "scope": "celery",
        "trace_id": f"{number if trace_ is None else trace_:032x}",
        "span_id": hexadecimal(number),
        "parent_id": parent and hexadecimal(parent),
        "attributes": attributes,
        "status": "UNSET",
        **more,
    }


def ran(name, number, task_id, trace_, parent, state="SUCCESS", **more):
    """Return the expected span of a task that a worker ran."""
    expected = sent(name, number, task_id, trace_, parent)
    operation = {"messaging.operation.name": "process", "messaging.operation.type": "process"}
    expected["attributes"].update({**operation, "autotrace.task.state": state, **more.pop("attributes", {})})
    found = {**expected, "name": f"process {name}", "kind": "CONSUMER", "scope": "celery_worker"}
    return {**found, **creation(trace_, parent), **more}


class TestCelery(Handling):
    """The contract, by a task."""

    name, handling_name = "celery", "celery_worker"
    breaks = ("autotrace.families.tasks.tasks:_text",)
    raises = False

    @pytest.fixture(autouse=True)
    def _program(self, app):
        self.app = app

        @task(app)
        def bake(_self):
            self.function()

        self.task = bake

    def send(self, headers=None):
        self.result = self.task.apply_async(headers=headers)

    def handle(self, function):
        message = take(self.app)
        headers = {key: value for key, value in message.headers.items() if key in self.own or key in CONTEXT}
        self.function = lambda: function(headers)
        run(self.app, message)

    def title(self):
        return "shop.bake"

    def attributes(self, operation):
        made = sent if operation == "send" else ran
        return made("shop.bake", 1, self.result.id, 1, 1)["attributes"]

    def refused(self):
        with pytest.raises(EncodeError) as caught:
            self.app.send_task("shop.bake", (object(),))
        return caught.value


def test_where_and_when_a_task_is_to_run_is_told(app, recorder):
    """The queue, and how long it has to wait."""

    @task(app)
    def bake(_self):
        pass

    bake.apply_async(queue=OVEN, countdown=5)
    (send,) = recorder.wait(1)
    assert send["attributes"]["messaging.destination.name"] == OVEN
    assert send["attributes"]["autotrace.task.eta"] == "5"


def test_a_task_that_fails_tells_its_exception(app, recorder):
    """The library keeps the exception to itself; the span has it."""

    @task(app)
    def bake(_self):
        raise BakeError("burnt")

    result = bake.delay()
    run(app, take(app))
    _, process = recorder.wait(2)
    kind = process["attributes"]["error.type"]
    assert kind.endswith("test_celery.BakeError")
    failed = {"attributes": {"error.type": kind}, "status": "ERROR", "message": "burnt"}
    assert process == ran("shop.bake", 2, result.id, 1, 1, "FAILURE", exception=f"{kind}: burnt", **failed)


def test_each_try_is_beneath_the_one_before(app, recorder):
    """A retry has not failed; it sends the task again, although the library passes the first try's headers on."""

    @task(app, max_retries=3)
    def bake(self):
        if self.request.retries == 0:
            raise self.retry(exc=BakeError("cold"), countdown=0)
        return "done"

    result = bake.delay()
    run(app, take(app))
    run(app, take(app))
    found = {one["span_id"]: one for one in recorder.wait(4)}
    assert found[hexadecimal(2)] == ran(
        "shop.bake", 2, result.id, 1, 1, "RETRY", attributes={"autotrace.task.retry_reason": "BakeError"}
    )
    assert found[hexadecimal(3)]["name"] == "send shop.bake"
    assert (found[hexadecimal(3)]["parent_id"], found[hexadecimal(3)].get("links")) == (hexadecimal(2), None)
    assert found[hexadecimal(4)] == ran("shop.bake", 4, result.id, 1, 3, attributes={"autotrace.task.retries": 1})


def test_a_task_that_is_ignored_has_not_failed(app, recorder):
    """The state says what became of it."""

    @task(app)
    def bake(_self):
        raise Ignore

    result = bake.delay()
    run(app, take(app))
    assert recorder.wait(2)[1] == ran("shop.bake", 2, result.id, 1, 1, "IGNORED")


def test_a_chain_is_one_trace_link_by_link(app, recorder):
    """Each next task is sent by the one before it."""

    @task(app)
    def bake(_self, number):
        return number + 1

    with span("order"):
        celery.chain(bake.s(1), bake.s(), bake.s()).apply_async()
    results = [run(app, take(app))[0] for _ in range(3)]
    assert results == [2, 3, 4]
    found = recorder.wait(7)
    assert {one["trace_id"] for one in found} == {f"{1:032x}"}
    parents = {one["span_id"]: one["parent_id"] for one in found}
    assert parents == {hexadecimal(n + 1): hexadecimal(n) if n else "" for n in range(7)}
    roots = {one["attributes"].get("messaging.message.conversation_id") for one in found if one["kind"] == "CONSUMER"}
    assert len(roots) == 2  # the first is the root itself


def test_a_group_is_sent_beneath_one_cause(app, recorder):
    """Each of its tasks is a message of its own, with the group's id."""

    @task(app)
    def bake(_self, number):
        return number

    with span("order"):
        group = celery.group(bake.s(number) for number in range(3)).apply_async()
    for _ in range(3):
        run(app, take(app))
    found = recorder.wait(7)
    sends = [one for one in found if one["kind"] == "PRODUCER"]
    assert {one["parent_id"] for one in sends} == {hexadecimal(1)}
    assert {one["attributes"]["autotrace.task.group"] for one in sends} == {group.id}
    runs = [one for one in found if one["kind"] == "CONSUMER"]
    assert {one["parent_id"] for one in runs} == {one["span_id"] for one in sends}


def test_a_task_that_is_run_where_it_is_called_is_no_message(app, recorder):
    """Eager mode and ``apply``: one span beneath the caller, and its exception is the caller's to see."""
    app.conf.task_always_eager = True
    app.conf.task_eager_propagates = True

    @task(app)
    def bake(_self, number):
        if number:
            raise BakeError("burnt")

    with span("order"):
        bake.delay(0)
        with pytest.raises(BakeError):
            bake.delay(1)
        assert current_id() == hexadecimal(1)
    good, bad, _ = recorder.wait(3)
    assert (good["name"], good["kind"], good["parent_id"]) == ("run shop.bake", "INTERNAL", hexadecimal(1))
    assert good["attributes"]["autotrace.task.eager"] is True
    assert good["attributes"]["autotrace.task.state"] == "SUCCESS"
    assert (bad["status"], bad["message"]) == ("ERROR", "burnt")


@pytest.mark.parametrize(("kind", "state"), [("Timeout", "FAILURE"), ("GreenletExit", "REVOKED")])
def test_what_a_pool_of_greenlets_throws_into_a_task_has_ended_it(app, recorder, kind, state):
    """A hard time limit, and a task that is revoked while it runs, are no exceptions of the task's; they pass as ever."""
    error = getattr(gevent, kind)()

    @task(app)
    def bake(self):
        raise error

    bake.delay()
    with pytest.raises(type(error)):
        run(app, take(app))
    _, ended = recorder.wait(2)
    assert (ended["status"], ended["attributes"]["autotrace.task.state"]) == ("ERROR", state)
    assert ended["attributes"]["error.type"].endswith(kind)


def test_what_else_passes_through_a_task_tells_nothing(app, recorder):
    """An interrupt of the worker's, for instance."""

    @task(app)
    def bake(self):
        raise KeyboardInterrupt

    bake.delay()
    with pytest.raises(KeyboardInterrupt):
        run(app, take(app))
    _, ended = recorder.wait(2)
    assert (ended["status"], "autotrace.task.state" in ended["attributes"]) == ("UNSET", False)
