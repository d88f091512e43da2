"""The bytes of two hundred operations are what they were: what is redesigned changes nothing that anybody receives.

Where something is to change, ``make recording`` writes them anew, and the difference is read line by line.
"""

from __future__ import annotations

import json
import sys

import pytest

from autotrace.faults import faults
from recording import operations
from recording.performing import RECORDED, performed

LINES = [json.loads(line) for line in RECORDED.read_text(encoding="utf-8").splitlines()]


def comparable(lines):
    """Return what each Python tells alike: before 3.11 sqlite3 has no code of an error."""
    if sys.version_info >= (3, 11):
        return lines
    return [line for line in lines if '"sqlite3.' not in json.dumps(line["span"])]


@pytest.mark.parametrize("name", sorted(operations.GROUPS))
def test_what_is_received_is_what_it_was(name):
    """Each byte: names, attributes and their order, kinds, status, links, events and times."""
    wanted = [line for line in LINES if line["group"] == name]
    assert comparable(performed(name)) == comparable(wanted)
    assert not faults


def test_two_hundred_are_recorded():
    """As many as that tell of every kind."""
    assert len(LINES) >= 200
