"""Runs the test suite of an application that is checked out somewhere, bare and under autotrace-run, and compares.

    make wheel
    .venv/bin/python -m tests.transparency.application --tree DIR --python VENV/bin/python --label 'shop 1.2' \\
        [--set NAME=VALUE]... [--pytest=ARG]... PATH...

The environment VENV has the application's requirements and pytest; autotrace and a plug-in of ours are put into it.
PATH are the tests, below DIR, which is copied for each run; a service that they need (PostgreSQL) is started before,
as by ``python -m tests.services postgresql -- ...``. The exit code is 1 where a test ends in another way than bare.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import sys
from pathlib import Path

from .__main__ import compared, wheel_of
from .libraries import Library
from .report import table
from .running import PLUGIN, Suite, call
from .trees import requests_in


class Application(Suite):
    """The suite of an application that is there, in an environment that is there.

    Args:
        library: its name, tests, options and environment variables.
        directory: where copies, logs, reports and spans are put.
        python: the environment's interpreter.
        wheel: the built wheel of autotrace.
        tree: the application.
    """

    def __init__(self, library: Library, directory: Path, python: Path, wheel: Path, tree: Path) -> None:
        super().__init__(library, directory, "", wheel)
        self.python, self._tree = python, tree

    def prepare(self) -> None:
        """Put autotrace and the plug-in into the environment.

        Raises:
            SuiteError: they cannot be installed.
        """
        installer = Path(sys.executable).with_name("uv")
        call(
            str(installer),
            "pip",
            "install",
            "--quiet",
            "--reinstall",
            "--no-deps",
            "--python",
            str(self.python),
            str(self._wheel),
        )
        call(str(installer), "pip", "install", "--quiet", "--python", str(self.python), str(self._wheel), "pytest")
        packages = next((self.python.parent.parent / "lib").glob("python*/site-packages"))
        shutil.copy(Path(__file__).with_name("witness.py"), packages / f"{PLUGIN}.py")


def main() -> int:
    """Run the suite; return the exit code."""
    given = _arguments()
    name, _, version = given.label.rpartition(" ")
    environ = tuple((one.partition("=")[0], one.partition("=")[2]) for one in given.set)
    library = Library(name, version, paths=tuple(given.paths), options=tuple(given.pytest), environ=environ)
    suite = Application(
        library, given.keep.absolute(), given.python.absolute(), wheel_of(given.wheel), given.tree.absolute()
    )
    row = compared(suite)
    print(table([row]))
    counts = requests_in(suite.traced[0]) if suite.traced else []
    if counts:
        print(f"requests: {len(counts):,}; spans of one: {statistics.median(counts):g}, at most {max(counts):,}")
    return int(bool(row.failure or (row.comparison and row.comparison.defects)))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.transparency.application", description="Whether an application notices us."
    )
    parser.add_argument("paths", nargs="+", help="files and folders with tests, below --tree")
    parser.add_argument("--tree", type=Path, required=True, help="the application, checked out")
    parser.add_argument("--python", type=Path, required=True, help="of an environment with all that its suite needs")
    parser.add_argument("--label", required=True, help="name and version, for the report")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="an environment variable")
    parser.add_argument("--pytest", action="append", default=[], metavar="ARG", help="one more argument for pytest")
    parser.add_argument("--keep", type=Path, required=True, help="work in this new directory: logs, reports, spans")
    parser.add_argument("--wheel", help="of autotrace (default: the one that 'make wheel' built)")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
