"""Which tests run: a pytest plugin that reads speeds.toml, the one table of what runs where.

``--speed`` names a column of it; files that do not run are not even imported. Property tests run the same examples each time,
and new ones with ``--speed nightly``.
"""

from __future__ import annotations

import gc
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from services.fixtures import needs

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).parent
TABLE = tomllib.loads((HERE / "speeds.toml").read_text(encoding="utf-8"))
PYTHON = f"{sys.version_info[0]}.{sys.version_info[1]}"
SPEEDS = ("check", "newest", "others", "nightly")
STARTS = ("subprocess.Popen", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn", "os.system", "os.startfile")
"""The audit events of a process that is started."""

# What a property test says itself would rule over these, so none says how many examples it wants. The same examples in each
# run, so that a run is red only for what was changed; the random ones find what nobody thought of.
settings.register_profile("fixed", deadline=None, database=None, derandomize=True, max_examples=60)
settings.register_profile("random", deadline=None, database=None, max_examples=1000, print_blob=True)


COLLECTED = pytest.StashKey["dict[Path, list[str]]"]()
"""The names of all tests that were found, by file, with those that do not run at this speed."""


def row(path: Path, test: str = "") -> str:
    """Return the name of the row that rules over a file of tests, or over a test of it.

    Raises:
        KeyError: no row does.
    """
    name = path.relative_to(HERE).as_posix()
    fitting = [one for one in TABLE["runs"] if _fits(one, name, test)]
    if not fitting:
        raise KeyError(f"tests/speeds.toml does not say where {name} runs")
    return max(fitting, key=lambda one: ("::" in one, len(one)))


def _fits(row: str, name: str, test: str) -> bool:
    """Tell whether a row speaks of a file, or of a test of it."""
    place, _, word = row.partition("::")
    return f"{name}/".startswith(f"{place}/") and word in test


def runs(path: Path, speed: str, test: str = "") -> bool:
    """Tell whether a file of tests, or a test of it, runs at a speed."""
    return speed == "nightly" or speed in TABLE["runs"][row(path, test)]


def kinds(item: pytest.Item) -> set[str]:
    """Return the kinds of the table that a test is of."""
    marked = {kind for kind in TABLE["kinds"] if item.get_closest_marker(kind)}
    return marked | ({"service"} if needs(item) else set())


def _left_out(speed: str) -> set[str]:
    """Return the kinds of tests that do not run at a speed."""
    return {kind for kind, told in TABLE["kinds"].items() if speed in told["not"]}


def missing(path: Path, test: str | None = None) -> str:
    """Return why a test, or a whole file, is skipped where a library has no wheel for this Python, or an empty string."""
    name = path.relative_to(HERE).as_posix()
    for row in TABLE["no_wheel"]:
        for place in row["tests"] if row["python"] == PYTHON else ():
            folder, _, word = place.partition("::")
            about = f"{name}/".startswith(f"{folder}/") and bool(word) == (test is not None)
            if about and word in (test or ""):
                return f"{row['library']} {row['version']} has no wheel for Python {PYTHON}"
    return ""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--speed``."""
    text = "which tests run, a column of tests/speeds.toml; nightly is all of them, with random examples"
    parser.addoption("--speed", choices=SPEEDS, default="newest", help=text)


def pytest_configure(config: pytest.Config) -> None:
    """Register the kinds as marks, and choose how property tests get their examples."""
    for kind, told in TABLE["kinds"].items():
        config.addinivalue_line("markers", f"{kind}: {told['help']}; see tests/speeds.toml")
    settings.load_profile("random" if config.option.speed == "nightly" else "fixed")
    config.pluginmanager.register(_NoProcesses(), "no-processes")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Pass over files that do not run at this speed."""
    if not collection_path.name.startswith("test_") or collection_path.is_dir() or HERE not in collection_path.parents:
        return None
    return None if runs(collection_path, config.option.speed) else True


class _Missing(pytest.Module):
    """A file of tests whose library is not there: it is not even imported."""

    def collect(self) -> list[pytest.Item | pytest.Collector]:
        """Skip."""
        pytest.skip(missing(self.path), allow_module_level=True)


def pytest_pycollect_makemodule(module_path: Path, parent: pytest.Collector) -> pytest.Module | None:
    """Pass over files whose library has no wheel for this Python, and say so."""
    found = HERE in module_path.parents and missing(module_path)
    return _Missing.from_parent(parent, path=module_path) if found else None


@pytest.hookimpl(tryfirst=True)  # before -k
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the tests that do not run at this speed, skip those whose library is not there."""
    collected = config.stash.setdefault(COLLECTED, {})
    for item in items:
        collected.setdefault(item.path, []).append(item.name)
        reason = missing(item.path, item.name)
        if reason:
            item.add_marker(pytest.mark.skip(reason=reason))
    speed = config.option.speed
    without = _left_out(speed)
    left = [item for item in items if kinds(item) & without or not runs(item.path, speed, item.name)]
    if left:
        config.hook.pytest_deselected(items=left)
        items[:] = [item for item in items if item not in set(left)]


def pytest_collection_finish() -> None:
    """Take what there is before the first test out of the garbage collector's sight: many tests collect all garbage."""
    gc.collect()
    gc.freeze()


class _NoProcesses:
    """Fails tests that start a process where the table promises that none does: those of ``check``, at every speed."""

    def __init__(self) -> None:
        self._started: list[str] = []
        sys.addaudithook(self._see)

    def _see(self, event: str, _: object) -> None:
        if event in STARTS:
            self._started.append(event)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> Iterator[None]:
        """Look at what the fixtures started."""
        yield from self._look(item)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Iterator[None]:
        """Look at what the test started."""
        yield from self._look(item)

    def _look(self, item: pytest.Item) -> Iterator[None]:
        self._started.clear()
        yield
        if self._started and runs(item.path, "check", item.name) and not kinds(item) & _left_out("check"):
            pytest.fail(f"it starts a process ({self._started[0]}): mark it `process`, or say so in tests/speeds.toml")
