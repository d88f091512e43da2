"""The shape of a statement: its text with each literal that is certainly one as a question mark.

A program that writes values into its statements sends another text each time, and all of them have one shape.  Reading the
shape (``sql.read``) gives what reading the text gives, whatever system it is sent to, and finding it takes a tenth of the
time.  Where a text has anything that systems disagree about, it is its own shape: its literals are found by the reader.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from re import Pattern

# What may mean several things, beside quotes.  PERF: ``in`` looks for each of them faster than a pattern looks for all.
_SPECIAL = ('"', "`", "\\", "[", "$", "#", "--", "/*", "%(", "''")
# PERF: the pattern begins with one set of characters, and looks back only then, so that ``re`` passes over all others.
# A text without quotes and backslashes in it, and without a prefix; a number that begins there for certain.
_TEXT = r"""(?<=')(?<![\w&]')[^'\\]*'(?!')"""
_REST = r"""[\w.]*(?:(?<=[eE])[+-]\d[\w.]*)?"""
_NUMBER = rf"""(?<=[0-9])(?<![\w.:?@%][0-9])(?<![eE][+-][0-9]){_REST}|(?<=[\s,(=]\.)\d{_REST}"""
_LITERAL = rf"""['.0-9](?:{_TEXT}|{_NUMBER})"""
# What is kept (a name of one word in quotes, or a text, by the system), and what may mean several things.
_KEPT = r""""(?<![\w"`]")\w+"(?!")|`(?<![\w"`]`)\w+`(?!`)"""
_DOUBTFUL = r"""["'`\\\[$#]|--|/\*|%\("""

_patterns: tuple[Pattern[str], ...] = ()  # literals; all tokens


def shape(text: str) -> str:
    """Return the shape of a statement; for a text that cannot be looked through, the text.

    Args:
        text: as it was sent to the database.
    """
    literal, _ = _patterns or _compiled()
    for special in _SPECIAL:
        if special in text:
            found = _with_names(text)
            break
    else:
        found = literal.sub("?", text)
    return text if "'" in found else found  # a quote in doubt: what stands behind it may be cut wrongly


def _with_names(text: str) -> str:
    """Return the shape of a text with quoted names; of one with anything in doubt, the text."""
    pieces = _patterns[1].split(text)
    for token in pieces[1::2]:
        if token is not None and (len(token) < 3 or token[0] not in '"`'):
            return text
    pieces[1::2] = ["?" if token is None else token for token in pieces[1::2]]
    return "".join(pieces)


def _compiled() -> tuple[Pattern[str], ...]:
    global _patterns
    import re

    _patterns = tuple(map(re.compile, (_LITERAL, f"{_LITERAL}|({_KEPT}|{_DOUBTFUL})")))
    return _patterns
