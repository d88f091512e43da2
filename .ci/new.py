"""Writes the files of a built-in instrumentor: ``make new NAME=acme FAMILY=http_client``.

That is the instrumentor, its row in the catalog, its test, and the library's pins.  What it cannot know it says at the end;
in the files, what the author has to write raises until it is written.
"""

from __future__ import annotations

import argparse
import ast
import re
import subprocess
import sys
from pathlib import Path
from string import Template

CHECKOUT = Path(__file__).resolve().parents[1]
TEMPLATES = Path(__file__).resolve().parent / "templates"
FAMILIES = {
    "concurrency": "threads and processes",
    "db_client": "database",
    "http_client": "HTTP client",
    "http_server": "web server",
    "messaging": "messages",
}
LEFT = """\
Written:
  {files}
What is left:
  1. {instrumentor}: the places to patch, and the facts.  docs/writing-an-instrumentor.md explains both.
  2. {test}: how the library is called, and what only this library does.
  3. tests/constraints: the oldest version that is supported in py3.9.txt{pins}.
  4. autotrace/patching/wellknown.py: {distribution} is supported now, so it goes from that table.
  5. docs/libraries.toml: what has a span, and what the tests run the library against; .venv/bin/python docs/generate.py;
     then the table in README.md and the changelog by hand.
Until then `make test ARGS=tests/instrumentors/test_{name}.py` fails where something is still to be written."""


def main() -> None:
    """Read the command line, write everything or nothing."""
    parser = argparse.ArgumentParser(prog="make new", description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("name", help="the module that a program imports")
    parser.add_argument("family", choices=sorted(FAMILIES))
    parser.add_argument("--distribution", default="", help="where it is not called as the module")
    parser.add_argument("--version", default="", help="to pin; by default uv finds the newest for each Python")
    parser.add_argument("--tree", type=Path, default=CHECKOUT, help="the checkout to write into")
    given = parser.parse_args()
    distribution = given.distribution or given.name.replace("_", "-")
    if not given.name.isidentifier() or given.name != given.name.lower():
        parser.error(f"{given.name!r} is not the name of a top-level module in lower case")
    instrumentor = given.tree / "instrumentors" / f"{given.name}.py"
    test = given.tree / "tests" / "instrumentors" / f"test_{given.name}.py"
    catalog = given.tree / "autotrace" / "patching" / "catalog.py"
    for file in (instrumentor, test):
        if file.exists():
            parser.error(f"{file.relative_to(given.tree)} is there already")
    pinned = _pins(given.tree / "tests" / "constraints", distribution, given.version)
    version = ".".join(re.findall(r"\d+", _newest(pinned, distribution))[:2])
    words = {"name": given.name}
    row = (given.name, f"{distribution}>={version}", FAMILIES[given.family])
    part = (given.name, given.family, given.name, f".{given.name}")
    changed = {
        instrumentor: _filled(f"{given.family}.py.txt", words),
        test: _filled(f"test_{given.family}.py.txt", words),
        catalog: _with_row(catalog.read_text(encoding="utf-8"), row, part),
        **{file: _with_lines(file, lines) for file, lines in pinned.items()},
    }
    requirements = given.tree / "tests" / "requirements.txt"
    changed[requirements] = _with_lines(requirements, [distribution])
    for file, text in changed.items():
        file.write_text(text, encoding="utf-8")
    print(  # noqa: T201
        LEFT.format(
            files="\n  ".join(str(file.relative_to(given.tree)) for file in changed),
            instrumentor=instrumentor.relative_to(given.tree),
            test=test.relative_to(given.tree),
            pins=", and what the library itself requires" if given.version else "",
            distribution=distribution,
            name=given.name,
        )
    )


def _filled(template: str, words: dict[str, str]) -> str:
    return Template((TEMPLATES / template).read_text(encoding="utf-8")).substitute(words)


def _with_row(source: str, row: tuple[str, ...], part: tuple[str, ...]) -> str:
    """Return the catalog with one more library, in the order of the alphabet."""
    (table,) = (
        node.value
        for node in ast.parse(source).body
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.target.id == "LIBRARIES"
    )
    assert isinstance(table, ast.Tuple)
    at = (table.end_lineno or 0) - 1  # the line of its last bracket
    for known in reversed(table.elts):
        name = ast.literal_eval(known)[0]
        if name == row[0]:
            sys.exit(f"make new: {name} has a row in the catalog already")
        if name > row[0]:
            at = known.lineno - 1
    head, cells = (", ".join(f'"{cell}"' for cell in words) for words in (row, part))
    text = f"    ({head}, ({cells})),\n"
    if len(text) > 121:
        text = f"    ({head},\n     ({cells})),\n"
    lines = source.splitlines(keepends=True)
    return "".join([*lines[:at], text, *lines[at:]])


def _pins(folder: Path, distribution: str, version: str) -> dict[Path, list[str]]:
    """Return the lines that each file of pins needs for a library."""
    files = sorted(folder.glob("py3.*.txt"), key=lambda file: int(file.stem.rpartition(".")[2]))
    found = {file: _resolved(file, distribution, version, file.stem[2:]) for file in files}
    # Types are checked against the libraries of the newest Python that has all of them.
    incomplete = re.findall(
        r'^python = "(.*)"', (folder.parent / "speeds.toml").read_text(encoding="utf-8"), re.MULTILINE
    )
    newest = [file for file in files if file.stem[2:] not in incomplete][-1]
    return {**found, folder / "lint.txt": found[newest]}


def _resolved(file: Path, distribution: str, version: str, python: str) -> list[str]:
    """Return the pins of a library and of what it requires, on one Python."""
    pin = re.search(rf"^{re.escape(distribution)}==.*$", file.read_text(encoding="utf-8"), re.MULTILINE | re.IGNORECASE)
    if pin:
        return [pin[0]]
    if version:
        return [f"{distribution}=={version}"]
    options = ["--quiet", "--no-header", "--no-annotate", "--python-version", python, "--constraint", str(file)]
    command = [str(CHECKOUT / ".venv" / "bin" / "uv"), "pip", "compile", *options, "-"]
    done = subprocess.run(command, input=distribution, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        sys.exit(f"make new: on Python {python} there is no {distribution} beside {file.name}:\n{done.stderr}")
    return done.stdout.split("\n")[:-1]


def _newest(pinned: dict[Path, list[str]], distribution: str) -> str:
    (lines,) = [lines for file, lines in pinned.items() if file.stem == "lint"]
    return next(line for line in lines if line.lower().startswith(f"{distribution.lower()}==")).partition("==")[2]


def _with_lines(file: Path, lines: list[str]) -> str:
    """Return a file of names with more of them, each where the alphabet has it; one that is there stays as it is."""
    have = file.read_text(encoding="utf-8").splitlines()
    for line in lines:
        names = [re.split(r"[^\w.-]", one)[0].lower() if re.match(r"\w", one) else "" for one in have]
        name = re.split(r"[^\w.-]", line)[0].lower()
        if name not in names:
            have.insert(next((at for at, one in enumerate(names) if one > name), len(have)), line)
    return "\n".join([*have, ""])


if __name__ == "__main__":
    main()
