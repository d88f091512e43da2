"""Records anew."""

from __future__ import annotations

import json

from recording import operations
from recording.performing import RECORDED, performed

lines = [line for name in sorted(operations.GROUPS) for line in performed(name)]
RECORDED.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), encoding="utf-8")
print(f"{len(lines)} spans")
