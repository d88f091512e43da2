"""Routes of Django to be read: those of ``path`` as they are, those of ``re_path`` without regular expressions."""

from __future__ import annotations

import re
from functools import lru_cache

_EXPRESSION = re.compile(r"[\\^$(\[]")  # what the syntax of ``path`` has no use for
_ANCHORS = "AZzbBG"
_CLASSES = "dDsSwW"
_REPEATED = re.compile(r"(?:[*+?]|\{\d*,?\d*\})[?+]?")
_GROUP = re.compile(r"\?P<(\w+)>")


@lru_cache(maxsize=1024)
def template(route: str) -> str:
    """Return the template of a route as ``ResolverMatch.route`` has it, which may have both syntaxes.

    Groups become what ``path`` would have in their stead: ``<name>``, or ``<var>`` where they have no name.
    """
    return f"/{_readable(route) if _EXPRESSION.search(route) else route}"


def _readable(given: str) -> str:
    read, at = "", 0
    while at < len(given):
        sign = given[at]
        if sign == "\\":
            escaped = given[at + 1 : at + 2]
            at += 2
            if escaped in _CLASSES:
                read += sign + escaped
                at, repeated = _repeated(given, at)
                read += repeated
            elif escaped not in _ANCHORS:
                read += escaped
        elif sign == "(":
            end = _end(given, at)
            read += _group(given[at + 1 : end])
            at = _repeated(given, end + 1)[0]
        elif sign == "[":
            start, (at, _) = at, _repeated(given, _end_of_class(given, at) + 1)
            read += given[start:at]
        else:
            if sign not in "^$?*+":
                read += sign
            at += 1
    return read


def _group(content: str) -> str:
    named = _GROUP.match(content)
    if named:
        return f"<{named[1]}>"
    if content.startswith("?:"):
        inner = content[2:]
        return f"({inner})" if "|" in inner else _readable(inner)
    return "" if content.startswith("?") else "<var>"  # what only looks ahead or behind, or sets a flag


def _repeated(given: str, at: int) -> tuple[int, str]:
    found = _REPEATED.match(given, at)
    return (found.end(), found[0]) if found else (at, "")


def _end(given: str, at: int) -> int:
    """Return where the group that begins here ends."""
    depth = 0
    while at < len(given):
        sign = given[at]
        if sign == "\\":
            at += 1
        elif sign == "[":
            at = _end_of_class(given, at)
        elif sign == "(":
            depth += 1
        elif sign == ")":
            depth -= 1
            if not depth:
                return at
        at += 1
    return at


def _end_of_class(given: str, at: int) -> int:
    at += 2 if given[at + 1 : at + 2] != "^" else 3  # the first one in it may be the sign that would end it
    while at < len(given) and given[at] != "]":
        at += 2 if given[at] == "\\" else 1
    return at
