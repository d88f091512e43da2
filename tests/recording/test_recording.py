"""The bytes of two hundred operations are what they were: what is redesigned changes nothing that anybody receives.

Where something is to change, ``make recording`` writes them anew, and the difference is read line by line.
"""

from __future__ import annotations

import json

import pytest

from autotrace.faults import faults
from recording import operations
from recording.performing import RECORDED, performed

LINES = [json.loads(line) for line in RECORDED.read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize("name", sorted(operations.GROUPS))
def test_what_is_received_is_what_it_was(name):
    """Each byte: names, attributes and their order, kinds, status, links, events and times."""
    assert performed(name) == [line for line in LINES if line["group"] == name]
    assert not faults


def test_two_hundred_are_recorded():
    """As many as that tell of every kind."""
    assert len(LINES) >= 200
