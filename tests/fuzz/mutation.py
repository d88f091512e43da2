"""Hostile texts, made from good ones: cut, doubled, stretched, with wrong characters and wrong bytes in them."""

from __future__ import annotations

import random

from hypothesis import settings

_BAD = [
    "\x00",
    "\n",
    "\r\n",
    "\t",
    " ",
    "é",
    "\ud800",
    "%",
    "%zz",
    "%00",
    ";",
    ",",
    "=",
    "-",
    ":",
    "@",
    '"',
    "'",
    "\\",
    "[",
    "]",
    "0",
    "f",
]


class Mutation:
    """A source of hostile texts; the same seed gives the same ones.

    Args:
        seed: of the generator.
    """

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def texts(self, *good: str, share: float = 5):
        """Yield so many times the number of texts that a property test has examples, which is larger at night."""
        for _ in range(int(share * settings().max_examples)):
            text = self._random.choice(good)
            for _ in range(self._random.randint(1, 4)):
                text = self._changed(text)
            yield text

    def _changed(self, text: str) -> str:
        choice = self._random.random()
        at = self._random.randint(0, len(text))
        to = min(len(text), at + self._random.randint(0, 8))
        if choice < 0.2:
            return text[:at] + text[to:]
        if choice < 0.5:
            return text[:at] + self._random.choice(_BAD) + text[to:]
        if choice < 0.7:
            return (
                text[:at]
                + chr(self._random.choice((self._random.randrange(256), self._random.randrange(0x11000))))
                + text[at:]
            )
        if choice < 0.8:
            return (text[:at] + text[at:to] * self._random.randint(2, 50) + text[to:])[:20_000]
        if choice < 0.9:
            return (",".join([text] * self._random.randint(2, 40)))[:20_000]
        return (
            text[:at]
            + self._random.choice(("9", "a", "(", "[", "{", "=", ",")) * self._random.choice((10, 5000))
            + text[at:]
        )
