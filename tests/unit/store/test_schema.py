"""The store opens its file carefully."""

from __future__ import annotations

import sqlite3

import pytest

from autotrace.store.schema import APPLICATION_ID, MIGRATIONS, StoreError, open_database, writing


def test_new_file(tmp_path):
    """A new file gets its directory, the current version and the write-ahead log."""
    database = open_database(tmp_path / "new" / "traces.sqlite")
    assert database.execute("PRAGMA user_version").fetchone()[0] == len(MIGRATIONS)
    assert database.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
    assert database.execute("PRAGMA auto_vacuum").fetchone()[0] == 2
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o700
    database.close()


def test_newer_file_is_refused(tmp_path):
    """A file of a later autotrace is not touched."""
    database = open_database(tmp_path / "traces.sqlite")
    database.execute("PRAGMA user_version = 99")
    database.close()
    with pytest.raises(StoreError, match="newer autotrace"):
        open_database(tmp_path / "traces.sqlite")


def test_other_files_are_refused(tmp_path):
    """A file that is no database is named, not overwritten."""
    path = tmp_path / "traces.sqlite"
    path.write_text("this is a letter to my grandmother, and quite a long one " * 20)
    with pytest.raises(StoreError, match="Move the file away"):
        open_database(path)
    assert path.read_text().startswith("this is a letter")


def test_the_file_of_another_program_is_refused(tmp_path):
    """An SQLite file that only has our file's name is not given our tables; nothing in it is changed."""
    path = tmp_path / "traces.sqlite"
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE spans (theirs)")
        other.execute("PRAGMA user_version = 1")
    other.close()
    before = path.read_bytes()
    with pytest.raises(StoreError, match="is the SQLite file of another program, and is not used: move it away"):
        open_database(path)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["traces.sqlite"]


def test_a_file_says_whose_it_is(tmp_path):
    """By its application id; one from before there was one is known by its tables, and gets it."""
    for _ in range(2):
        database = open_database(tmp_path / "traces.sqlite")
        assert database.execute("PRAGMA application_id").fetchone()[0] == APPLICATION_ID
        database.execute("PRAGMA application_id = 0")
        database.close()


def test_unusable_place(tmp_path):
    """A data directory that cannot be made is told with the way out."""
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="AUTOTRACE_DATA_DIR"):
        open_database(tmp_path / "file" / "traces.sqlite")


def test_failed_transactions_leave_nothing(database):
    """An exception within a transaction takes back what was done in it."""
    insert = "INSERT INTO files (path, offset) VALUES (?, ?)"
    with pytest.raises(sqlite3.IntegrityError), writing(database):
        database.executemany(insert, [("a", 1), ("b", None)])
    assert database.execute("SELECT count(*) FROM files").fetchone()[0] == 0
    assert not database.in_transaction
