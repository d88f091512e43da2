"""Speaking to an awaited library from tests that do not await.

All calls of a thread run in one task of its own, of a loop in yet another thread.  What the task has made current is current
for the caller afterwards, as it is for a program that awaits the calls itself.
"""

from __future__ import annotations

import asyncio
import sys
import threading

from autotrace.trace.context import get_current, set_current


class Inside:
    """A list that the caller's task goes through and looks into, as a program that awaits does."""

    def __init__(self, loop, items):
        self.loop, self.items = loop, items

    def __iter__(self):
        iterator, end = self.loop.call(iter, self.items), object()
        try:
            while True:
                found = self.loop.call(next, iterator, end)
                if found is end:
                    return
                yield found
        finally:
            self.loop.call(getattr(iterator, "close", int))

    def __getitem__(self, index):
        return self.loop.call(self.items.__getitem__, index)

    def __len__(self):
        return len(self.items)


class Loop:
    """An event loop in a thread."""

    def __init__(self):
        self.loop = asyncio.new_event_loop()
        self._callers = threading.local()
        self._tasks = []
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()

    def run(self, function, *args, **kwargs):
        """Return what a coroutine function returns."""

        flying = sys.exc_info()[1]
        traceback = flying.__traceback__ if flying is not None else None

        async def call():
            if flying is None:
                return await function(*args, **kwargs)
            try:
                raise flying
            except type(flying):  # it is in flight there, too
                flying.__traceback__ = traceback
                return await function(*args, **kwargs)

        current = get_current()

        async def work():
            set_current(current)
            try:
                return await call(), None, get_current()
            except Exception as error:
                return None, error, get_current()

        async def hand_in(calls):
            done = asyncio.get_running_loop().create_future()
            calls.put_nowait((work, done))
            return await done

        result, error, current = self._wait(hand_in(self._calls()))
        set_current(current)
        if error is not None:
            raise error
        return result

    def _calls(self):
        """Return the queue of the calling thread's task."""
        if not hasattr(self._callers, "calls"):
            self._callers.calls = self._wait(self._begin())
        return self._callers.calls

    async def _begin(self):
        calls = asyncio.Queue()

        async def serve():
            while True:
                work, done = await calls.get()
                done.set_result(await work())
                del work, done  # what was called is not kept

        self._tasks.append(asyncio.ensure_future(serve()))
        return calls

    def _wait(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(60)

    def call(self, function, *args, **kwargs):
        """Return what a plain function returns that needs the loop around it."""

        async def work():
            return function(*args, **kwargs)

        return self.run(work)

    def close(self):
        """End the tasks, the loop and its thread."""

        async def end():
            for task in self._tasks:
                task.cancel()
            await asyncio.wait(self._tasks)

        if self._tasks:
            self._wait(end())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(30)
        self.loop.close()
