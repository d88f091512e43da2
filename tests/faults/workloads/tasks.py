"""Queues of tasks: sent, run, failed, tried again, chained."""

from __future__ import annotations

import uuid
from contextlib import closing, contextmanager, suppress

from .common import outcome, silenced


class BakeError(Exception):
    """What goes wrong in a task."""


def bake(number):
    """Return a number."""
    return number + 1


def burn():
    """Fail."""
    raise BakeError("burnt")


def _application(**places):
    import celery

    app = celery.Celery("faults", set_as_current=False, **places)
    app.conf.update(
        broker_connection_retry_on_startup=False,
        worker_enable_remote_control=False,
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
    )

    @app.task(name="shop.bake", shared=False)
    def baked(number):
        return number + 1

    @app.task(name="shop.burn", shared=False)
    def burnt():
        raise BakeError("burnt")

    @app.task(name="shop.again", shared=False, bind=True, max_retries=2)
    def again(self):
        if self.request.retries == 0:
            raise self.retry(exc=BakeError("cold"), countdown=0)
        return "done"

    app.finalize()
    return app, baked, burnt, again


@contextmanager
def celery_():
    """The broker is this process's memory, and each message is run as a worker runs it; and eagerly."""
    import celery
    from celery.app import trace

    app, baked, burnt, again = _application(broker="memory://", backend="cache+memory://")

    def ran():
        with app.connection_for_read() as connection:
            channel = connection.default_channel
            message = channel.message_to_python(channel.basic_get("celery", no_ack=True))
        task = app.tasks[message.headers["task"]]
        args, kwargs, embedded = message.decode()
        request = {**message.headers, "delivery_info": dict(message.delivery_info), "is_eager": False, **embedded}
        runner = trace.build_tracer(task.name, task, app.loader, "host", app=app)
        return runner(message.headers["id"], args, kwargs, {**request, "args": args, "kwargs": kwargs})[0]

    def run():
        baked.apply_async((1,), headers={"own": "1"}, countdown=1)
        made = [ran()]
        failing, twice = burnt.delay(), again.delay()
        made += [repr(ran()), failing.state, repr(ran()), twice.state, ran(), twice.state]
        celery.chain(baked.s(1), baked.s()).apply_async()
        celery.group(baked.s(number) for number in range(2)).apply_async()
        made += [ran() for _ in range(4)]
        made.append(outcome(app.send_task, "shop.bake", (object(),))[0][:20])
        return [*made, baked.apply((1,)).get(), outcome(burnt.apply().get), again.apply().get()]

    with silenced("celery", "kombu"), app.connection_for_write() as connection:
        connection.default_channel.queue_declare("celery")
        yield run
        connection.default_channel.queue_purge("celery")
    app.close()


@contextmanager
def celery_over_redis(port):
    """A worker in a thread, with broker and results in Redis."""
    import celery
    from celery.contrib.testing.worker import start_worker

    place = f"redis://127.0.0.1:{port}/"
    app, baked, burnt, _again = _application(broker=f"{place}3", backend=f"{place}4")
    app.conf.task_default_queue = f"faults-{uuid.uuid4().hex[:8]}"

    def got(result):
        """Ask anew: Celery may look before it has subscribed, and then what is told in between is not heard again."""
        for _ in range(5):
            with suppress(celery.exceptions.TimeoutError):
                return result.get(timeout=6)
        return result.get(timeout=6)

    def run():
        results = [baked.delay(1), burnt.delay(), celery.chain(baked.s(1), baked.s()).apply_async()]
        return [outcome(got, result) for result in results]

    with silenced("celery", "kombu"), start_worker(app, pool="solo", perform_ping_check=False):
        yield run
    app.close()


@contextmanager
def rq_(port):
    """A worker in this process, which runs what waits and ends."""
    import redis
    import rq

    class Worker(rq.SimpleWorker):
        def subscribe(self):
            """Listen to no commands: to stop doing so takes longer than all the rest."""

        def unsubscribe(self):
            pass

    with silenced("rq.worker", "rq"), closing(redis.Redis(port=int(port), db=5)) as connection:
        queue = rq.Queue(f"faults-{uuid.uuid4().hex[:8]}", connection=connection)
        now = rq.Queue(queue.name, connection=connection, is_async=False)

        def run():
            jobs = [queue.enqueue(bake, 1, meta={"own": 1}), queue.enqueue(burn, retry=rq.Retry(max=1))]
            jobs.append(queue.enqueue(bake, 2, depends_on=jobs[0]))
            jobs += queue.enqueue_many([rq.Queue.prepare_data(bake, (number,)) for number in range(2)])
            Worker([queue], connection=connection).work(burst=True, logging_level="CRITICAL")
            jobs.append(now.enqueue(bake, 3))
            return [(job.get_status(refresh=True), job.result, job.get_meta()) for job in jobs]

        yield run
        connection.flushdb()
