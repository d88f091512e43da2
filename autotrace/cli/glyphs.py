"""The signs that the pictures are drawn with: one set for terminals that know Unicode, one for those that do not."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Glyphs:
    """One sign each. `kinds` goes by the name of the span kind; all signs are one cell wide but `more` and `micro`."""

    kinds: dict[str, str]
    branch: str
    corner: str
    pipe: str
    path: str
    work: str
    wait: str
    failed: str
    times: str
    dot: str
    arrow: str
    more: str
    micro: str


UNICODE = Glyphs(
    kinds={"INTERNAL": "·", "SERVER": "←", "CLIENT": "→", "PRODUCER": "⇢", "CONSUMER": "⇠"},
    branch="├ ",
    corner="└ ",
    pipe="│ ",
    path="━",
    work="─",
    wait="┈",
    failed="✗",
    times="×",  # noqa: RUF001 the multiplication sign is meant
    dot="·",
    arrow="→",
    more="…",
    micro="µs",
)

ASCII = Glyphs(
    kinds={"INTERNAL": "*", "SERVER": "<", "CLIENT": ">", "PRODUCER": "}", "CONSUMER": "{"},
    branch="+ ",
    corner="` ",
    pipe="| ",
    path="=",
    work="-",
    wait=".",
    failed="!",
    times="x",
    dot="|",
    arrow=">",
    more="..",
    micro="us",
)


def glyphs_for(encoding: str | None) -> Glyphs:
    """Choose the set that an encoding can carry."""
    try:
        drawn = "".join((*UNICODE.kinds.values(), *(str(sign) for sign in vars(UNICODE).values())))
        drawn.encode(encoding or "ascii")
    except (UnicodeError, LookupError):
        return ASCII
    return UNICODE
