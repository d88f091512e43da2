"""Where the data lies, and how lengths of time are written."""

from __future__ import annotations

import os

import pytest

from autotrace.store.paths import data_directory, database_file, inbox_directory
from autotrace.store.units import parse_duration

HOME = os.path.expanduser("~")


@pytest.mark.parametrize(
    ("environ", "platform", "found"),
    [
        ({"AUTOTRACE_DATA_DIR": "/x", "XDG_DATA_HOME": "/y"}, "linux", "/x"),
        ({"AUTOTRACE_DATA_DIR": "", "XDG_DATA_HOME": "/y"}, "linux", "/y/autotrace"),
        ({"XDG_DATA_HOME": ""}, "linux", f"{HOME}/.local/share/autotrace"),
        ({}, "darwin", f"{HOME}/Library/Application Support/autotrace"),
        ({"LOCALAPPDATA": "/local"}, "win32", "/local/autotrace"),
    ],
)
def test_data_directory(environ, platform, found):
    """The variable wins, then what the platform keeps; empty is unset."""
    assert data_directory(environ, platform) == found


def test_files_in_it():
    """Inbox and database lie in the data directory."""
    assert (inbox_directory("/x"), database_file("/x")) == ("/x/inbox", "/x/traces.sqlite")


@pytest.mark.parametrize(
    ("text", "ns"),
    [("250ms", 250 * 10**6), ("1.5s", 15 * 10**8), ("10m", 600 * 10**9), ("2 h", 7200 * 10**9), ("7D", 604800 * 10**9)],
)
def test_durations(text, ns):
    """A number and a unit."""
    assert parse_duration(text) == ns


@pytest.mark.parametrize("text", ["", "5", "ms", "-1s", "1 fortnight", "1e3s"])
def test_bad_durations(text):
    """Anything else is refused with examples."""
    with pytest.raises(ValueError, match="write it like 250ms"):
        parse_duration(text)
