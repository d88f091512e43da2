"""The command `autotrace`, also as `python -m autotrace`.

`run`, `doctor` and `--version` need nothing but the standard library; everything else needs the extra `ui`, and says so in
one line where it is missing.
"""

from __future__ import annotations

import os
import sys

NEEDED = {"click": "click", "rich": "rich", "google": "opentelemetry-proto", "opentelemetry": "opentelemetry-proto"}
"""What the reading commands import, by the distribution that has it."""


def main(arguments: list[str] | None = None) -> int:
    """Run `autotrace`.

    Args:
        arguments: without the program's name, by default those of the process.

    Returns:
        the exit code.
    """
    try:
        code = _run(sys.argv[1:] if arguments is None else arguments)
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        # Whoever read our output has seen enough. Python would complain once more when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        return 130


def _run(arguments: list[str]) -> int:
    if arguments[:1] == ["run"]:
        return run(arguments[1:])
    if arguments[:1] == ["doctor"]:
        from autotrace.doctor.command import main as examine

        return examine(arguments[1:])
    if arguments == ["--version"]:
        from autotrace import __version__

        sys.stdout.write(f"autotrace {__version__}\n")
        return 0
    absent = _absent()
    try:
        if not absent:
            from autotrace.cli.main import main as read

            return read(arguments)
    except ImportError as error:  # a part of something that is there otherwise
        absent = NEEDED.get((error.name or "").partition(".")[0], "")
        if not absent:
            raise
    sys.stderr.write(f"autotrace: {absent} is not installed; run: pip install 'autotrace[ui]'\n")
    return 2


def _absent() -> str:
    """Return the distribution that the reading commands lack, or an empty text; nothing is imported to find out."""
    from importlib.util import find_spec

    return next((distribution for module, distribution in NEEDED.items() if find_spec(module) is None), "")


def run(arguments: list[str]) -> int:
    """Start a program with tracing, its arguments untouched."""
    from autotrace.launch.launcher import main as launch

    sys.argv = ["autotrace run", *arguments]
    return int(launch() or 0)


if __name__ == "__main__":
    sys.exit(main())
