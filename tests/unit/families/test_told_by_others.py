"""What asyncio and Python call of ours: where it fails they would tell the program, so that it must not raise."""

from __future__ import annotations

import asyncio

from autotrace.families.messaging import consuming, producing
from autotrace.faults import faults


def broken(*_args):
    """Fail, as nothing of ours should."""
    raise RuntimeError("ours")


def test_a_callback_of_a_future_raises_nothing():
    """The fault is counted, and the loop's handler of exceptions hears nothing."""
    heard = []

    async def program():
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _loop, context: heard.append(context))
        future = loop.create_future()
        producing.watch_future(future, broken, broken)
        future.set_result(1)
        await asyncio.sleep(0)

    asyncio.run(program())
    assert heard == []
    assert faults.pop("messaging") == 1


def test_a_callback_of_a_reference_raises_nothing(monkeypatch):
    """A consumer that is collected: the fault is counted, and nothing is unraisable."""

    class Consumer:
        pass

    heard = []
    monkeypatch.setattr("sys.unraisablehook", heard.append)
    consumer = Consumer()
    consuming.enter(consumer, "test")
    monkeypatch.setattr(consuming.Handling, "end", broken)
    del consumer
    assert heard == []
    assert faults.pop("messaging") == 1
