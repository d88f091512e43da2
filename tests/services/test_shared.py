"""Services of a run are started when they are needed, once, side by side, and stopped at its end."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from services.errors import ServiceUnavailable
from services.shared import VARIABLE, Client, Server, Services

CHECKOUT = Path(__file__).resolve().parents[2]


class Fake:
    """A service that starts when all that belong to its barrier are starting, and notes what became of it."""

    def __init__(self, name, notes, barrier):
        self.address = ""
        self._name, self._notes, self._barrier = name, notes, barrier

    def start(self):
        self._barrier.wait(30)  # breaks unless the others are started meanwhile
        self._notes.append(f"start {self._name}")
        self._thread = threading.current_thread()
        self.address = f"address of {self._name}"

    def stop(self):
        assert threading.current_thread() is self._thread  # whose end, on Linux, is the service's
        self._notes.append(f"stop {self._name}")


class Missing:
    """A service that cannot be had."""

    def start(self):
        raise ServiceUnavailable("no such thing: install it")

    def stop(self):
        """Have nothing to stop."""


@pytest.fixture
def notes():
    """What the fakes have noted."""
    return []


@pytest.fixture
def kinds(notes):
    """Two services that start only side by side, and one that cannot be had."""
    barrier = threading.Barrier(2)
    fakes = {name: lambda name=name: Fake(name, notes, barrier) for name in ("one", "two")}
    return {**fakes, "missing": Missing}


def test_nothing_starts_that_nobody_needs(kinds, notes):
    """Not at the beginning, and not at the end."""
    with Services(kinds), Server(Services(kinds)):
        pass
    assert notes == []


def test_those_that_are_expected_start_side_by_side_and_once(kinds, notes):
    """However many processes ask; all are stopped at the end."""
    with Services(kinds) as services, Server(services) as path:
        Client(path).expect("one", "two")
        Client(path).expect("two")
        told = [Client(path).address(name) for name in ("one", "two", "one")]
        assert told == ["address of one", "address of two", "address of one"]
        assert sorted(notes) == ["start one", "start two"]
    assert sorted(notes[2:]) == ["stop one", "stop two"]


def test_one_that_cannot_be_had_says_why_to_all_who_ask(kinds):
    """And is not tried again."""
    with Services(kinds) as services, Server(services) as path:
        for _ in range(2):
            with pytest.raises(ServiceUnavailable, match="no such thing: install it"):
                Client(path).address("missing")


def beside(*command, **environment):
    """Run ``python -m tests.services`` without what this run was given."""
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith("AUTOTRACE_TEST_") and name != "CI"
    }
    command = [sys.executable, "-m", "tests.services", *command]
    return subprocess.run(
        command, cwd=CHECKOUT, env={**kept, **environment}, check=False, capture_output=True, text=True
    )


SAYING = (
    f"import os; print(os.environ.get('AUTOTRACE_TEST_KAFKA')); assert os.environ['{VARIABLE}']; raise SystemExit(7)"
)


def test_a_command_finds_the_services_that_it_was_given(kafka_programs):
    """Their addresses are in its environment, and its exit code is that of the whole."""
    done = beside("kafka", "--", sys.executable, "-c", SAYING)
    assert done.returncode == 7, done.stderr
    assert done.stdout.startswith("127.0.0.1:")


@pytest.mark.parametrize(("ci", "code", "out"), [("", 7, "None\n"), ("true", 1, "")])
def test_without_java_the_command_runs_bare_except_in_ci(tmp_path, ci, code, out):
    """Where no broker can be had, one line says why; CI stops there, a developer's run goes on without."""
    done = beside("kafka", "--", sys.executable, "-c", SAYING, CI=ci, PATH=str(tmp_path), JAVA_HOME="")
    assert (done.returncode, done.stdout) == (code, out)
    assert done.stderr.count("\n") == 1
    assert "needs Java 17" in done.stderr


@pytest.mark.parametrize("words", [(), ("--",), ("nothing", "--", "true")])
def test_the_command_line_wants_a_command(words):
    """Without a command, or with a service that is none, it says how it is used and starts nothing."""
    done = beside(*words)
    assert (done.returncode, done.stdout) == (2, "")
    assert "-- CMD ARGS" in done.stderr
