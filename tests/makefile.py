"""What `make` can make, and what it has made."""

from __future__ import annotations

import os
import re
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]
DIST = Path(os.environ.get("AUTOTRACE_CACHE") or CHECKOUT / ".cache") / "dist"
UV = CHECKOUT / ".venv" / "bin" / "uv"

TARGETS = {
    target
    for line in re.findall(r"^([a-z][a-z -]*):(?!=)", (CHECKOUT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    for target in line.split()
}


def wheel():
    """Return the wheel that the tests run on."""
    (file,) = DIST.glob("autotrace-*.whl")
    return file
