"""Draws the README's picture: ``autotrace show TRACE`` as it looks in a terminal, as SVG.

python docs/picture.py TRACE docs/pizza.svg    (reads AUTOTRACE_DATA_DIR)
"""

from __future__ import annotations

import os
import re
import subprocess
import sys

from rich.console import Console
from rich.text import Text

WIDTH = 96


def main(trace: str, file: str) -> None:
    """Run the command as if in a terminal and write what it prints."""
    environ = {**os.environ, "FORCE_COLOR": "1", "COLUMNS": str(WIDTH), "TERM": "xterm-256color"}
    done = subprocess.run(["autotrace", "show", trace], env=environ, capture_output=True, text=True, check=True)  # noqa: S607
    console = Console(record=True, width=WIDTH, file=open(os.devnull, "w", encoding="utf-8"), force_terminal=True)  # noqa: SIM115
    console.print("[bold]$ autotrace show last[/bold]")
    console.print(Text.from_ansi(done.stdout), end="")
    svg = console.export_svg(title="one order, four services")
    svg = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)  # no fonts from elsewhere
    with open(file, "w", encoding="utf-8") as picture:
        picture.write(svg)


if __name__ == "__main__":
    main(*sys.argv[1:])
