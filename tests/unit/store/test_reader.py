"""A reading command finds what traced processes left, wherever they had to leave it."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

import pytest

from autotrace.config.paths import temporary_directory
from autotrace.store.queries import Filter, list_traces
from autotrace.store.reader import open_store
from autotrace.store.schema import StoreError
from unit.store.inboxes import Sent, request, write


@pytest.fixture
def root(tmp_path, monkeypatch):
    """The private directory under the temporary one."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    directory = tmp_path / f"autotrace-{os.getuid()}"
    directory.mkdir(mode=0o700)
    return directory


@pytest.fixture
def fallback(root, monkeypatch, tmp_path):
    """What takes the place of the data directory ``data``, which is chosen."""
    monkeypatch.setenv("AUTOTRACE_DATA_DIR", str(tmp_path / "data"))
    return Path(temporary_directory(str(tmp_path / "data")))


def traces():
    store = open_store()
    try:
        return len(list_traces(store.database, Filter()))
    finally:
        store.database.close()


def test_the_data_directory_of_the_settings(tmp_path, monkeypatch):
    """The variable that leads the traced processes leads the reader."""
    monkeypatch.setenv("AUTOTRACE_DATA_DIR", str(tmp_path / "data"))
    write(tmp_path / "data" / "inbox", request(Sent("a", 0, 1)))
    assert traces() == 1
    assert (tmp_path / "data" / "traces.sqlite").exists()


def test_both_places(tmp_path, fallback):
    """What could not be written to the data directory is found beside what could, and each once."""
    write(tmp_path / "data" / "inbox", request(Sent("a", 0, 1, trace="01" * 16)))
    write(fallback / "inbox", request(Sent("a", 0, 1, trace="02" * 16)))
    assert traces() == 2
    assert traces() == 2


def test_a_data_directory_that_cannot_be_made(tmp_path, fallback):
    """Then the store lies where the spans had to go."""
    (tmp_path / "data").write_text("")
    write(fallback / "inbox", request(Sent("a", 0, 1)))
    assert traces() == 1


def test_a_directory_of_others_is_not_trusted(tmp_path, root, fallback):
    """A fallback that everybody may write to is not read."""
    (tmp_path / "data").write_text("")
    write(fallback / "inbox", request(Sent("a", 0, 1)))
    root.chmod(0o777)
    with pytest.raises(StoreError):
        open_store()


def test_a_store_holds_its_own_spans_only(tmp_path, monkeypatch, root, fallback):
    """What one project could not write to its data directory is found by that project's reader, and by no other."""
    write(fallback / "inbox", request(Sent("a", 0, 1, trace="01" * 16)))
    write(root / "inbox", request(Sent("a", 0, 1, trace="02" * 16)))
    for place, found in (("other", 0), ("data", 1), ("", 1), ("other", 0)):
        monkeypatch.setenv("AUTOTRACE_DATA_DIR", str(tmp_path / place) if place else "")
        assert traces() == found, place


def test_without_a_choice_there_is_one_fallback(monkeypatch, root):
    """A daemon's home is not that of whoever reads what it left."""
    write(root / "inbox", request(Sent("a", 0, 1)))
    monkeypatch.setenv("XDG_DATA_HOME", str(root.parent / "another"))
    assert traces() == 1


@pytest.fixture
def data(tmp_path, monkeypatch):
    """A data directory that is chosen and has a trace."""
    monkeypatch.setenv("AUTOTRACE_DATA_DIR", str(tmp_path / "data"))
    write(tmp_path / "data" / "inbox", request(Sent("a", 0, 1)))
    return tmp_path / "data"


def unreadable():
    store = open_store()
    try:
        return len(list_traces(store.database, Filter())), store.ingested.unreadable
    finally:
        store.database.close()


@pytest.mark.parametrize("ending", ["", "-wal", "-journal"])
def test_a_store_that_is_a_link_is_refused(data, tmp_path, ending):
    """Whoever put it there would have us write to wherever it leads."""
    target = tmp_path / "target"
    with sqlite3.connect(target) as database:
        database.execute("CREATE TABLE theirs (x)")
    database.close()
    before = target.read_bytes()
    (data / f"traces.sqlite{ending}").symlink_to(target)
    with pytest.raises(StoreError, match="is a link, and is not used: move it away, or set AUTOTRACE_DATA_DIR"):
        open_store()
    assert target.read_bytes() == before


def test_an_inbox_that_is_a_link_is_left_alone(data, tmp_path):
    """Its files are neither taken in nor deleted."""
    (data / "inbox").rename(tmp_path / "elsewhere")
    (data / "inbox").symlink_to(tmp_path / "elsewhere")
    assert unreadable() == (0, {str(data / "inbox"): "is a link"})
    assert len(list((tmp_path / "elsewhere").iterdir())) == 1


@pytest.mark.parametrize("kind", ["link", "pipe", "directory"])
def test_what_is_no_file_in_the_inbox_is_named_and_the_rest_is_read(data, tmp_path, kind):
    """A link may lead to any file of ours, and a pipe would hold us for ever."""
    trap, target = data / "inbox" / "0-trap.spans", tmp_path / "target"
    target.write_text("of some value " * 10)
    os.utime(target, (1, 1))
    if kind == "link":
        trap.symlink_to(target)
    elif kind == "pipe":
        os.mkfifo(trap)
    else:
        trap.mkdir()
    assert unreadable() == (1, {"0-trap.spans": "is a link or no file"})
    assert target.exists()
    assert os.path.lexists(trap)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_store_and_an_inbox_of_another_user_are_refused(data):
    """They say what their owner wants, and SQLite's files beside it would be ours."""
    os.chown(data / "inbox", 12345, 12345)
    found, why = unreadable()
    assert found == 0
    assert why == {str(data / "inbox"): "belongs to another user (12345), who alone may read it"}
    os.chown(data / "traces.sqlite", 12345, 12345)
    with pytest.raises(StoreError, match="belongs to another user"):
        open_store()
