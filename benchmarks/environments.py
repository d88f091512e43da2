"""The virtual environments, and how each variant starts a program.

Every variant has its own environment with the same libraries at the same versions; they are kept between runs and brought
to exactly what ``tests/constraints/bench-<version>.txt`` says.  No interpreter is ever downloaded.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
REQUIREMENTS = CHECKOUT / "benchmarks" / "requirements"
CONSTRAINTS = CHECKOUT / "tests" / "constraints"
WORKLOADS = CHECKOUT / "benchmarks" / "workloads"
LIBRARIES = "libraries.txt"


class UnavailableError(Exception):
    """An environment cannot be made; the text says what is missing."""


@dataclass(frozen=True)
class Sending:
    """Where a traced program sends to, and how often.

    Attributes:
        port: of the sink.
        inbox: the data directory of a program that is traced into an inbox, else empty.
        delay_ms: how long a span may wait; where it is 0, the agent's own default holds.
        roomy: raise the queue of OpenTelemetry, so that it loses no span of a chunk.
    """

    port: int
    inbox: str = ""
    delay_ms: int = 0
    roomy: bool = True


@dataclass(frozen=True)
class Variant:
    """One column of the report.

    Attributes:
        name: its name on the command line.
        title: its name in the report.
        environment: the directory of its environment.
        launcher: the command that goes before the program's.
        requirements: files of requirements.
        package: whether the wheel of autotrace is installed.
        silent: whether no spans are expected of it.
        part: whether it is no column of its own, but shows how the cost of autotrace is made up.
    """

    name: str
    title: str
    environment: str
    launcher: str = ""
    requirements: tuple[str, ...] = (LIBRARIES,)
    package: bool = False
    silent: bool = False
    part: bool = False

    def settings(self, sending: Sending) -> dict[str, str]:
        """Return the environment variables that make a program send its spans to us, every one of them."""
        return _SETTINGS[self.name](sending) if self.name in _SETTINGS else {}


def _autotrace(sending: Sending) -> dict[str, str]:
    settings = {"AUTOTRACE_ENDPOINT": f"http://127.0.0.1:{sending.port}", "AUTOTRACE_SERVICE_NAME": "bench"}
    if sending.inbox:
        settings = {"AUTOTRACE_DATA_DIR": sending.inbox, "AUTOTRACE_SERVICE_NAME": "bench"}
    if sending.delay_ms:
        settings["AUTOTRACE_SCHEDULE_DELAY_MS"] = str(sending.delay_ms)
    return settings


def _opentelemetry(sending: Sending) -> dict[str, str]:
    settings = {
        "OTEL_SERVICE_NAME": "bench",
        "OTEL_TRACES_EXPORTER": "otlp",
        "OTEL_METRICS_EXPORTER": "none",
        "OTEL_LOGS_EXPORTER": "none",
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{sending.port}",
    }
    if sending.delay_ms:
        settings["OTEL_BSP_SCHEDULE_DELAY"] = str(sending.delay_ms)
    if sending.roomy:
        settings["OTEL_BSP_MAX_QUEUE_SIZE"] = "65536"
    return settings


def _ddtrace(sending: Sending) -> dict[str, str]:
    settings = {
        "DD_SERVICE": "bench",
        "DD_TRACE_AGENT_URL": f"http://127.0.0.1:{sending.port}",
        "DD_INSTRUMENTATION_TELEMETRY_ENABLED": "false",  # only its tracing is measured
        "DD_REMOTE_CONFIGURATION_ENABLED": "false",
    }
    if sending.delay_ms:
        settings["DD_TRACE_WRITER_INTERVAL_SECONDS"] = str(sending.delay_ms / 1000)
    return settings


_SETTINGS = {
    "autotrace": _autotrace,
    "inbox": _autotrace,
    "uncompressed": lambda sending: {**_autotrace(sending), "AUTOTRACE_COMPRESSION": "none"},
    "unsent": lambda sending: {**_autotrace(sending), "AUTOTRACE_EXPORTERS": "none"},
    "hundredth": lambda sending: {**_autotrace(sending), "AUTOTRACE_SAMPLE_RATIO": "0.01"},
    "unsampled": lambda sending: {**_autotrace(sending), "AUTOTRACE_SAMPLE_RATIO": "0"},
    "opentelemetry": _opentelemetry,
    "ddtrace": _ddtrace,
}
_OURS = {"environment": "autotrace", "launcher": "autotrace-run", "package": True}
VARIANTS = {
    variant.name: variant
    for variant in (
        Variant("bare", "bare", "bare", silent=True),
        Variant("autotrace", "autotrace", **_OURS),
        Variant("inbox", "autotrace, into its inbox", **_OURS),
        Variant("uncompressed", "sent uncompressed", **_OURS, part=True),
        Variant("unsent", "thrown away at the end of a span", **_OURS, silent=True, part=True),
        Variant("unsampled", "not sampled", **_OURS, silent=True, part=True),
        Variant("hundredth", "one in a hundred sampled", **_OURS, silent=True, part=True),
        Variant(
            "opentelemetry",
            "OpenTelemetry",
            "opentelemetry",
            "opentelemetry-instrument",
            requirements=(LIBRARIES, "opentelemetry.txt"),
        ),
        Variant("ddtrace", "ddtrace", "ddtrace", "ddtrace-run", requirements=(LIBRARIES, "ddtrace.txt")),
    )
}
PEERS = ("opentelemetry", "ddtrace")


def with_libraries(variant: Variant, name: str) -> Variant:
    """Return a variant in an environment with other libraries: agents load all that they may patch, no other row's affair.

    Args:
        variant: which.
        name: of the file of requirements, without its ending; empty: the usual one.
    """
    if not name:
        return variant
    peer = (f"{variant.name}-{name}.txt",) if variant.name == "opentelemetry" else ()
    requirements = (*(f"{name}.txt" if one == LIBRARIES else one for one in variant.requirements), *peer)
    return replace(variant, environment=f"{variant.environment}-{name}", requirements=requirements)


class Environments:
    """The environments of one Python version.

    Args:
        cache: the directory that holds them.
        version: such as ``3.11``.
        wheel: the built wheel of autotrace.
    """

    def __init__(self, cache: Path, version: str, wheel: Path) -> None:
        self._home = cache / "bench" / version
        self._wheel = wheel
        self.constraints = CONSTRAINTS / f"bench-{version}.txt"
        if not self.constraints.is_file():
            raise UnavailableError(
                f"there are no pinned versions for Python {version}: {self.constraints.name} is missing"
            )
        self._interpreter = interpreter(version)

    def prepare(self, variants: list[Variant]) -> None:
        """Make the environments, or bring them up to date.

        Raises:
            UnavailableError: something cannot be installed.
        """
        made = set()
        for variant in variants:
            if variant.environment in made:
                continue
            made.add(variant.environment)
            wanted = [*(item for name in variant.requirements for item in ("-r", str(REQUIREMENTS / name)))]
            if variant.package:
                wanted.append(f"autotrace @ {self._wheel.as_uri()}")
            self._install(variant.environment, wanted)
        self._install("tools", ["-r", str(REQUIREMENTS / "tools.txt"), f"autotrace[ui] @ {self._wheel.as_uri()}"])

    def executable(self, environment: str, name: str = "python") -> str:
        """Return the path of a program of an environment."""
        return str(self._home / environment / "bin" / name)

    def command(self, variant: Variant, *program: str) -> list[str]:
        """Return the command that starts a program of the variant's environment."""
        command = [self.executable(variant.environment, program[0]), *program[1:]]
        return [self.executable(variant.environment, variant.launcher), *command] if variant.launcher else command

    def versions(self, variant: Variant) -> dict[str, str]:
        """Return what is installed for a variant."""
        listed = _uv("pip", "freeze", "--quiet", "--python", self.executable(variant.environment))
        pairs = [line.partition("==") for line in listed.splitlines() if "==" in line]
        return {name: version for name, _, version in pairs}

    def _install(self, environment: str, requirements: list[str]) -> None:
        python = self.executable(environment)
        if not Path(python).exists():
            _uv("venv", "--quiet", "--clear", "--python", self._interpreter, str(self._home / environment))
        options = [
            "--quiet",
            "--exact",
            "--compile-bytecode",
            "--python",
            python,
            "--constraint",
            str(self.constraints),
        ]
        _uv("pip", "install", *options, "--reinstall-package", "autotrace", *requirements)


