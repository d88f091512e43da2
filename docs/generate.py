"""Writes the pages that are made from the code: ``python docs/generate.py`` (a test compares them with the code)."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

from autotrace.config.settings import TABLE
from autotrace.launch.launcher import USAGE
from autotrace.patching.catalog import LIBRARIES
from autotrace.patching.versions import normalized, release, required

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

HERE = Path(__file__).parent
CONSTRAINTS = HERE.parent / "tests" / "constraints"
TRIED: dict[str, Any] = tomllib.loads((HERE / "libraries.toml").read_text(encoding="utf-8"))


def _default(value: object) -> str:
    if value in (None, "", (), {}):
        return ""
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, tuple):
        return f"`{','.join(value)}`"
    if value == 256 << 20:
        return "`256MiB`"
    return f"`{value}`"


def settings() -> str:
    """Return the page of all settings."""
    rows = []
    for setting in TABLE:
        also = " ".join(f"`{variable}`" for variable, _ in setting.also)
        rows.append(f"| `{setting.name}` | {setting.help} | {_default(setting.default)} | {also} |")
    return f"""\
# Settings

<!-- made by docs/generate.py from autotrace/config/settings.py -->

None is needed.
Each can be given in three places; the first that has it counts:

1. the environment: `AUTOTRACE_` and the setting's name in capitals, such as `AUTOTRACE_SERVICE_NAME`,
   or the OpenTelemetry variable in the last column;
2. a file: `autotrace.toml`, or the table `[tool.autotrace]` of `pyproject.toml`,
   the nearest one at or above the working directory (`AUTOTRACE_CONFIG` names another);
3. the default.

A value that cannot be read counts as not set, and so does a word in a list that nobody knows.
`autotrace-run` prints one line for each before it starts the program, and `autotrace doctor` shows them all:
what is wrong, what was probably meant, and what holds instead.
Variables that begin with `AUTOTRACE_` or `OTEL_` and that nothing reads are named as well.
Headers, URLs with a user, and other values that may be secret are never printed.

A file that is found counts only if it and its directory belong to you or to root and nobody else may write them;
one that `AUTOTRACE_CONFIG` or `--config` names always counts.

A path may begin with `~`. In a file it is relative to the file's directory, elsewhere to the working directory,
and it is made absolute once.

```toml
# autotrace.toml
service_name = "ordering"
sample_ratio = 0.1
instrumentors_off = ["sqlite3"]
excluded_urls = ["/health$"]
```

| setting | what it is | default | also read from |
|---|---|---|---|
{chr(10).join(rows)}

Lists are written `a,b` in the environment and `["a", "b"]` in a file, tables `a=1,b=2` and `{{a = "1", b = "2"}}`.

## Options of autotrace-run

```console
$ autotrace-run --help
{USAGE.rstrip()}
```
"""


def pythons() -> list[str]:
    """Return the Pythons that have a file of pins, oldest first."""
    return sorted((file.stem[2:] for file in CONSTRAINTS.glob("py*.txt")), key=release)


def pins() -> dict[str, list[str]]:
    """Return the versions that the tests run, oldest first, by the distribution's normalized name."""
    found: dict[str, set[str]] = {}
    for file in (*CONSTRAINTS.glob("py*.txt"), *CONSTRAINTS.glob("apart-*.txt")):
        for name, version in re.findall(r"^([\w.-]+)==([^\s;]+)", file.read_text(encoding="utf-8"), re.MULTILINE):
            found.setdefault(normalized(name), set()).add(version)
    return {name: sorted(versions, key=release) for name, versions in found.items()}


def _tested(library: str, requires: list[str], pinned: dict[str, list[str]]) -> str:
    """Return the oldest and the newest version that the tests run of each distribution of a library."""
    told = []
    distributions = TRIED["libraries"][library].get("pinned") or [required(one)[0] for one in requires if one]
    for distribution in dict.fromkeys(distributions):
        versions = pinned[normalized(distribution)]
        name = f"{distribution} " if told else ""
        told.append(name + " to ".join(dict.fromkeys((versions[0], versions[-1]))))
    return "; ".join(told) or f"Python {pythons()[0]} to {pythons()[-1]}"


def instrumentors() -> str:
    """Return the page of all instrumentors."""
    libraries, parts, pinned = [], [], pins()
    for library, requires, what, *rows in LIBRARIES:
        distribution, versions = required(requires)
        tried = TRIED["libraries"][library]
        cells = (
            f"`{library}`",
            what,
            tried["captured"],
            f"{distribution} {versions}" if distribution else "Python's own",
            _tested(library, [requires, *(own for row in rows for own in row[4:])], pinned),
            "; ".join(TRIED["things"].get(thing, thing) for thing in tried["against"]),
        )
        libraries.append(f"| {' | '.join(cells)} |")
        head = f"| `{library}` |"
        for name, family, trigger, _, *own in rows:
            fits = f" {' '.join(required(own[0]))}" if own else ""
            parts.append(f"{head} `{name}` | `{family}` | `{trigger}` |{fits} |")
            head = "| |"
    return f"""\
# Instrumentors

<!-- made by docs/generate.py from autotrace/patching/catalog.py, docs/libraries.toml and tests/constraints -->

Each is switched on and off by its name, by its library's name, by its family's name, or by `all`,
in the settings `instrumentors` and `instrumentors_off`.
A library's name (also its distribution's, and OpenTelemetry's) covers all its parts: `celery` is also `celery_worker`.
The nearest word decides; a name beats its library, and that its family:
`instrumentors_off = ["http_client"]` with `instrumentors = ["all", "requests"]` leaves `requests` on.

## Libraries

Tested are the oldest and the newest version in the row, and some between: by `make nightly`, on Python {pythons()[0]} to
{pythons()[-1]}. `make test` tests the newest.
What a library was run against is real: servers of Debian 12, and Kafka's own.
Where there was none to be had, the row says so.

| library, and its switch | what it is | what has a span | supported | tested | run against |
|---|---|---|---|---|---|
{chr(10).join(libraries)}

## Parts of libraries

The name of each is a switch, too, and so is its family.

| library | instrumentor | family | patched when this is imported | supported, where that is not the library's |
|---|---|---|---|---|
{chr(10).join(parts)}

## Third-party instrumentors

A distribution announces its own by an entry point, whose name is the module that triggers it:

```toml
[project.entry-points."autotrace.instrumentors"]
acme = "acme_autotrace:INSTRUMENTOR"
```

[Writing an instrumentor](writing-an-instrumentor.md) shows it from the beginning, with its tests.
"""


PAGES = {"settings.md": settings, "instrumentors.md": instrumentors}

if __name__ == "__main__":
    for name, page in PAGES.items():
        (HERE / name).write_text(page(), encoding="utf-8")
