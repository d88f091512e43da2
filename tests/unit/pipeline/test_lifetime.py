"""The end of a process, in the same process: what a handler raises meanwhile stops nothing."""

from __future__ import annotations

import pytest

from autotrace.pipeline.lifetime import Lifetime
from autotrace.pipeline.spans import SpanQueue
from autotrace.signals import TRACES


class Interrupted:
    """A worker whose close is interrupted a number of times."""

    def __init__(self, times):
        self.left = times
        self.closed = 0

    def close(self, timeout):
        assert timeout == 1.5
        if self.left:
            self.left -= 1
            raise SystemExit(3)
        self.closed += 1


@pytest.mark.parametrize(("times", "closed"), [(0, 1), (1, 1), (2, 1), (3, 0)])
def test_a_handler_that_raises_into_the_end_does_not_stop_it(times, closed):
    """Servers ask a worker twice to end; who asks again and again is obeyed."""
    worker = Interrupted(times)
    Lifetime(worker, 1.5, SpanQueue(TRACES, list, 1, 1)).end()
    assert worker.closed == closed