def clean_environment() -> dict[str, str]:
    """Return our environment without whatever would change how a program is traced."""
    foreign = ("OTEL_", "DD_", "AUTOTRACE_", "PYTHON", "GUNICORN_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    for name in ("TRACEPARENT", "TRACESTATE", "BAGGAGE", "VIRTUAL_ENV"):
        kept.pop(name, None)
    return kept


def interpreter(version: str) -> str:
    """Return the path of an installed Python of a version; it is run, because a name on PATH says little.

    Raises:
        UnavailableError: there is none.
    """
    name = f"python{version}"
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    candidates = [shutil.which(name), *(str(path) for path in sorted(pyenv.glob(f"{version}.*/bin/{name}")))]
    for candidate in (*candidates, f"/usr/bin/{name}", sys.executable):
        program = "import sqlite3, ssl, sys; print('%d.%d' % sys.version_info[:2], sys._base_executable)"
        try:
            command = [candidate or "", "-I", "-c", program]
            done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        except (OSError, subprocess.TimeoutExpired):
            continue
        found, _, executable = done.stdout.strip().partition(" ")
        if done.returncode == 0 and found == version:
            return executable
    raise UnavailableError(f"no Python {version} runs here: install it, or choose another one by --python")


def _uv(*arguments: str) -> str:
    found = Path(sys.executable).with_name("uv")
    uv = str(found) if found.exists() else shutil.which("uv")
    if uv is None:
        raise UnavailableError("uv is not installed beside this Python; 'make bench' sees to that")
    environ = {**os.environ, "UV_PYTHON_DOWNLOADS": "never"}
    done = subprocess.run([uv, *arguments], capture_output=True, text=True, env=environ, check=False)
    if done.returncode:
        raise UnavailableError(f"'uv {' '.join(arguments[:2])}' failed:\n{done.stderr.strip()}")
    return done.stdout
