"""Runs the test suites of well-known libraries, bare and under autotrace-run, and compares them test by test.

    make transparency                                all of them; about an hour
    make transparency ARGS='--only requests,flask'   some of them
    make transparency ARGS='--publish'               and put the report into docs/transparency.md
    make transparency ARGS='--only urllib3 --jobs 8' in so many processes at once; for suites that mostly wait
    make transparency ARGS='--checkouts ../clones'   where clones of repositories lie, each called as its row

Each suite runs twice bare, so that tests that do not agree with themselves are known, and once traced.  Files with
differences run again, bare and traced: a difference counts where it stays.  Last they run without propagation, which
tells whether the added header is all that makes the difference.  The exit code is 1 where it is not.  Services that a
suite wants are started for each run; their programs are installed where they are missing.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.environments import UnavailableError, interpreter
from tests.services import packages
from tests.services.errors import ServiceUnavailable
from tests.services.shared import Services

from .comparing import compare
from .libraries import BY_NAME, LIBRARIES
from .report import Row, page, table
from .running import Suite, SuiteError, say

CHECKOUT = Path(__file__).resolve().parent.parent.parent
_AGAIN = 2  # times that files with differences run once more


def main() -> int:
    """Run the suites; return the exit code."""
    given = _arguments()
    had = [library.name for library in LIBRARIES if given.checkouts or not library.tag]
    names = [name.strip() for name in given.only.split(",")] if given.only else had
    if unknown := [name for name in names if name not in BY_NAME]:
        sys.exit(f"transparency: there is no {', '.join(unknown)}; there are {', '.join(BY_NAME)}")
    directory = Path(given.keep).absolute() if given.keep else Path(tempfile.mkdtemp(prefix="autotrace-transparency-"))
    try:
        python, wheel = interpreter(given.python), _wheel(given.wheel)
        checkouts = Path(given.checkouts).absolute() if given.checkouts else None
        packages.allowed = True
        rows = []
        for library in LIBRARIES:
            if library.name in names:
                suite = Suite(library, directory, python, wheel, given.latest, given.jobs, checkouts, Services)
                rows.append(_row(suite))
                print(table(rows[-1:]), flush=True)
    except UnavailableError as error:
        sys.exit(f"transparency: {error}")
    finally:
        if not given.keep:
            shutil.rmtree(directory, ignore_errors=True)
    print(table(rows))
    if given.publish:
        target = CHECKOUT / "docs" / "transparency.md"
        before = target.read_text(encoding="utf-8") if target.exists() else ""
        target.write_text(page(before, rows, given.python, time.strftime("%Y-%m-%d")), encoding="utf-8")
    return int(any(row.failure or (row.comparison and row.comparison.defects) for row in rows))


def _row(suite: Suite) -> Row:
    row = Row(suite.library)
    try:
        say(f"{suite.library.name}: fetching and installing")
        suite.prepare()
        row.version = suite.version
        bare, traced = [], []
        for number in range(2):
            say(f"{suite.library.name} {suite.version}: bare, {number + 1} of 2")
            bare.append(suite.run(traced=False).outcomes)
        say(f"{suite.library.name} {suite.version}: traced")
        run = suite.run(traced=True)
        row.spans, row.witness = run.spans, run.witness
        traced.append(run.outcomes)
        row.comparison = compare(bare, traced)
        for _ in range(_AGAIN):
            files = suite.files_of(list(row.comparison.differences))
            if not files:
                break
            say(f"{suite.library.name}: {len(row.comparison.differences)} differ; once more: {' '.join(files)}")
            bare.append(suite.run(traced=False, only=files).outcomes)
            traced.append(suite.run(traced=True, only=files).outcomes)
            row.comparison = compare(bare, traced)
        files = suite.files_of(list(row.comparison.differences))
        if files:
            say(f"{suite.library.name}: once more, without propagation")
            row.comparison.without_headers(suite.run(traced=True, only=files, propagators="none").outcomes)
    except (SuiteError, ServiceUnavailable) as error:
        row.failure = str(error)
    return row


def _wheel(given: str | None) -> Path:
    cache = CHECKOUT / (os.environ.get("AUTOTRACE_CACHE") or ".cache")
    found = [Path(given)] if given else sorted((cache / "dist").glob("autotrace-*.whl"))
    if len(found) != 1 or not found[0].is_file():
        raise UnavailableError("there is no wheel of autotrace: 'make wheel' builds one, and --wheel names another")
    return found[0].resolve()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make transparency ARGS='...'", description="Whether libraries notice us.")
    parser.add_argument("--only", help=f"of {', '.join(BY_NAME)}; separated by commas")
    parser.add_argument("--python", default="3.11", help="the version, such as 3.13 (default: %(default)s)")
    parser.add_argument("--latest", action="store_true", help="the newest versions, not those that are written down")
    parser.add_argument(
        "--jobs", type=int, default=4, help="processes of a run, of libraries that allow it (default: %(default)s)"
    )
    parser.add_argument("--keep", help="work in this new directory and keep it: logs, reports, environments")
    parser.add_argument(
        "--checkouts",
        help="a folder with clones of repositories whose tests are in no source distribution, called as the rows",
    )
    parser.add_argument("--publish", action="store_true", help="put the report into docs/transparency.md")
    parser.add_argument("--wheel", help="of autotrace (default: the one that 'make wheel' built)")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
