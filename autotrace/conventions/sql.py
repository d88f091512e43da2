"""What may be kept of a query's text, and what it is about: every literal hidden, and a summary of few words.

``read`` takes any text; it never raises and takes time in proportion to the length.  It is a scanner, not a parser: where
the dialects that a system may speak disagree about where a literal ends, the rest of the text is hidden.  For the export
thread.

Not hidden: names, even where a program writes a secret into a table's or a parameter's name.
"""

from __future__ import annotations

from autotrace.conventions.sql_summary import Summary

TYPE_CHECKING = False
if TYPE_CHECKING:
    from re import Pattern

_in_list: Pattern[str] | None = None

# Patterns of a quoted text that ends at the end of the text at the latest.  No part can match in two ways, so that a failure
# is found in linear time; Python before 3.11 has no atomic groups.
_PLAIN = r"{0}[^{0}]*(?:{0}{0}[^{0}]*)*(?:{0}|\Z)"
# A quote after a backslash ends the text in one dialect and not in another: then the rest is hidden.
_DOUBTFUL = r"{0}[^{0}\\]*(?:(?:{0}{0}|\\[^{0}])[^{0}\\]*)*(?:{0}|.*)"
# A quoted name that does end.
_NAME = r"{0}[^{0}]*(?:{0}{0}[^{0}]*)*{0}(?!{0})"
_BACKTICKS = r"`[^`\\]*(?:``[^`\\]*)*`(?!`)"

_PREFIX = r"(?:[nNbBxX]|[uU]&|_\w+)?"
_DOLLARS = r"\$(?:[^\W\d]\w*)?\$"
_MONEY = r"\$\d[\w.]*"
# Digits with whatever is glued to them: exponents, hexadecimal, binary, octal, separators, versions.
_NUMBERS = r"(?:\d|\.\d)[\w.]*(?:(?<=[eE])[+-]\d[\w.]*)?|:\d+|\?\d+"
# The name of a format, which no word of SQL looks like, and rows in it (ClickHouse, "FORMAT clause", "Inserting data").
_INLINE = r"(?i:format)\s+(?:CSV|TSV|TSKV|XML|JSONL?|ORC|[A-Z]+[a-z]\w*)\s+(?!(?i:settings)\b)[^\s;].*"
_PLACE = r"(?::?\?|%s|%\(\w+\)s|[:@$]\w+)(?:::[\w.]+(?:\(\?\))?)?"


class Dialect:
    """How a database system's text is cut into tokens; the patterns are compiled when they are first needed.

    Args:
        strings: patterns of literals beside numbers.
        names: patterns of quoted identifiers.
        hidden: patterns after which nothing is certain; they take in the rest of the text.
        comment: pattern of a comment to the end of the line.
        nested: whether block comments nest; None where that is not known.
        maybe: pattern of what is an identifier where one must stand, and a literal elsewhere.
        dollars: whether text may stand in dollar quotes.
        custom: whether text may stand in quotes of the program's choice, as in ``q'[...]'``.
        word: pattern of an identifier without quotes.
    """

    __slots__ = ("_kinds", "_pattern", "nested")

    def __init__(
        self,
        strings: tuple[str, ...],
        names: tuple[str, ...],
        hidden: tuple[str, ...],
        comment: str = r"--[^\n]*",
        nested: bool | None = None,
        maybe: str = "",
        dollars: bool = False,
        custom: bool = False,
        word: str = r"[^\W\d][\w$#]*",
    ) -> None:
        self.nested = nested
        self._pattern: Pattern[str] | None = None
        self._kinds = {
            "space": r"\s+",
            "comment": comment,
            "block": r"/\*",
            "custom": r"[nN]?[qQ]'(?=\S)" if custom else "",
            "dollars": _DOLLARS if dollars else "",
            "name": "|".join(names),
            "maybe": maybe,
            "literal": "|".join((*strings, _NUMBERS, *hidden)),
            "sign": r"::|%s|%\(\w+\)s|:[^\W\d]\w*|@@?[^\W\d][\w$]*|\$\w+",
            "word": word,
            "other": r".",
        }

    def pattern(self) -> Pattern[str]:
        """Return the pattern of one token; its group's name is the token's kind."""
        if self._pattern is None:
            import re

            parts = [f"(?P<{kind}>{pattern})" for kind, pattern in self._kinds.items() if pattern]
            self._pattern = re.compile("|".join(parts), re.DOTALL)
        return self._pattern


