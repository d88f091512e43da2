"""Gets what a Kafka broker is made of: a Java runtime, and the broker's jars from Maven's repository, fetched once.

The jars lie in ``<checkout>/.cache/kafka/<version>/lib``, or under AUTOTRACE_CACHE where that is set. Java and Maven
are installed where they are missing and ``make`` runs as root; on other systems they have to be there.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from . import packages
from .errors import ServiceUnavailable

KAFKA_VERSION = "4.1.1"
_SCALA_VERSION = "2.13"
_SLF4J_VERSION = "1.7.36"  # that of the slf4j-api this Kafka depends on: a binding must be of the same series
_OLDEST_JAVA = 17  # the broker's own minimum since Kafka 4.0
_CHECKOUT = Path(__file__).resolve().parents[2]

_POM = f"""<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>tests</groupId>
  <artifactId>kafka-broker</artifactId>
  <version>1</version>
  <packaging>pom</packaging>
  <dependencies>
    <dependency>
      <groupId>org.apache.kafka</groupId>
      <artifactId>kafka_{_SCALA_VERSION}</artifactId>
      <version>{KAFKA_VERSION}</version>
    </dependency>
    <dependency>
      <groupId>org.slf4j</groupId>
      <artifactId>slf4j-simple</artifactId>
      <version>{_SLF4J_VERSION}</version>
    </dependency>
  </dependencies>
</project>
"""


def cache_directory() -> Path:
    """Return where this checkout keeps what it fetched; AUTOTRACE_CACHE moves it."""
    return _CHECKOUT / (os.environ.get("AUTOTRACE_CACHE") or ".cache")


def _run(command: list[str], what: str) -> None:
    """Run ``command`` and turn its failure into one line that ends with the last thing it said."""
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode:
        said = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()] or ["nothing"]
        errors = [line for line in said if "ERROR" in line] or said[-1:]
        raise ServiceUnavailable(f"{what} failed ({' '.join(command[:3])}, exit {done.returncode}): {errors[0]}")


def _apt_install(package: str, program: str) -> None:
    packages.apt_install(package, f"the Kafka broker needs {program}, which is not on PATH")


def _java_version(java: str) -> int:
    """Return the major version of the runtime ``java``, 0 where it does not run."""
    try:
        done = subprocess.run([java, "-version"], capture_output=True, text=True, check=False, timeout=60)
    except OSError:
        return 0
    found = re.search(r'version "(\d+)', done.stderr + done.stdout)
    return int(found[1]) if found and done.returncode == 0 else 0


def find_java() -> str:
    """Return the path of a Java runtime that can run the broker, installing one where that is possible.

    Raises:
        ServiceUnavailable: There is none and it cannot be installed.
    """
    home = os.environ.get("JAVA_HOME")
    for _ in range(2):
        for candidate in (str(Path(home) / "bin" / "java") if home else None, shutil.which("java")):
            if candidate and _java_version(candidate) >= _OLDEST_JAVA:
                return candidate
        _apt_install(f"openjdk-{_OLDEST_JAVA}-jre-headless", f"Java {_OLDEST_JAVA} or newer")
        for installed in Path("/usr/lib/jvm").glob(f"java-{_OLDEST_JAVA}-openjdk-*/bin/java"):
            return str(installed)  # an older one may stay the default
    raise ServiceUnavailable(f"the Kafka broker needs Java {_OLDEST_JAVA}: the one that was installed does not run")


def _resolve(target: Path) -> None:
    """Let Maven copy the broker and all it depends on into ``target``, which appears only when it is whole."""
    if not packages.allowed:
        raise ServiceUnavailable(
            f"the Kafka broker's jars have not been fetched: `make test` does, into {target.parent}"
        )
    if not shutil.which("mvn"):
        _apt_install("maven", "Maven (mvn)")
    packages.announce(f"fetching Kafka {KAFKA_VERSION} with Maven")
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        pom = Path(scratch) / "pom.xml"
        pom.write_text(_POM, encoding="utf-8")
        output = Path(scratch) / "lib"
        command = ["mvn", "-B", "-q", "-ntp", "-Dstyle.color=never", "-f", str(pom), "dependency:copy-dependencies"]
        _run([*command, "-DincludeScope=runtime", f"-DoutputDirectory={output}"], f"fetching Kafka {KAFKA_VERSION}")
        output.rename(target)


def find_jars() -> Path:
    """Return the directory with the broker's jars, fetching them the first time.

    Raises:
        ServiceUnavailable: They are not there and cannot be fetched.
    """
    parent = cache_directory() / "kafka" / KAFKA_VERSION
    parent.mkdir(parents=True, exist_ok=True)
    target = parent / "lib"
    with (parent / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two runs that start at once fetch them once
        if not target.is_dir():
            _resolve(target)
    return target
