"""Bottle: routes, mounts, errors and streams."""

from __future__ import annotations

import bottle
import pytest

from autotrace import api
from contracts.framework import FrameworkContract


def shop():
    """Return an application with what there is to trace."""
    made = bottle.Bottle()

    @made.get("/items/<number>")
    def item(number):
        with api.span("work"):
            return f"item {number}"

    @made.get("/fail")
    def fail():
        raise ValueError("broken")

    @made.get("/refuse")
    def refuse():
        bottle.abort(503, "closed")

    @made.get("/handled", apply=[answered])
    def handled():
        raise KeyError("handled")

    @made.get("/stream")
    def stream():
        for piece in ("one,", "two"):
            with api.span("step"):
                pass
            yield piece

    return made


def answered(callback):
    """A plugin, which is how Bottle's programs handle exceptions."""

    def answering(*args, **kwargs):
        try:
            return callback(*args, **kwargs)
        except KeyError:
            return bottle.HTTPResponse("conflict", 409)

    return answering


class TestBottle(FrameworkContract):
    """The contract."""

    scope = "bottle"
    views = "shop.<locals>.item"

    def application(self):
        """An application."""
        return shop()


def test_a_mounted_application_has_its_prefix(recorder, instrument):
    """Bottle copies its routes, or calls it as any WSGI application."""
    outer = bottle.Bottle()
    outer.mount("/shop/", shop())
    outer.mount("/plain/", lambda environ, start_response: (start_response("200 OK", []) and []) or [b"plain"])
    instrument("bottle")
    ask = TestBottle().ask
    assert ask(outer, "/shop/items/7") == (200, "item 7")
    assert ask(outer, "/plain/anything") == (200, "plain")
    _, item, plain = recorder.wait(3)
    assert item["name"] == "GET /shop/items/<number>"
    assert plain["attributes"].get("code.function.name") is None


def test_where_bottle_is_told_to_catch_nothing_the_exception_passes(recorder, instrument):
    """It is on the span, too."""
    made = shop()
    made.catchall = False
    instrument("bottle")
    with pytest.raises(ValueError, match="broken"):
        TestBottle().ask(made, "/fail")
    assert recorder.wait(1)[0]["exception"] == "ValueError: broken"
