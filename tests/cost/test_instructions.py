"""The hot paths cost what they cost when the figures were written, and no more."""

from __future__ import annotations

import json

import pytest

from cost import instructions

TOLERANCE = 1.05
GUARDED = "3.11"
pytestmark = [
    pytest.mark.skipif(
        instructions.VERSION != GUARDED, reason=f"instructions are counted on Python {GUARDED}, once for all"
    ),
    pytest.mark.timeout(600),
]


@pytest.fixture(scope="module")
def yardstick(valgrind):
    """The unit, where instructions can be counted."""
    return instructions.per_operation("yardstick", AUTOTRACE_ENABLED="false")


@pytest.mark.parametrize("path", instructions.PATHS)
def test_a_hot_path_has_not_become_dearer(path, yardstick):
    """At most 5 % more instructions than the figure; where it is less, write the figures anew: see instructions.py."""
    most = json.loads(instructions.FIGURES.read_text())[GUARDED][path] * TOLERANCE
    counted = instructions.cost(path, yardstick)
    assert counted <= most, f"{path} costs {counted}, and may cost {most:.2f} times the yardstick"


@pytest.mark.parametrize("kind", ["encode_client", "encode_server", "encode_query", "encode_message"])
def test_what_never_repeats_costs_little_more_to_encode_than_what_always_does(kind, valgrind):
    """Programs do not ask for one URL, and not for one row, all the time; a text with literals has to be looked through."""
    new, same = (instructions.per_operation(f"{kind}:{how}", AUTOTRACE_ENABLED="false") for how in ("fresh", "same"))
    assert new <= 1.5 * same


def test_the_guard_sees_a_little_more(yardstick):
    """One needless call of C for each span, which no measured time would show, is more than it lets pass."""
    most = json.loads(instructions.FIGURES.read_text())[GUARDED]["query"] * TOLERANCE
    assert instructions.cost("query", yardstick, SLOWER="1") > most
