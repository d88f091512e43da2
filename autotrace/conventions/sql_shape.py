"""The shape of a statement: its text with each literal that is certainly one as a question mark.

A program that writes values into its statements sends another text each time, and all of them have one shape.  Reading the
shape (``sql.read``) gives what reading the text gives, whatever system it is sent to, and finding it takes a tenth of the
time.  Where a text has anything that systems disagree about, it is its own shape: its literals are found by the reader.
"""

from __future__ import annotations

from autotrace.memory import Memo

TYPE_CHECKING = False
if TYPE_CHECKING:
    from re import Pattern

# In this order: a text without quotes and backslashes in it, and without a prefix; a number that begins there for certain;
# what is kept (a name of one word in quotes, or a text, by the system); and what may mean several things.
# PERF: each begins with a character, and looks back only then, so that ``re`` passes over all that none begins with.
_TEXT = r"""'(?<![\w&]')[^'\\]*'(?!')"""
_NUMBER = r"""(?:\d(?<![\w.:?@%]\d)(?<![eE][+-]\d)|\.\d(?<=[\s,(=]\.\d))[\w.]*(?:(?<=[eE])[+-]\d[\w.]*)?"""
_KEPT = r""""(?<![\w"`]")\w+"(?!")|`(?<![\w"`]`)\w+`(?!`)"""
_DOUBTFUL = r"""["'`\\\[$#]|--|/\*|%\("""

_known = Memo(1024, 1 << 20)  # texts that are their own shape
_pattern: Pattern[str] | None = None


def shape(text: str) -> str:
    """Return the shape of a statement; for a text that cannot be looked through, the text.

    Args:
        text: as it was sent to the database.
    """
    known: str | None = _known.young.get(text) or _known.revive(text)
    if known is not None:
        return known
    pieces = (_pattern or _compiled()).split(text)
    found = (_with_names(pieces) or text) if any(pieces[1::2]) else "?".join(pieces[::2])
    if found == text:
        _known.put(text, text, len(text) + 100)
    return found


def _with_names(pieces: list[str | None]) -> str | None:
    """Return the shape, put together of what is between tokens and the tokens that are kept; None where one is in doubt."""
    for token in pieces[1::2]:
        if token is not None and (len(token) < 3 or token[0] not in '"`'):
            return None
    pieces[1::2] = ["?" if token is None else token for token in pieces[1::2]]
    return "".join(pieces)  # type: ignore[arg-type]


def _compiled() -> Pattern[str]:
    global _pattern
    import re

    _pattern = re.compile(f"{_TEXT}|{_NUMBER}|({_KEPT}|{_DOUBTFUL})")
    return _pattern