_POSTGRES = Dialect(
    strings=(r"[eE]'[^'\\]*(?:(?:''|\\.)[^'\\]*)*(?:'|\\?\Z)", _PREFIX + _DOUBTFUL.format("'")),
    names=(_NAME.format('"'),),
    hidden=(r"\".*",),
    nested=True,
    dollars=True,
)
_MYSQL = Dialect(
    strings=(_PREFIX + _DOUBTFUL.format("'"), _DOUBTFUL.format('"'), _MONEY),
    names=(_BACKTICKS,),
    hidden=(r"`.*", _DOLLARS + ".*"),
    comment=r"--(?!\S)[^\n]*|#[^\n]*",
    word=r"[^\W\d][\w$]*",
)
_DIALECTS = {
    "aws.redshift": _POSTGRES,
    "clickhouse": Dialect(
        strings=(r"'[^'\\]*(?:(?:''|\\.)[^'\\]*)*(?:'|\\?\Z)",),
        names=(r'"[^"\\]*(?:""[^"\\]*)*"(?!")', _BACKTICKS),
        hidden=(r"`.*", r"\".*", _INLINE),
        comment=r"--[^\n]*|#[^\n]*",
        dollars=True,
    ),
    "cockroachdb": _POSTGRES,
    "duckdb": Dialect(
        strings=(r"[eE]'[^'\\]*(?:(?:''|\\.)[^'\\]*)*(?:'|\\?\Z)", _PREFIX + _PLAIN.format("'")),
        names=(_NAME.format('"'),),
        hidden=(r"\".*",),
        dollars=True,
    ),
    "mariadb": _MYSQL,
    "microsoft.sql_server": Dialect(
        strings=(_PREFIX + _PLAIN.format("'"), _PLAIN.format('"'), _MONEY),
        names=(r"\[[^\]]*(?:\]\][^\]]*)*\](?!\])",),
        hidden=(r"\[.*",),
        nested=True,
        word=r"#{0,2}[^\W\d][\w$#]*",
    ),
    "mysql": _MYSQL,
    "oracle.db": Dialect(
        strings=(_PREFIX + _PLAIN.format("'"), _MONEY),
        names=(_NAME.format('"'),),
        hidden=(r"\".*",),
        nested=False,
        custom=True,
    ),
    "postgresql": _POSTGRES,
    "sqlite": Dialect(
        strings=(_PREFIX + _PLAIN.format("'"), _MONEY),
        names=(_BACKTICKS, r"\[[^\]]*\]"),
        hidden=(r"`.*", r"\[.*", r"\".*"),
        nested=False,
        maybe=_NAME.format('"'),
    ),
}
# Of a system that is not known, whatever any of them could mean is hidden.
_UNKNOWN = Dialect(
    strings=(_PREFIX + "'''.*", '""".*', _PREFIX + _DOUBTFUL.format("'"), _DOUBTFUL.format('"'), _MONEY),
    names=(_BACKTICKS,),
    hidden=(r"`.*", _DOLLARS + ".*", r"#.*", r"[nN]?[qQ]'.*"),
    word=r"[^\W\d][\w$]*",
)


class Query:
    """What is known of a query.

    Attributes:
        text: without literals and comments.
        summary: operations and their targets, at most 255 characters, or empty.
        operation: the one operation of the one statement, or empty.
        collection: the one table of that operation, or empty.
        procedure: the stored procedure that is called, or empty.
    """

    __slots__ = ("collection", "operation", "procedure", "summary", "text")

    def __init__(self, text: str, summary: str, operation: str, collection: str, procedure: str) -> None:
        self.text = text
        self.summary = summary
        self.operation = operation
        self.collection = collection
        self.procedure = procedure


def read(text: str, system: str) -> Query:
    """Return what may be told of a query.

    Args:
        text: as it was sent to the database.
        system: the value of ``db.system.name`` (semantic conventions 1.44, "Database client").
    """
    try:
        return _read(text, _DIALECTS.get(system, _UNKNOWN))
    except Exception:  # what cannot be read is not shown
        return Query("?", "", "", "", "")


def _read(text: str, dialect: Dialect) -> Query:
    scan, summary = dialect.pattern().match, Summary()
    out: list[str] = []
    position = 0
    while True:
        token = scan(text, position)
        if token is None:  # the end: the last kind is any character
            break
        position = token.end()
        kind, found = token.lastgroup, token.group()
        if kind == "space":
            out.append(found)
        elif kind in ("comment", "block"):
            position = position if kind == "comment" else _comment_end(text, position, dialect.nested)
            if out and not out[-1][-1].isspace():
                out.append(" ")  # keeps apart what the comment kept apart
        elif kind in ("word", "name") or (kind == "maybe" and _is_name(text, position, summary, out)):
            out.append(found)
            summary.name(found)
        elif kind in ("sign", "other"):
            out.append(found)
            summary.sign(found)
        else:
            position = _literal_end(kind, found, text, position)
            out.append(":?" if found[0] == ":" else "?")
            summary.sign("?")
    return Query(_collapsed("".join(out).strip()), *summary.finish())


def _literal_end(kind: str | None, found: str, text: str, position: int) -> int:
    """Return where a literal ends whose closing quote depends on its opening one."""
    if kind == "dollars":
        close = found
    elif kind == "custom":
        opening = text[position]
        close = {"[": "]", "{": "}", "<": ">", "(": ")"}.get(opening, opening) + "'"
        position += 1
    else:
        return position
    at = text.find(close, position)
    return len(text) if at < 0 else at + len(close)


def _comment_end(text: str, position: int, nested: bool | None) -> int:
    """Return where a block comment ends; the end of the text where it does not, or where that is not certain."""
    depth = 1
    while depth:
        close = text.find("*/", position)
        if close < 0:
            return len(text)
        opening = -1 if nested is False else text.find("/*", position, close)
        if opening >= 0 and nested is None:
            return len(text)
        depth, position = (depth + 1, opening + 2) if opening >= 0 else (depth - 1, close + 2)
    return position


def _is_name(text: str, position: int, summary: Summary, before: list[str]) -> bool:
    """Tell whether what ends here and may be a name or a literal is a name for certain."""
    if text[position : position + 1] == "." or summary.wants_name():
        return True
    return next((token for token in reversed(before) if not token.isspace()), "").upper() == "AS"


def _collapsed(text: str) -> str:
    """Return the text with ``IN (?, ?, ?)`` as ``IN (?)`` (semantic conventions 1.44, "db.query.text")."""
    global _in_list
    if _in_list is None:
        import re

        _in_list = re.compile(rf"\b(in)\s*\(\s*{_PLACE}(?:\s*,\s*{_PLACE})*\s*\)", re.IGNORECASE)
    return _in_list.sub(r"\1 (?)", text)
