"""Getting a library's source distribution and running its test suite, in a directory that is thrown away."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from benchmarks.environments import clean_environment

from .comparing import ENDS, Outcome, outcomes
from .trees import spans_in

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from tests.services.shared import Services

    from .libraries import Library

PLUGIN = "autotrace_transparency_witness"
_LONGEST = 3600  # s, for one run of one suite
_END = 60  # s, from pytest's report to the end of its process


class SuiteError(Exception):
    """A suite cannot be had or cannot be run; the text says why."""


class Address(NamedTuple):
    """Where a service listens."""

    host: str
    port: str


class Run:
    """What came out of one run.

    Attributes:
        outcomes: by the tests' names.
        seconds: how long it took.
        witness: what autotrace said of itself; empty where it was not there.
        spans: how many spans lie in the inbox.
    """

    def __init__(self, found: dict[str, Outcome], seconds: float, witness: dict[str, Any], spans: int) -> None:
        self.outcomes = found
        self.seconds = seconds
        self.witness = witness
        self.spans = spans


class Suite:
    """One library's test suite.

    Args:
        library: which.
        directory: where everything is put.
        python: the interpreter to make the environment with.
        wheel: the built wheel of autotrace.
        latest: take the newest version, not the one that is written down.
        jobs: processes of a run, where the library's files may run apart.
        checkouts: holds a clone of the repository, named as the library, of those whose tests are nowhere else.
        services: makes what starts and stops the services of a run.

    Attributes:
        traced: the inboxes of all traced runs, in their order.
    """

    def __init__(
        self,
        library: Library,
        directory: Path,
        python: str,
        wheel: Path,
        latest: bool = False,
        jobs: int = 1,
        checkouts: Path | None = None,
        services: Callable[[], Services] | None = None,
    ) -> None:
        self.library = library
        self._jobs, self._checkouts, self._services = jobs, checkouts, services
        self._home = directory / library.name
        self._home.mkdir(parents=True)
        self._environment = self._home / "venv"
        self.python = self._environment / "bin" / "python"
        self._wheel = wheel
        self._interpreter = python
        self._wanted = library.project if latest else f"{library.project}=={library.version}"
        self._runs = 0
        self.tree = self._home / "tree"
        self.version = library.version
        self.traced: list[Path] = []

    def prepare(self) -> None:
        """Fetch the source distribution by the ordinary client, and install the library with what its suite needs.

        Raises:
            SuiteError: it cannot be had or installed.
        """
        call(self._interpreter, "-m", "venv", str(self._environment))
        sources = self._home / "sources"
        pip = (str(self.python), "-m", "pip", "--quiet", "--disable-pip-version-check")
        name = self.library.project
        if self.library.tag:
            archive = self._archive(sources)
        else:
            call(*pip, "download", "--no-deps", "--no-binary", name, "--dest", str(sources), self._wanted)
            archives = [file for file in sources.iterdir() if file.name.endswith(".tar.gz")]
            if len(archives) != 1:
                raise SuiteError(f"no source distribution came for {self._wanted}")
            archive = archives[0]
        with tarfile.open(archive) as opened:
            opened.extractall(sources)  # by now pip has built its metadata: it has run code of this archive
        (self._tree,) = (path for path in sources.iterdir() if path.is_dir())
        self.version = self._tree.name.rpartition("-")[2]
        for hidden in self.library.hides:
            shutil.rmtree(self._tree / hidden)
        for path, text in self.library.makes:
            (self._tree / path).write_text(text, encoding="utf-8")
        missing = [path for path in self.library.paths if not (self._tree / self.library.within / path).exists()]
        if missing:
            raise SuiteError(f"the source distribution of {name} {self.version} has no {', '.join(missing)}")
        exact = f"{name}=={self.version}"
        call(*pip, "install", exact, "pytest", *self.library.needs, str(self._wheel))
        packages = next((self._environment / "lib").glob("python*/site-packages"))
        shutil.copy(Path(__file__).with_name("witness.py"), packages / f"{PLUGIN}.py")

    def _archive(self, sources: Path) -> Path:
        """Take the sources of the version out of a clone of the repository.

        Raises:
            SuiteError: there is no such clone, or the tag is not in it.
        """
        clone = self._checkouts and self._checkouts / self.library.name
        if clone is None or not clone.is_dir():
            raise SuiteError(
                f"its tests are in no source distribution: --checkouts names a folder with a clone of its repository, called {self.library.name}"
            )
        sources.mkdir()
        target = sources / f"{self.library.name}.tar"
        prefix = f"--prefix={self.library.name}-{self.library.version}/"
        call("git", "-C", str(clone), "archive", prefix, "--output", str(target), self.library.tag)
        return target

    def run(self, traced: bool, only: Sequence[str] = (), propagators: str = "") -> Run:
        """Run the suite, or some files of it, in a fresh copy.

        Args:
            traced: by autotrace-run.
            only: these files.
            propagators: the setting, where it is not the default.

        Raises:
            SuiteError: the tests' runner left no report.
            ServiceUnavailable: a service cannot be had.
        """
        with contextlib.ExitStack() as stack:
            addresses = {}
            if self.library.services:
                assert self._services is not None
                services = stack.enter_context(self._services())
                services.expect(*self.library.services)
                addresses = {name: Address(*services.address(name).split(":")) for name in self.library.services}
            return self._run(traced, only, propagators, addresses)

    def _run(self, traced: bool, only: Sequence[str], propagators: str, addresses: dict[str, Address]) -> Run:
        self._runs += 1
        shutil.rmtree(self.tree, ignore_errors=True)
        shutil.copytree(self._tree, self.tree)  # the same place each time: tests are named by it
        here = self._home / f"run{self._runs}"
        environ = {name: value.format(**addresses) for name, value in self.library.environ}
        if self.library.before:
            call(str(self.python), "-c", self.library.before, environ=environ, cwd=self.tree)
        parts = self._parts(list(only) or list(self.library.paths))
        begun = time.monotonic()
        sessions = [
            _Session(self, here / str(number), part, traced, propagators, environ)
            for number, part in enumerate(parts, 1)
        ]
        until = begun + _LONGEST
        found: dict[str, Outcome] = {}
        witness: dict[str, Any] = {}
        spans = 0
        try:
            for session in sessions:
                found.update(session.outcomes(until))
                _add(witness, session.witness())
                if traced:
                    self.traced.append(session.data / "inbox")
                spans += spans_in(session.data / "inbox")
        finally:
            for session in sessions:
                session.end()
        if not any(outcome.kind == "passed" and not name.endswith(ENDS) for name, outcome in found.items()):
            raise SuiteError(f"no test of {self.library.name} passes; see {here}")
        return Run(found, time.monotonic() - begun, witness, spans)

    def _parts(self, paths: list[str]) -> list[list[str]]:
        """Return what each process of a run is given: files of about the same length altogether, or all of it."""
        if not self.library.split or self._jobs < 2:
            return [paths]
        ignored = {one.partition("=")[2] for one in self.library.options if one.startswith("--ignore=")}
        files = {
            file
            for path in paths
            for file in ([self._tree / path] if path.endswith(".py") else (self._tree / path).rglob("test_*.py"))
            if not ignored & {str(one) for one in file.relative_to(self._tree).parents}
        }
        parts: list[list[Path]] = [[] for _ in range(min(self._jobs, len(files)))]
        for file in sorted(files, key=lambda one: (-one.stat().st_size, one)):
            min(parts, key=lambda part: sum(one.stat().st_size for one in part)).append(file)
        return [sorted(str(file.relative_to(self._tree)) for file in part) for part in parts]

    def files_of(self, names: Sequence[str]) -> list[str]:
        """Return the files in which tests are, from the class names that pytest's report gives them."""
        files, folder = set(), self._tree / self.library.within
        for name in names:
            parts = name.partition("::")[0].split(".")
            while parts and not (folder / "/".join(parts)).with_suffix(".py").is_file():
                parts.pop()
            if parts:
                files.add("/".join(parts) + ".py")
        return sorted(files)


