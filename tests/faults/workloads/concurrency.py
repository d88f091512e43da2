"""Threads, pools, tasks and processes."""

from __future__ import annotations

import asyncio
import concurrent.futures
import queue
import threading
from contextlib import contextmanager

from .common import awaited, outcome


@contextmanager
def threads():
    """Threads, timers, pools, tasks in executors."""

    class Own(threading.Thread):
        def run(self):
            made.append("own")

    made = []

    def broken():
        raise ValueError("broken")

    async def waiting():
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(None, lambda: "executor")

    def run():
        made.clear()
        for thread in (threading.Thread(target=made.append, args=(1,)), threading.Timer(0, made.append, (2,)), Own()):
            thread.start()
            thread.join()
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            made.append(pool.submit(pow, 2, 10).result())
            made.append(list(pool.map(abs, [-1, -2])))
            made.append(outcome(pool.submit(broken).result))
        return [*made, asyncio.run(waiting())]

    yield run


@contextmanager
def queues():
    """Workers of several queues, an item that is put back, and one that nobody puts."""
    import autotrace

    def work(jobs, done):
        done.extend(outcome(lambda: jobs.get(timeout=0.01)) for _ in range(4))

    async def waiting():
        jobs, done = asyncio.Queue(), []

        async def loop():
            done.append(await jobs.get())
            done.append(await jobs.get())

        with autotrace.span("asking"):
            task = asyncio.ensure_future(loop())
            jobs.put_nowait("first")
        with autotrace.span("asking too"):
            await jobs.put("second")
        await task
        return done

    def run():
        found = []
        for made in (queue.Queue, queue.LifoQueue, queue.PriorityQueue):
            jobs, done = made(), []
            with autotrace.span("asking"):
                jobs.put(1)
                jobs.put(1)
                jobs.put(jobs.get())
                thread = threading.Thread(target=work, args=(jobs, done))
            with autotrace.span("asking too"):
                jobs.put(2)
                thread.start()
            thread.join()
            found.append(done)
        return [*found, asyncio.run(waiting())]

    yield run


@contextmanager
def processes():
    """What a program that is started finds in its environment, what prepares a spawned one, and pools."""
    import multiprocessing.pool
    import multiprocessing.spawn
    import subprocess

    import autotrace

    def started(**options):
        told = subprocess.run(["/usr/bin/env"], capture_output=True, check=True, **options).stdout.decode()
        return {"OWN", "PATH"} & {line.partition("=")[0] for line in told.splitlines()}

    def prepared():
        data = multiprocessing.spawn.get_preparation_data("faults")
        place = data.pop("autotrace", None)
        multiprocessing.spawn.prepare({} if place is None else {"autotrace": place})
        return sorted(data)

    def broken():
        raise ValueError("broken")

    def run():
        with autotrace.span("block"):
            made = [started(), started(env={"OWN": "1"}), outcome(subprocess.run, ["/nowhere"]), prepared()]
            made += [
                pool.apply(abs, (-1,)),
                pool.map(abs, [-1, -2]),
                list(pool.imap(abs, [-3])),
                outcome(pool.apply, broken),
            ]
            with multiprocessing.pool.ThreadPool(1) as own:
                made += own.imap_unordered(abs, [-4])
        return made

    with multiprocessing.pool.ThreadPool(2) as pool:
        yield run


@contextmanager
def uvloop_():
    """Tasks, callbacks, executors and programs under uvloop."""
    import uvloop

    import autotrace

    async def started(make, *command):
        process = await make(*command, stdout=asyncio.subprocess.PIPE)
        return (await process.communicate())[0]

    async def all_of_it():
        running = asyncio.get_running_loop()
        called = running.create_future()
        with autotrace.span("block"):
            running.call_soon(called.set_result, 1)
            made = [await called, await asyncio.gather(*(asyncio.sleep(0, number) for number in range(3)))]
            made.append(await running.run_in_executor(None, lambda: "executor"))
            made.append(await started(asyncio.create_subprocess_exec, "/bin/echo", "exec"))
            made.append(await started(asyncio.create_subprocess_shell, "echo shell"))
            made.append(await awaited(asyncio.create_subprocess_exec, "/nowhere"))
        return made

    made = uvloop.new_event_loop()
    yield lambda: made.run_until_complete(all_of_it())
    made.close()
