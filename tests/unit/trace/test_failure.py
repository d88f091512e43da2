"""Exceptions as strings: nothing of theirs is kept, and they are told once."""

from __future__ import annotations

import sys
import traceback
import weakref
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis.strategies import text

from autotrace.families.calls import Calls
from autotrace.testing import frames
from autotrace.trace import failure
from autotrace.trace.failure import failure_of, hide_frame, type_name


class Broken(Exception):
    """An exception whose text cannot be had."""

    def __str__(self):
        raise RuntimeError("no text")


def deep(levels):
    if levels == 0:
        raise ValueError("at the bottom")
    deep(levels - 1)


def caught(function, *args):
    try:
        function(*args)
    except Exception as error:
        return error
    return None


def test_type_message_and_frames():
    """Built-in exceptions have no module, others have; the frames name file, line and function."""
    failure = failure_of(caught(deep, 2))
    assert (failure.type, failure.message) == ("ValueError", "at the bottom")
    assert [frame[2] for frame in failure.frames] == ["caught", "deep", "deep", "deep"]
    assert type_name(Broken) == f"{__name__}.Broken"


def test_an_exception_without_text_is_survived():
    """The program's __str__ may raise; ours does not."""
    assert failure_of(Broken()).message == ""


def test_causes_and_contexts_are_followed():
    """raise from and exceptions within handlers are told apart; 'from None' ends the chain."""

    def chain(kind):
        try:
            raise KeyError("first")
        except KeyError as error:
            if kind == "from":
                raise ValueError("second") from error
            if kind == "none":
                raise ValueError("second") from None
            raise ValueError("second")  # noqa: B904 - the implicit context is the point

    explicit, implicit, hidden = (failure_of(caught(chain, kind)) for kind in ("from", "context", "none"))
    assert (explicit.cause.type, explicit.explicit) == ("KeyError", True)
    assert (implicit.cause.type, implicit.explicit) == ("KeyError", False)
    assert hidden.cause is None


def test_a_failure_pins_nothing():
    """The exception and its frames are gone when the program lets them go."""

    class Local:
        pass

    def fails():
        held = Local()
        references.append(weakref.ref(held))
        raise ValueError

    references = []
    error = caught(fails)
    failure = failure_of(error)
    del error
    assert references[0]() is None
    assert failure.frames


@pytest.mark.skipif(sys.version_info < (3, 11), reason="before Python 3.11 a bare raise brings our frame back")
def test_a_traceback_shows_no_frame_of_ours(recorder):
    """An exception that passes a wrapper reads as if the wrapper were not there."""
    calls = Calls("test", 3, lambda facts, outcome, failure: ("x", {}, 0, ""))
    traced = calls.call(lambda args, kwargs: ((), None, args), lambda result: ())(deep, "test")

    def text(function):
        def here():
            function(1)

        return "".join(traceback.format_exception(*_info(here)))

    assert text(traced) == text(deep)


def test_a_frame_of_ours_would_be_seen():
    """What the tests look for in tracebacks is found where it is, and nowhere else."""
    with pytest.raises(AttributeError) as caught:
        failure_of(object())
    (line,) = frames.ours(caught.value)
    assert "failure" in line
    assert not frames.is_ours(__file__)
    assert not frames.is_ours("/home/me/.cache/autotrace/pythons/lib/python3.14/asyncio/base_events.py")


def _info(function):
    try:
        function()
    except Exception:
        return sys.exc_info()
    return None


def test_an_exception_is_told_by_the_deepest_span_only(recorder):
    """The spans that it merely passed through have the status, not the event; a second exception is told anew."""
    import autotrace

    def attempt():
        with autotrace.span("outer"):
            try:
                with autotrace.span("first"):
                    raise KeyError("handled")
            except KeyError:
                pass
            with autotrace.span("middle"), autotrace.span("inner"):
                raise ValueError("passes")

    with pytest.raises(ValueError):
        attempt()
    told = {span["name"]: span.get("exception") for span in recorder.finished()}
    assert told == {"first": "KeyError: 'handled'", "inner": "ValueError: passes", "middle": None, "outer": None}
    assert {span["status"] for span in recorder.finished()} == {"ERROR"}


