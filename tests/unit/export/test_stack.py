"""The text of a stack, compared with what Python prints."""

from __future__ import annotations

import re
import traceback

import pytest

from autotrace.export.stack import stack_text
from autotrace.trace.failure import Failure, failure_of


def plain():
    """Raise through two frames."""

    def inner():
        raise ValueError("no dough")

    inner()


def without_message():
    """Raise with nothing to say."""
    raise KeyError


def caused():
    """Raise from another exception."""
    try:
        plain()
    except ValueError as error:
        raise RuntimeError("cannot bake\nsecond line") from error


def in_context():
    """Raise while another exception is handled, that had a cause of its own."""
    try:
        caused()
    except RuntimeError:
        {}["missing"]


def suppressed():
    """Raise and hide where it came from."""
    try:
        plain()
    except ValueError:
        raise LookupError("hidden") from None


def deep(depth=20):
    """Raise from deep down in one function."""
    if depth == 0:
        raise RecursionError("deep")
    deep(depth - 1)


@pytest.mark.parametrize("raiser", [plain, without_message, caused, in_context, suppressed, deep])
def test_the_text_is_what_python_prints(raiser):
    """Frames, source lines, chains and repeats are Python's, without the marks under the lines."""
    try:
        raiser()
    except Exception as error:
        text, printed = (
            stack_text(failure_of(error)),
            "".join(traceback.format_exception(type(error), error, error.__traceback__)),
        )
    assert text == re.sub(r"^ +[~^]+\n", "", printed, flags=re.MULTILINE)


def test_a_file_that_is_not_there():
    """A frame without source is still a frame, and a line that repeats once more is told as Python tells it."""
    failure = Failure("shop.SoldOut", "", (("<gone>", 1, "<module>"), *[("/gone/x.py", 7, "f")] * 4))
    frame = '  File "/gone/x.py", line 7, in f\n'
    assert stack_text(failure) == (
        'Traceback (most recent call last):\n  File "<gone>", line 1, in <module>\n'
        f"{frame * 3}  [Previous line repeated 1 more time]\nshop.SoldOut\n"
    )
