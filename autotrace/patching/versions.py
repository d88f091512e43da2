"""Version ranges, for the few operators that an instrumentor needs.

Compares release numbers only (``1.4.0rc1`` counts as ``1.4.0``); local versions, ``~=`` and wildcards are not
understood.  PEP 440, section "Version specifiers", for the rest.
"""

from __future__ import annotations


def release(version: str) -> tuple[int, ...]:
    """Return the release numbers without trailing zeros: ``"2.0.3rc1"`` is ``(2, 0, 3)``; an epoch is left out."""
    numbers = []
    for part in version.strip().lstrip("v").rpartition("!")[2].split("."):
        digits = ""
        for character in part:
            if not character.isdigit():
                break
            digits += character
        if not digits:
            break
        numbers.append(int(digits))
        if len(digits) != len(part):
            break
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)


def matches(version: str, versions: str) -> bool:
    """Tell whether a version lies within a range such as ``">=2.20,<4"`` or ``"*"``.

    Raises:
        ValueError: a clause of the range is not understood.
    """
    if versions.strip() in ("", "*"):
        return True
    return all(_holds(release(version), clause.strip()) for clause in versions.split(","))


def _holds(have: tuple[int, ...], clause: str) -> bool:
    for operator in (">=", "<=", "==", "!=", ">", "<"):
        if clause.startswith(operator):
            want = release(clause[len(operator) :])
            return {
                ">=": have >= want,
                "<=": have <= want,
                "==": have == want,
                "!=": have != want,
                ">": have > want,
                "<": have < want,
            }[operator]
    raise ValueError(f"{clause!r} is not a version clause; use one of >=, <=, ==, !=, >, <")


def required(requires: str) -> tuple[str, str]:
    """Split ``"redis>=4.2,<9"`` into the distribution and its range; without a range that is ``"*"``."""
    end = next((at for at, character in enumerate(requires) if character in "<>=!*"), len(requires))
    return requires[:end].strip(), requires[end:].strip() or "*"


def unsupported(distribution: str, version: str, versions: str) -> str:
    """Return why a version of a distribution is not supported, or an empty string."""
    if not version or matches(version, versions):
        return ""  # of an unknown version it is vendored, or put on the path by hand: the targets decide
    return f"{distribution} {version} is not {versions}"


def normalized(name: str) -> str:
    """Return a distribution's name as all its spellings have it (PEP 503, with ``_`` as in file names)."""
    return "_".join(part for part in name.lower().replace("-", "_").replace(".", "_").split("_") if part)
