"""Reading a TOML file: the standard library's parser where there is one, else a small one of ours.

Ours (Python 3.9 and 3.10 only) reads what a settings file needs: comments, tables, dotted keys, strings, numbers,
booleans, arrays and inline tables.  It does not know dates, multi-line strings, arrays of tables and non-decimal numbers:
in a shared ``pyproject.toml`` it passes over the tables that are not asked for, so only ours must be that simple.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_ESCAPES = {'"': '"', "\\": "\\", "b": "\b", "t": "\t", "n": "\n", "f": "\f", "r": "\r"}


def load(file: str) -> dict[str, Any]:
    """Read a file.

    Raises:
        OSError: it cannot be read.
        ValueError: it is not TOML, or more of TOML than ours knows.
    """
    with open(file, encoding="utf-8") as lines:
        content = lines.read()
    try:
        import tomllib  # type: ignore[import-not-found,unused-ignore]
    except ImportError:
        return parse(content, "tool.autotrace" if file.endswith("pyproject.toml") else "")
    parsed: dict[str, Any] = tomllib.loads(content)
    return parsed


def parse(content: str, only: str = "") -> dict[str, Any]:
    """Read TOML text.

    Args:
        content: the text.
        only: a dotted table name; lines that are neither in it nor beneath it are not read.

    Raises:
        ValueError: a line is not understood; the message tells which.
    """
    result: dict[str, Any] = {}
    table = result
    skipping = bool(only)
    lines = content.splitlines()
    number = 0
    while number < len(lines):
        line = lines[number].strip()
        number += 1
        if line.startswith("[") and not line.startswith("[["):
            name = line[1:].partition("]")[0].strip()
            skipping = bool(only) and name != only and not name.startswith(only + ".")
            if not skipping:
                table = _table(result, _key(name))
        elif line.startswith("[["):
            skipping = True
        elif line and not line.startswith("#") and not skipping:
            while _open(line) and number < len(lines):  # an array that goes on
                line += "\n" + lines[number].strip()
                number += 1
            key, equals, rest = _divided(line)
            if not equals:
                raise ValueError(f"line {number}: {line!r} is neither a table nor a key with a value")
            *parents, last = _key(key)
            value, left = _Reader(rest.strip(), number).value()
            if left and not left.startswith("#"):
                raise ValueError(f"line {number}: {left!r} follows the value of {key.strip()}")
            _table(table, parents)[last] = value
    return result


def _open(line: str) -> bool:
    """Tell whether an array begins on the line and does not end on it; brackets within strings do not count."""
    depth, quote, escaped = 0, "", False
    for character in _divided(line)[2]:
        if quote:
            if escaped:
                escaped = False
            elif character == "\\" and quote == '"':
                escaped = True
            elif character == quote:
                quote = ""
        elif character in "\"'":
            quote = character
        elif character == "[":
            depth += 1
        elif character == "]":
            depth -= 1
        elif character == "#" and not depth:
            break
    return depth > 0


def _divided(line: str) -> tuple[str, str, str]:
    """Divide a line at its first ``=`` outside of quotes."""
    quote = ""
    for position, character in enumerate(line):
        if quote:
            quote = "" if character == quote else quote
        elif character in "\"'":
            quote = character
        elif character == "=":
            return line[:position], "=", line[position + 1 :]
    return line, "", ""


def _key(text: str) -> list[str]:
    """Split a dotted key; a dot within quotes does not divide."""
    parts, part, quote = [], "", ""
    for character in text.strip():
        if quote:
            quote = "" if character == quote else quote
            part += character if quote else ""
        elif character in "\"'":
            quote = character
        elif character == ".":
            parts.append(part.strip())
            part = ""
        else:
            part += character
    return [*parts, part.strip()]


def _table(within: dict[str, Any], path: list[str]) -> dict[str, Any]:
    for part in path:
        within = within.setdefault(part, {})
        if not isinstance(within, dict):
            raise ValueError(f"{part} is a value and a table")  # noqa: TRY004
    return within


class _Reader:
    """Reads one value from the beginning of a text."""

    def __init__(self, text: str, line: int) -> None:
        self._text = text
        self._line = line

    def value(self) -> tuple[Any, str]:
        """Return the value and what follows it."""
        text = self._text
        first = text[:1]
        if text.startswith(('"""', "'''")):
            raise ValueError(f"line {self._line}: strings of several lines are not read here")
        if first == '"':
            return self._quoted()
        if first == "'":
            end = text.find("'", 1)
            if end < 0:
                raise ValueError(f"line {self._line}: the string has no end")
            return text[1:end], text[end + 1 :].strip()
        if first == "[":
            return self._items("]")
        if first == "{":
            return self._items("}")
        return self._word()

    def _quoted(self) -> tuple[str, str]:
        characters: list[str] = []
        position = 1
        text = self._text
        while position < len(text):
            character = text[position]
            position += 1
            if character == '"':
                return "".join(characters), text[position:].strip()
            if character == "\\":
                escape = text[position : position + 1]
                position += 1
                if escape in ("u", "U"):
                    digits = 4 if escape == "u" else 8
                    characters.append(chr(int(text[position : position + digits], 16)))
                    position += digits
                elif escape in _ESCAPES:
                    characters.append(_ESCAPES[escape])
                else:
                    raise ValueError(f"line {self._line}: \\{escape} is no escape")
            else:
                characters.append(character)
        raise ValueError(f"line {self._line}: the string has no end")

    def _items(self, end: str) -> tuple[Any, str]:
        items: list[Any] = []
        table: dict[str, Any] = {}
        rest = _uncommented(self._text[1:])
        while not rest.startswith(end):
            if not rest:
                raise ValueError(f"line {self._line}: {end!r} is missing")
            if end == "}":
                key, _, rest = rest.partition("=")
                value, rest = _Reader(rest.strip(), self._line).value()
                *parents, last = _key(key)
                _table(table, parents)[last] = value
            else:
                value, rest = _Reader(rest, self._line).value()
                items.append(value)
            rest = _uncommented(rest)
            if rest.startswith(","):
                rest = _uncommented(rest[1:])
            elif not rest.startswith(end):
                raise ValueError(f"line {self._line}: {rest[:20]!r} where ',' or {end!r} should be")
        return (table if end == "}" else items), rest[1:].strip()

    def _word(self) -> tuple[Any, str]:
        length = 0
        while length < len(self._text) and self._text[length] not in ",]}# \t\n":
            length += 1
        word, rest = self._text[:length], self._text[length:].strip()
        if word in ("true", "false"):
            return word == "true", rest
        digits = word.replace("_", "")
        for read in (int, float):
            try:
                return read(digits), rest
            except ValueError:
                continue
        raise ValueError(f"line {self._line}: {word!r} is no value")


def _uncommented(text: str) -> str:
    text = text.strip()
    while text.startswith("#"):
        text = text.partition("\n")[2].strip()
    return text
