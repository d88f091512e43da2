"""Speaking to an awaited library from tests that do not await.

A call runs as a task of a loop in a thread of its own.  What the task has made current is current for the caller
afterwards, as it is for a program that awaits the call itself.
"""

from __future__ import annotations

import asyncio
import sys
import threading

from autotrace.trace.context import get_current, set_current


class Loop:
    """An event loop in a thread."""

    def __init__(self):
        self.loop = asyncio.new_event_loop()
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

        async def work():
            try:
                return await call(), None, get_current()
            except BaseException as error:
                return None, error, get_current()

        result, error, current = asyncio.run_coroutine_threadsafe(work(), self.loop).result(60)
        set_current(current)
        if error is not None:
            raise error
        return result

    def call(self, function, *args, **kwargs):
        """Return what a plain function returns that needs the loop around it."""

        async def work():
            return function(*args, **kwargs)

        return self.run(work)

    def close(self):
        """End the loop and its thread."""
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(30)
        self.loop.close()
