"""Counts the characters of a text that are looked at: what must be bounded, where a clock would tell of the machine."""

from __future__ import annotations

_CHEAP = {"startswith", "endswith"}
_WITHIN = {"find", "rfind", "index", "rindex", "count"}  # their last arguments say where they look


class Text(str):
    """A text whose parts know of it; ``looked`` is how many characters the methods of all of them went over.

    Regular expressions, ``int`` and comparisons see a text without asking it and are not counted.
    """

    __slots__ = ("tally",)

    @property
    def looked(self):
        """Return the count."""
        return self.tally[0]

    def __getitem__(self, place):
        part = str.__getitem__(self, place)
        self.tally[0] += len(part)
        return _part(part, self.tally)

    def __iter__(self):
        for letter in str.__iter__(self):
            self.tally[0] += 1
            yield letter

    def __contains__(self, piece):
        return self.find(piece) >= 0


def text(content):
    """Return a text that nobody has looked at yet."""
    return _part(content, [0])


def _part(found, tally):
    if isinstance(found, str):
        part = str.__new__(Text, found)
        part.tally = tally
        return part
    if isinstance(found, (list, tuple)):
        return type(found)(_part(one, tally) for one in found)
    return found


def _counting(name):
    original = getattr(str, name)

    def method(self, *args, **kwargs):
        start, end, _ = slice(*args[1:3]).indices(len(self)) if name in _WITHIN and len(args) > 2 else (0, len(self), 1)
        self.tally[0] += 0 if name in _CHEAP else max(end - start, 0)
        return _part(original(self, *args, **kwargs), self.tally)

    return method


for _name in dir(str):
    if not _name.startswith("_") and _name != "maketrans":
        setattr(Text, _name, _counting(_name))
