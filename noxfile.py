"""Builds autotrace, checks it, and tests the built wheel on every Python that is installed.

``make`` calls this with nox and uv at the versions of tests/constraints/tools.txt. Environments are kept between runs
and brought to exactly what the constraint files say. No interpreter is ever downloaded: those found are used.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nox
import uv

CHECKOUT = Path(__file__).resolve().parent
CACHE = CHECKOUT / (os.environ.get("AUTOTRACE_CACHE") or ".cache")
DIST = CACHE / "dist"
CONSTRAINTS = CHECKOUT / "tests" / "constraints"
REQUIREMENTS = CHECKOUT / "tests" / "requirements.txt"
VERSIONS = ("3.9", "3.10", "3.11", "3.12", "3.13", "3.14", "3.15")
FEWEST_IN_CI = 3
# The libraries that are not installed, by Python.
NO_WHEEL: dict[str, set[str]] = {}
for _row in nox.project.load_toml(CHECKOUT / "tests" / "speeds.toml")["no_wheel"]:
    NO_WHEEL.setdefault(_row["python"], set()).add(_row["library"])
# What has no wheel for any Python is built where that can be done: from these programs, and Python's own header.
BUILT = {"mysqlclient": ("cc", "mariadb_config")}
# Of what has no wheel for a new Python, autobahn (daphne's) is built without a compiler only where it is told.
PURE = {"AUTOBAHN_USE_NVX": "0"}
APART = ("3.9", "3.14")  # the Pythons of the session that has the oldest and the newest of some libraries
LINT_VERSION = "3.11"  # where it is missing, the next found; mypy is told its target version anyway
IN_CI = os.environ.get("CI") == "true"
SPEED = os.environ.get("SPEED", "test")  # check, test or nightly: what runs where says tests/speeds.toml
# Much of the suite waits for processes, so one more runs at a time than there are cores; a check never waits.
WORKERS = (os.cpu_count() or 1) + (SPEED != "check")

nox.needs_version = ">=2025.2.9"
nox.options.default_venv_backend = "uv"
nox.options.reuse_existing_virtualenvs = True
nox.options.error_on_missing_interpreters = True
nox.options.sessions = ["lint", "wheel", "tests"]

os.environ["UV_PYTHON_DOWNLOADS"] = "never"


def _runs(candidate: str, version: str) -> str | None:
    """Return the real path of the interpreter ``candidate`` if it is a working Python ``version``.

    It is run, because a name on PATH says little: pyenv puts one there for each version that it could have.
    """
    program = "import sqlite3, ssl, sys; print('%d.%d' % sys.version_info[:2], sys.executable)"
    try:
        done = subprocess.run([candidate, "-I", "-c", program], capture_output=True, text=True, check=False, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return None
    found, _, executable = done.stdout.strip().partition(" ")
    return executable if done.returncode == 0 and found == version else None


def _interpreter(version: str) -> str | None:
    """Return the path of an installed Python ``version``: the first that runs of PATH, pyenv's and the system's."""
    name = f"python{version}"
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    candidates = [shutil.which(name), *(str(path) for path in sorted(pyenv.glob(f"{version}.*/bin/{name}")))]
    candidates.append(f"/usr/bin/{name}")
    return next((real for candidate in candidates if candidate and (real := _runs(candidate, version))), None)


def _interpreters() -> list[str]:
    """Return the versions that are installed, and make nox find exactly these interpreters by their names."""
    found = {version: path for version in VERSIONS if (path := _interpreter(version))}
    several = IN_CI and SPEED == "test" and not os.environ.get("PY")
    wanted = FEWEST_IN_CI if several else 1
    if len(found) < wanted:
        sys.exit(
            f"noxfile.py: {len(found)} of Python {', '.join(VERSIONS)} run here ({', '.join(found)}): install {wanted}"
        )
    directories = dict.fromkeys(str(Path(path).parent) for path in found.values())
    os.environ["PATH"] = os.pathsep.join([*directories, os.environ.get("PATH", os.defpath)])
    return list(found)


def _columns(found: list[str]) -> dict[str, str]:
    """Return the Pythons to test, each with its column of tests/speeds.toml.

    These are all for ``make nightly``, the newest for ``make check``, else the oldest, a middle one and the newest; with PY
    the one that ``make`` was told, or all. One for which a library has no wheel yet is not the newest.
    """
    wanted = os.environ.get("PY", "")
    if wanted not in ("", "all", *found):
        sys.exit(f"noxfile.py: no Python {wanted} here")
    complete = [version for version in found if version not in NO_WHEEL] or found
    newest = complete[-1]
    if SPEED == "check":
        return {wanted if wanted in found else newest: "check"}
    if wanted in found:
        return {wanted: "newest" if SPEED == "test" else SPEED}
    if SPEED == "nightly":
        return dict.fromkeys(found, SPEED)
    chosen = found if wanted == "all" else [complete[0], complete[(len(complete) - 1) // 2]]
    # The longest first: what is wrong with it is known first.
    return {newest: "newest", **{version: "others" for version in chosen if version != newest}}


COLUMNS = _columns(_interpreters())
PYTHONS = list(COLUMNS)


def _sources() -> list[Path]:
    """Return every file that may end up in the wheel or decides how it is built, in a stable order."""
    files = [CHECKOUT / name for name in ("pyproject.toml", "README.md", "LICENSE", "MANIFEST.in")]
    files.append(CONSTRAINTS / "build.txt")
    for folder in ("autotrace", "instrumentors"):
        files += [path for path in (CHECKOUT / folder).rglob("*") if "__pycache__" not in path.parts]
    return sorted(path for path in files if path.is_file())


def _digest() -> str:
    digest = hashlib.sha256()
    for path in _sources():
        content = path.read_bytes()
        digest.update(f"{path.relative_to(CHECKOUT)} {len(content)}\n".encode() + content)
    return digest.hexdigest()


def _wheel() -> Path:
    """Return the wheel that the session ``wheel`` built."""
    (wheel,) = DIST.glob("autotrace-*.whl")
    return wheel


def _requirements(version: str, built: bool) -> list[str]:
    """Return what the tests need on a Python, but for what has no wheel for it and cannot, or need not, be built."""
    lines = [line for line in REQUIREMENTS.read_text(encoding="utf-8").splitlines() if re.match(r"\w", line)]
    left_out = NO_WHEEL.get(version, set()) | {name for name in BUILT if not (built and _can_build(version, name))}
    return [line for line in lines if re.split(r"[^\w.-]", line)[0] not in left_out]


def _can_build(version: str, library: str) -> bool:
    """Tell whether a library can be built for a Python; its programs are installed first where that is possible."""
    program = "import pathlib, sysconfig; print(pathlib.Path(sysconfig.get_path('include'), 'Python.h').is_file())"
    found = subprocess.run([f"python{version}", "-c", program], capture_output=True, text=True, check=False).stdout
    if found.strip() != "True":
        return False
    if "AUTOTRACE_TEST_SERVICES" in os.environ and not all(map(shutil.which, BUILT[library])):
        install = f"from tests.services.shared import Client; Client().address('to build {library}')"
        subprocess.run([sys.executable, "-c", install], cwd=CHECKOUT, capture_output=True, check=False)
    return all(map(shutil.which, BUILT[library]))


def _install(
    session: nox.Session, *requirements: str, constraints: str, built: bool = True, tests: bool = True
) -> None:
    """Bring the session's environment to exactly ``requirements``, at the versions that ``constraints`` pins.

    What all tests take is among them, but where ``tests`` is false.
    """
    path = CONSTRAINTS / constraints
    requirements += tuple(_requirements(str(session.python), built) if tests else ())
    session.install("--quiet", "--exact", *requirements, "-c", str(path), env=PURE)
    pinned = set(re.findall(r"^[\w.-]+==\S+", path.read_text(encoding="utf-8"), re.MULTILINE))
    frozen = session.run("uv", "pip", "freeze", "--quiet", silent=True, log=False, external=True)
    loose = [line for line in str(frozen).split("\n") if "==" in line and line not in pinned]
    if loose:
        session.error(f"tests/constraints/{constraints} does not pin {', '.join(loose)}: add it there")


def _exit_code(session: nox.Session, *command: str) -> int:
    """Run ``command`` and return its exit code; nox itself would stop the session at the first failure."""
    try:
        session.run(*command)
    except nox.command.CommandFailed:
        return 1
    return 0


def _with_new_ones(session: nox.Session) -> Path:
    """Return a copy of the tree in which `make new` has written an instrumentor of each family."""
    tree = Path(session.create_tmp()) / "new"
    shutil.rmtree(tree, ignore_errors=True)
    for name in ("autotrace", "instrumentors", "tests"):
        shutil.copytree(CHECKOUT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(CHECKOUT / "pyproject.toml", tree)
    for template in sorted((CHECKOUT / ".ci" / "templates").glob("test_*.py.txt")):
        family = template.name[len("test_") : -len(".py.txt")]
        options = ("--distribution", f"acme-{family}-client", "--version", "1.2.3", "--tree", str(tree))
        session.run("python", str(CHECKOUT / ".ci" / "new.py"), f"acme_{family}", family, *options, silent=True)
    return tree


@nox.session(python=LINT_VERSION if _interpreter(LINT_VERSION) else PYTHONS[0])
def lint(session: nox.Session) -> None:
    """Check style and types."""
    project = nox.project.load_toml(CHECKOUT / "pyproject.toml")["project"]
    extras = [*project["dependencies"], *project["optional-dependencies"]["ui"]]
    _install(session, "ruff", "mypy", *extras, constraints="lint.txt", built=False)
    checks = (("ruff", "check", "."), ("ruff", "format", "--check", "."), ("mypy",))
    # All of them, so that one run tells everything that is to be mended.
    codes = [_exit_code(session, *check) for check in checks]
    with session.chdir(_with_new_ones(session)):
        # By name: what lies beneath .nox is passed over else.
        written = [str(file) for file in Path().rglob("*.py") if "acme_" in file.name or file.name == "catalog.py"]
        checks = (("ruff", "check", *written), ("ruff", "format", "--check", *written), ("mypy", "instrumentors"))
        codes += [_exit_code(session, *check) for check in checks]
    if any(codes):
        session.error("see above")


@nox.session(venv_backend="none")
def wheel(session: nox.Session) -> None:
    """Build the sdist and, from the sdist, the wheel, into .cache/dist."""
    digest, stamp = _digest(), DIST / ".sources"
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == digest:
        session.log(f"{_wheel().name} is up to date")
        return
    shutil.rmtree(DIST, ignore_errors=True)
    constraints = str(CONSTRAINTS / "build.txt")
    options = ["--quiet", "--python", sys.executable, "--build-constraint", constraints, "--out-dir", str(DIST)]
    session.run(uv.find_uv_bin(), "build", *options, external=True)
    stamp.write_text(digest, encoding="utf-8")


def _clean_environment() -> dict[str, str | None]:
    """Return the changes to the environment that keep the user's own settings, and the tree, out of the tests.

    Python's are among them: with PYTHONDONTWRITEBYTECODE each process compiled every module anew, half of the suite's time.
    """
    settings = [name for name in os.environ if name.startswith(("OTEL_", "AUTOTRACE_", "PYTHON"))]
    kept = [name for name in settings if name.startswith("AUTOTRACE_TEST_") or name == "AUTOTRACE_CACHE"]
    return dict.fromkeys(["TRACEPARENT", "TRACESTATE", "BAGGAGE", *(set(settings) - set(kept))])


def _absolute(argument: str) -> str:
    """Return ``argument`` with a path of the checkout made absolute: pytest runs somewhere else."""
    path, separator, rest = argument.partition("::")
    return f"{CHECKOUT / path}{separator}{rest}" if path and (CHECKOUT / path).exists() else argument


_WHERE = """
import importlib.util, pathlib, sys, autotrace
home = pathlib.Path(autotrace.__file__).resolve()
assert home.is_relative_to(pathlib.Path(sys.prefix).resolve()) and "site-packages" in home.parts, home
assert importlib.util.find_spec("instrumentors") is None, "instrumentors is a top-level module"
"""


@nox.session(python=PYTHONS, requires=["wheel"])
def tests(session: nox.Session) -> None:
    """Run the tests on the built wheel, with the libraries that this Python's constraint file names."""
    package = f"autotrace[ui] @ {_wheel().as_uri()}"
    _install(session, "--reinstall-package", "autotrace", package, constraints=f"py{session.python}.txt")
    _pytest(session, CHECKOUT / "tests", COLUMNS[str(session.python)])


