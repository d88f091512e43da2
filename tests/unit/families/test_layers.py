"""Libraries over libraries: what is one operation, and what another one that a program asks for meanwhile."""

from __future__ import annotations

import asyncio

import pytest

from autotrace.families.db import query

DATABASE = "mysql", "shop", None, None


def layer(scope, nests, awaited):
    """Return a function that sends a statement and calls what follows, in a library that is patched."""

    def facts_of(args, _kwargs):
        return DATABASE, args[0], None

    def send(_text, *beneath):
        return beneath[0](*beneath[1:]) if beneath else None

    async def asend(_text, *beneath):
        return await beneath[0](*beneath[1:]) if beneath else None

    make = query.async_call if awaited else query.call
    return make(facts_of, nests=nests)(asend if awaited else send, scope)


@pytest.mark.parametrize("awaited", [False, True])
@pytest.mark.parametrize(
    ("layers", "spans"),
    [
        (("orm",), ["orm"]),
        (("orm", "driver"), ["orm"]),
        (("orm", "embedded"), ["orm"]),
        (("orm", "driver", "driver"), ["orm"]),
        (("driver", "driver"), ["driver"]),
        (("orm", "orm"), ["orm", "orm"]),
        (("orm", "embedded", "embedded"), ["embedded", "orm"]),
        (("orm", "embedded", "driver", "embedded"), ["embedded", "orm"]),
        (("orm", "embedded", "embedded", "driver", "embedded"), ["embedded", "embedded", "orm"]),
    ],
)
def test_one_operation_is_one_span(recorder, layers, spans, awaited):
    """What a library beneath does for it is left out; what the program asks of the same database meanwhile is not."""
    functions = {scope: layer(scope, scope != "driver", awaited) for scope in ("orm", "embedded", "driver")}
    calls = [part for scope in layers for part in (functions[scope], f"SELECT '{scope}'")]
    for _ in range(2):
        sent = calls[0](*calls[1:])
        if awaited:
            asyncio.run(sent)
        assert [span["scope"] for span in recorder.finished()] == spans
        recorder.clear()


def test_what_fails_beneath_is_over(recorder):
    """The next call of the same driver beneath the same span is the span's operation again."""
    embedded = layer("embedded", nests=True, awaited=False)

    def refuse():
        raise ValueError

    def twice():
        for _ in range(2):
            with pytest.raises(ValueError, match=r"^$"):
                embedded("SELECT 2", refuse)

    layer("orm", nests=True, awaited=False)("SELECT 1", twice)
    assert [span["scope"] for span in recorder.finished()] == ["orm"]


def test_who_has_come_back_was_the_last_to_be_called(recorder):
    """A driver in which nothing nests says nothing of the one that it was called from."""
    embedded, driver = layer("embedded", nests=True, awaited=False), layer("driver", nests=False, awaited=False)

    def both():
        driver("SELECT 2")
        embedded("SELECT 3")

    layer("orm", nests=True, awaited=False)("SELECT 1", embedded, "SELECT 1", both)
    assert [span["scope"] for span in recorder.finished()] == ["embedded", "orm"]
