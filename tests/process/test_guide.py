"""The guide for authors, followed word by word: its files are written, its commands typed, and what they print compared."""

from __future__ import annotations

import os
import pwd
import re
import subprocess
import sys

import pytest

from makefile import CHECKOUT, UV, wheel

PAGE = CHECKOUT / "docs" / "writing-an-instrumentor.md"
BLOCK = re.compile(r"(?:^`([^`\n]+)`:\n\n)?^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
OF_THE_TESTS = ("AUTOTRACE_", "PYTHON", "PYTEST_", "UV_PYTHON", "UV_PROJECT_ENVIRONMENT")  # what their runner has set
PINS = CHECKOUT / "tests" / "constraints" / f"py{sys.version_info[0]}.{sys.version_info[1]}.txt"


@pytest.fixture
def author(tmp_path):
    """Run a command of the author's, in an empty directory and an empty virtual environment; returns what it printed.

    ``pip`` is uv's, which has the packages of the tests at hand, at their pins; autotrace is the built wheel.
    """
    pins = tmp_path / "pins.txt"
    pins.write_text(f"autotrace @ {wheel().as_uri()}\n{PINS.read_text(encoding='utf-8')}", encoding="utf-8")
    work, environment = tmp_path / "work", tmp_path / "environment"
    work.mkdir()
    environ = {
        **{name: value for name, value in os.environ.items() if not name.startswith(OF_THE_TESTS)},
        "HOME": pwd.getpwuid(os.getuid()).pw_dir,
        "VIRTUAL_ENV": str(environment),
        "PATH": f"{environment / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "UV_CONSTRAINT": str(pins),
        "AUTOTRACE_DATA_DIR": str(tmp_path / "data"),
    }
    subprocess.run([UV, "venv", "--quiet", "--python", sys.executable, environment], env=environ, check=True)
    pip = environment / "bin" / "pip"
    pip.write_text(f'#!/bin/sh\nexec {UV} pip "$@"\n', encoding="utf-8")
    pip.chmod(0o755)

    def run(command):
        done = subprocess.run(
            command,
            shell=True,
            cwd=work,
            env=environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == 0, f"$ {command}\n{done.stdout}"
        return done.stdout

    run.directory = work
    return run


@pytest.mark.process
def test_whoever_follows_the_guide_has_an_instrumentor_that_is_tested(author):
    """All of it, in its order; it ends with the guide's own tests passing, and a program that is traced."""
    printed = {}
    for name, language, content in BLOCK.findall(PAGE.read_text(encoding="utf-8")):
        if name:
            file = author.directory / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(content, encoding="utf-8")
            continue
        assert language == "console", content
        for command, expected in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", content, re.MULTILINE):
            printed[command] = author(command)
            assert [line for line in expected.splitlines() if line not in printed[command]] == [], printed[command]
    assert {"pytest instrumentor", 'autotrace-run --verbose python -c "import acme"'} <= set(printed)
