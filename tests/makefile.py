"""What `make` can make."""

from __future__ import annotations

import re
from pathlib import Path

_MAKEFILE = Path(__file__).resolve().parents[1] / "Makefile"

TARGETS = {
    target
    for line in re.findall(r"^([a-z][a-z -]*):(?!=)", _MAKEFILE.read_text(encoding="utf-8"), re.MULTILINE)
    for target in line.split()
}
