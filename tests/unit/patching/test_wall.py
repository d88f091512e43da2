"""The count of our own faults, and what happens to who has too many."""

from __future__ import annotations

import pytest

from autotrace import diagnostics
from autotrace import faults as wall
from autotrace.patching import Instrumentor, Patch
from autotrace.patching.apply import apply


@pytest.fixture
def limited(monkeypatch):
    """A fresh wall that switches off after three faults; returns what is said."""
    for name, value in (("limit", 3), ("faults", {}), ("off", set()), ("_ways", {})):
        monkeypatch.setattr(wall, name, value)
    monkeypatch.setattr(diagnostics, "messages", [])
    return diagnostics.messages


def fail(scope, times=1):
    """Fail as a wrapper does."""
    for _ in range(times):
        try:
            raise ValueError("no such thing")
        except ValueError:
            wall.fault(scope)


def test_the_third_fault_switches_off_once(limited):
    """What was asked for is called once, the others are not, and it is said once; the count goes on."""
    called = []
    wall.when_off("acme", lambda: called.append("acme"))
    wall.when_off("other", lambda: called.append("other"))
    fail("other", 2)
    fail("acme", 2)
    assert (called, wall.off) == ([], set())
    fail("acme", 5)
    assert (called, wall.off, wall.faults) == (["acme"], {"acme"}, {"other": 2, "acme": 7})
    assert len([line for line in limited if "switched off" in line]) == 1
    assert len([line for line in limited if "no such thing" in line]) == 2


def test_what_fails_at_switching_off_keeps_nobody_from_it(limited):
    """The next one is still called, and the fault is counted as the wall's own."""
    called = []
    wall.when_off("acme", lambda: 1 / 0)
    wall.when_off("acme", lambda: called.append("second"))
    fail("acme", 3)
    assert called == ["second"]
    assert wall.faults == {"acme": 3, "wall": 1}


def test_no_limit_is_no_limit(limited, monkeypatch):
    """0: any number."""
    monkeypatch.setattr(wall, "limit", 0)
    fail("acme", 1000)
    assert wall.off == set()


class Library:
    """Something to patch."""

    def method(self):
        """Return a number."""
        return 1


def marked(original, scope):
    """Wrap once, whoever asks."""
    if getattr(original, "marked", False):
        return original

    def traced(*args, **kwargs):
        return original(*args, **kwargs)

    traced.marked = True
    return traced


def test_what_another_instrumentor_relies_on_stays():
    """One wrapper that serves two is not taken away when the first of them is switched off."""
    original = vars(Library)["method"]
    patches = (Patch(f"{__name__}:Library.method", marked),)
    first = apply(Instrumentor("first", *patches))
    second = apply(Instrumentor("second", *patches))
    traced = vars(Library)["method"]
    try:
        first.undo(sparing=True)
        assert vars(Library)["method"] is traced is not original
    finally:
        second.undo()
        first.undo()
    assert vars(Library)["method"] is original