class _Session:
    """One process of a run.

    Args:
        suite: whose.
        here: a directory of its own, for what it writes down.
        paths: files and folders with tests.
        traced: by autotrace-run.
        propagators: the setting, where it is not the default.
        further: variables of its environment.
    """

    def __init__(
        self, suite: Suite, here: Path, paths: list[str], traced: bool, propagators: str, further: dict[str, str]
    ) -> None:
        (here / "tmp").mkdir(parents=True)
        self._name, self._paths = suite.library.name, paths
        self._report, self._said, self.data = here / "report.xml", here / "witness.json", here / "data"
        self._log = here / "log"
        library = suite.library
        if library.runner:
            modules = [path.removesuffix(".py") for path in paths]
            command = [str(suite.python), *library.runner, *(module.replace("/", ".") for module in modules)]
        else:
            command = [str(suite.python), "-m", "pytest", "-q"]
            for plugin in (PLUGIN, "no:cacheprovider", "no:randomly"):
                command += ["-p", plugin]
            command += ["-o", "addopts=", "--junitxml", str(self._report), *library.options, *paths]
        if traced:
            command.insert(0, str(suite.python.with_name("autotrace-run")))
        environ = {
            **clean_environment(),
            **further,
            "PATH": os.pathsep.join([str(suite.python.parent), os.environ.get("PATH", os.defpath)]),
            "TMPDIR": str(here / "tmp"),
            "AUTOTRACE_DATA_DIR": str(self.data),
            "AUTOTRACE_FAULT_LIMIT": "0",  # an instrumentor that switched itself off would have no differences
            "AUTOTRACE_INBOX_MAX_BYTES": "4GiB",
            "TRANSPARENCY_WITNESS": str(self._said),
            "TRANSPARENCY_REPORT": str(self._report),
        }
        if propagators:
            environ["AUTOTRACE_PROPAGATORS"] = propagators
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                command, cwd=suite.tree / library.within, env=environ, stdout=log, stderr=log, stdin=subprocess.DEVNULL
            )

    def outcomes(self, until: float) -> dict[str, Outcome]:
        """Wait for its end; return what its report says, and as one more outcome whether the process ended then.

        Args:
            until: the moment (monotonic, s) at which it is given up.

        Raises:
            SuiteError: it did not end by then, or left no report.
        """
        while self._process.poll() is None and not self._report.exists():
            if time.monotonic() > until:
                raise SuiteError(f"the suite of {self._name} did not end within {_LONGEST} s; see {self._log}")
            time.sleep(0.5)
        try:
            code = self._process.wait(_END)
        except subprocess.TimeoutExpired:
            end = Outcome("failed", f"it still ran {_END} s after its report")
        else:
            end = Outcome("passed")
            if not self._report.exists():
                raise SuiteError(f"pytest ended with {code} and left no report for {self._name}; see {self._log}")
        return {**outcomes(self._report.read_text(encoding="utf-8")), f"{self._paths[0]}::{ENDS}": end}

    def witness(self) -> dict[str, Any]:
        """Return what autotrace said of itself; empty where it was not there."""
        said: dict[str, Any] = json.loads(self._said.read_text(encoding="utf-8")) if self._said.exists() else {}
        return said

    def end(self) -> None:
        """End it, if it has not ended."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()


def _add(witness: dict[str, Any], more: dict[str, Any]) -> None:
    """Add what autotrace said of itself in one process of a run to what it said in others."""
    for scope, count in more.get("faults", {}).items():
        faults = witness.setdefault("faults", {})
        faults[scope] = faults.get(scope, 0) + count
    witness.setdefault("messages", []).extend(more.get("messages", []))


def call(*command: str, environ: Mapping[str, str] | None = None, cwd: Path | None = None) -> None:
    """Run a command.

    Raises:
        SuiteError: it failed; the text is what it said.
    """
    environ = {**clean_environment(), **(environ or {})}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environ, cwd=cwd)
    if done.returncode:
        raise SuiteError(
            f"'{' '.join([Path(command[0]).name, *command[1:5]])} ...' failed:\n{done.stderr.strip()[-2000:]}"
        )


def say(text: str) -> None:
    """Tell whoever waits how far it is."""
    print(f"transparency > {text}", file=sys.stderr, flush=True)
