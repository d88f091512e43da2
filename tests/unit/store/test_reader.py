"""A reading command finds what traced processes left, wherever they had to leave it."""

from __future__ import annotations

import os

import pytest

from autotrace.store.queries import Filter, list_traces
from autotrace.store.reader import open_store
from autotrace.store.schema import StoreError
from unit.store.inboxes import Sent, request, write


@pytest.fixture
def fallback(tmp_path, monkeypatch):
    """The private directory under the temporary one."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    directory = tmp_path / f"autotrace-{os.getuid()}"
    directory.mkdir(mode=0o700)
    return directory


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


def test_both_places(tmp_path, monkeypatch, fallback):
    """What could not be written to the data directory is found beside what could, and each once."""
    monkeypatch.setenv("AUTOTRACE_DATA_DIR", str(tmp_path / "data"))
    write(tmp_path / "data" / "inbox", request(Sent("a", 0, 1, trace="01" * 16)))
    write(fallback / "inbox", request(Sent("a", 0, 1, trace="02" * 16)))
    assert traces() == 2
    assert traces() == 2


def test_a_data_directory_that_cannot_be_made(tmp_path, monkeypatch, fallback):
    """Then the store lies where the spans had to go."""
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("AUTOTRACE_DATA_DIR", str(tmp_path / "file"))
    write(fallback / "inbox", request(Sent("a", 0, 1)))
    assert traces() == 1


def test_a_directory_of_others_is_not_trusted(tmp_path, monkeypatch, fallback):
    """A fallback that everybody may write to is not read."""
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("AUTOTRACE_DATA_DIR", str(tmp_path / "file"))
    write(fallback / "inbox", request(Sent("a", 0, 1)))
    fallback.chmod(0o777)
    with pytest.raises(StoreError):
        open_store()
