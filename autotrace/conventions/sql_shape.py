"""The shape of a statement: its text with each literal that is certainly one as a question mark.

A program that writes values into its statements sends another text each time, and all of them have one shape.  Reading the
shape (``sql.read``) gives what reading the text gives, whatever system it is sent to, and finding it takes a tenth of the
time.  Where a text has anything that systems disagree about, it is its own shape: its literals are found by the reader.

Finding it again takes a third of that: the outline of a text, which is what stands outside of its quotes with all digits
alike, has one shape where each of its digits belongs to a literal.
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

_ALIKE = bytes.maketrans(b"123456789", b"000000000")
_DIGITS = frozenset("0123456789")

_patterns: tuple[Pattern[str], ...] = ()  # literals; all tokens
_outlines: dict[bytes, str] = {}
_OUTLINES, _LONG = 1024, 4096  # that are remembered; bytes of one that is not


def shape(text: str) -> str:
    """Return the shape of a statement; for a text that cannot be looked through, the text.

    Args:
        text: as it was sent to the database.
    """
    if "'" in text:
        pieces = text.split("'")
        count = len(pieces)
        if count == 3:  # PERF: one text, which is the rule
            outside = f"{pieces[0]}'{pieces[2]}"
        elif count & 1:
            outside = "'".join(pieces[::2])
        else:  # a quote is never closed
            return text
        if "\\" in text:  # it may stand before a quote
            return _looked_through(text)
    else:
        outside = text
    try:
        outline = outside.encode().translate(_ALIKE)
    except UnicodeEncodeError:  # half of a character
        return _looked_through(text)
    return _outlines.get(outline) or _remembered(outline, text)


def _remembered(outline: bytes, text: str) -> str:
    found = _looked_through(text)
    # What is between quotes decides nothing where all of them are those of literals.
    if "'" not in found and _DIGITS.isdisjoint(found) and len(outline) < _LONG:
        if len(_outlines) >= _OUTLINES:
            _outlines.clear()
        _outlines[outline] = found
    return found


def _looked_through(text: str) -> str:
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
