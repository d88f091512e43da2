"""Foreign text, made fit for a terminal.

Names of spans, libraries and files, and whatever a configuration says, come from others, so nothing of theirs reaches the
terminal uncleaned: a control character could move the cursor or worse.
"""

from __future__ import annotations

_MARKED = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160))}
_MARKED.update({code: f"\\u{code:04x}" for code in (0x2028, 0x2029, *range(0x202A, 0x202F), *range(0x2066, 0x206A))})
_MARKED.update({ord("\n"): "\\n", ord("\t"): "\\t", ord("\r"): "\\r"})
_MARKED.update(dict.fromkeys(range(55296, 57344), "�"))


def clean(text: str) -> str:
    """Return the text on one line, control and direction characters made visible."""
    return text.translate(_MARKED)


def clean_lines(text: str) -> str:
    """Return a text of several lines, each as `clean` makes it."""
    return "\n".join(map(clean, text.split("\n")))