def test_an_exception_that_refuses_to_be_changed_passes():
    """A frozen dataclass that is an exception, and one whose traceback cannot be read: both stay what they are."""

    @dataclass(frozen=True)
    class FrozenError(Exception):
        number: int

    class HiddenError(Exception):
        @property
        def __traceback__(self):
            raise AttributeError("nothing to see")

    def through(error):
        try:
            raise error
        except BaseException as passing:
            hide_frame(passing)
            raise

    for error in (FrozenError(1), HiddenError()):
        caught = None
        try:
            through(error)
        except Exception as passed:  # pytest.raises would change it
            caught = passed
        assert caught is error


class QuotingError(Exception):
    """What a database raises."""


@pytest.mark.parametrize(
    ("message", "kept"),
    [
        ("no such table: pizzas", "no such table: pizzas"),
        ("UNIQUE constraint failed: pizzas.name", "UNIQUE constraint failed: pizzas.name"),
        ('near "SELEKT": syntax error', 'near "SELEKT": syntax error'),
        ("near \"'secret'\": syntax error", "near ?: syntax error"),
        ('near "42": syntax error', "near ?: syntax error"),
        ('unrecognized token: "\'secret"', "unrecognized token: ?"),
        ("Duplicate entry 'secret' for key 'email'", "Duplicate entry ? for key ?"),
        ("Duplicate entry 'sec''ret' for key 'email'", "Duplicate entry ? for key ?"),
        ("Duplicate entry 'sec\\'ret' for key 'email'", "Duplicate entry ? for key ?"),
        ("can't find 'secret'", "can't find ?"),
        ("no end of 'secret", "no end of ?"),
        (
            'invalid input syntax for type integer: "secret"\nLINE 1: SELECT secret',
            "invalid input syntax for type integer: ?",
        ),
        ("duplicate key\nDETAIL:  Key (email)=(secret) already exists.", "duplicate key"),
        ("(acme.Error) failed\n[SQL: SELECT 'secret']\n[parameters: ('secret',)]", "(acme.Error) failed"),
        (
            "Command # 2 (SET secret (secret)) of pipeline caused error: value is not an integer",
            "Command # 2 (?) of pipeline caused error: value is not an integer",
        ),
        (
            "unknown command 'NO', with args beginning with: 'secret' 'more' ",
            "unknown command ?, with args beginning with: ? ? ",
        ),
        (
            "Key is too long: b'secret' (bytearray(b\"it's\")), a thumb's",
            "Key is too long: b? (bytearray(b?)), a thumb's",
        ),
    ],
)
def test_what_a_databases_exception_quotes_is_not_kept(message, kept, monkeypatch):
    """Of the exceptions that were named, and of those only; also where they led to others."""
    monkeypatch.setattr(failure, "_quoting", ())
    assert failure_of(QuotingError(message)).message == message
    failure.conceal(Exception.__subclasses__()[0], QuotingError)
    assert failure_of(QuotingError(message)).message == kept
    outer = RuntimeError("'kept'")
    outer.__cause__ = QuotingError(message)
    assert (failure_of(outer).message, failure_of(outer).cause.message) == ("'kept'", kept)


def test_an_endless_message_is_kept_in_part():
    """Its first 32,768 characters."""
    assert len(failure_of(ValueError("x" * 1_000_000)).message) == 32_768


@given(text(alphabet="'\"\\ ()#oflinepagx\n", max_size=300))
def test_any_message_can_be_unquoted(message):
    """It ends, and what is left has no quoted text but a parser's word."""
    left = failure._unquoted(message)
    assert len(left) <= len(message) + message.count("(") + 1
