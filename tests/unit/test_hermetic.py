"""No test reaches the user's places, and the guard notes the one that tries."""

from __future__ import annotations

import os
import sqlite3
import sys
import tempfile

import pytest

from autotrace.config import paths, settings
from hermetic import Guard


@pytest.fixture
def guarded(tmp_path):
    """A guard that takes this test's directory for its own, but for one in it that is forbidden; told by hand."""
    guard = Guard([tmp_path], [tmp_path / "forbidden"])
    guard.armed = True
    return guard


def test_every_place_of_a_test_is_its_own(tmp_path):
    """Home, temporary and working directory, the data directory and what spans fall back on; all of them empty."""
    home = os.environ["HOME"]
    assert tempfile.gettempdir() == os.environ["TMPDIR"] == os.getcwd() == home
    assert os.listdir(home) == []
    assert settings.load().data_dir == paths.data_directory() == os.path.join(home, ".local", "share", "autotrace")
    assert paths.temporary_root() == os.path.join(home, f"autotrace-{os.getuid()}")
    assert settings.load().file == ""
    assert not [name for name in os.environ if name.startswith(("OTEL_", "XDG_", "TRACEPARENT"))]
    socket = os.path.join(tempfile.mkdtemp(prefix="pymp-"), "listener-12345678")
    assert len(socket) < 100  # as multiprocessing makes them


@pytest.mark.parametrize("event", [("open", "{}", "w", os.O_WRONLY | os.O_CREAT), ("os.mkdir", "{}", 0o777, -1)])
def test_what_is_made_elsewhere_is_noted(guarded, tmp_path, event):
    """Whatever makes it; within the test's own directory, and to what is no path, nothing is said."""
    name, path, *more = event
    for given in (tmp_path / "mine", str(tmp_path / "mine"), b"%b/mine" % os.fsencode(tmp_path)):
        guarded.look(name, (given, *more))
    assert guarded.taken() == []
    guarded.look(name, (path.format("/elsewhere/file"), *more))
    assert guarded.taken() == [f"{name} /elsewhere/file"]
    guarded.look(name, (f"{tmp_path}/../file", *more))
    assert guarded.taken() == [f"{name} {tmp_path.parent}/file"]
    guarded.look("open", (1, "w", os.O_WRONLY))
    assert guarded.taken() == []


def test_what_is_looked_at_is_noted_where_it_is_forbidden(guarded, tmp_path):
    """Reading is free anywhere else."""
    guarded.look("open", ("/etc/hosts", "r", os.O_RDONLY))
    guarded.look("os.listdir", (str(tmp_path),))
    assert guarded.taken() == []
    guarded.look("open", (str(tmp_path / "forbidden" / "file"), "r", os.O_RDONLY))
    guarded.look("os.scandir", (str(tmp_path / "forbidden"),))
    assert guarded.taken() == [f"open {tmp_path}/forbidden/file", f"os.scandir {tmp_path}/forbidden"]


def test_python_tells_the_guard(guarded, hermetic_session, tmp_path):
    """What this process really opens, makes, moves and connects to arrives there."""
    *_, session = hermetic_session
    guarded.taken()
    sys.addaudithook(guarded.look)  # there is no way to take it back; it is disarmed
    elsewhere = os.environ["TMPDIR"]
    try:
        with open(os.path.join(elsewhere, "a"), "w") as file:
            file.write("x")
        os.mkdir(os.path.join(elsewhere, "b"))
        os.rename(os.path.join(elsewhere, "a"), tmp_path / "a")
        sqlite3.connect(os.path.join(elsewhere, "c")).close()
        sqlite3.connect(":memory:").close()
    finally:
        guarded.armed = False
    assert guarded.taken() == [
        f"{event} {elsewhere}/{name}"
        for event, name in [("open", "a"), ("os.mkdir", "b"), ("os.rename", "a"), ("sqlite3.connect", "c")]
    ]
    assert session.armed