@nox.session(python=[version for version in APART if version in PYTHONS], requires=["wheel"])
def apart(session: nox.Session) -> None:
    """Run the tests of libraries that want an environment of their own: the oldest versions, and the newest."""
    wanted = ["-r", str(CHECKOUT / "tests" / "apart" / "requirements.txt"), f"autotrace[ui] @ {_wheel().as_uri()}"]
    again = ("--reinstall-package", "autotrace", *wanted)
    _install(session, *again, constraints=f"apart-{session.python}.txt", tests=False)
    session.env["AUTOTRACE_TEST_APART"] = "1"
    _pytest(session, CHECKOUT / "tests" / "apart", "nightly")


def _pytest(session: nox.Session, place: Path, speed: str) -> None:
    """Run the tests of a folder, or those that the session was told."""
    # Not in the checkout: its folder `autotrace` would hide the installed one from each `python -m` of a test.
    elsewhere = CACHE / "run" / str(session.python)
    elsewhere.mkdir(parents=True, exist_ok=True)
    session.chdir(elsewhere)
    session.env.update(_clean_environment())
    session.run("python", "-c", _WHERE, log=False)
    arguments = [_absolute(argument) for argument in session.posargs]
    if not any(str(CHECKOUT) in argument for argument in arguments):
        arguments.append(str(place))
        arguments += ["-n", str(WORKERS), "--dist", "worksteal"]  # in an order that is new each time
    color = "yes" if sys.stdout.isatty() else "no"
    options = ["-c", str(CHECKOUT / "pyproject.toml"), "--rootdir", str(CHECKOUT), "--timeout=180", f"--color={color}"]
    options.append(f"--speed={speed}")
    session.run("pytest", *options, *arguments)
