"""The notes that traced processes leave of themselves."""

from __future__ import annotations

import os

from autotrace import notes, runs


def begin(data, count=1):
    for _ in range(count):
        notes.began(str(data), ("inbox",), ("all",), ("flask", "redis"))


def test_what_was_noted_is_read(tmp_path):
    """The newest first, with what its end and those of its forks said; the file is for its owner alone."""
    begin(tmp_path / "data")
    notes.ended(str(tmp_path / "data"), ["django"], {"flask": "flask 1 is not >=2.2"})
    notes.ended(str(tmp_path / "data"), ["django", "boto3"], {})
    begin(tmp_path / "data")
    running, run = runs.runs(str(tmp_path / "data"))
    assert (run.ended, run.modules, run.skipped) == (True, ["django", "boto3"], {"flask": "flask 1 is not >=2.2"})
    assert (run.pid, run.exporters, run.on, run.off) == (os.getpid(), ["inbox"], ["all"], ["flask", "redis"])
    assert (running.ended, running.modules) == (False, [])
    assert (tmp_path / "data" / "ran").stat().st_mode & 0o777 == 0o600


def test_it_does_not_grow(tmp_path):
    """However many processes run, the newest are known and the rest goes."""
    begin(tmp_path, 1500)
    assert sum(file.stat().st_size for file in tmp_path.iterdir()) < 2 * notes.MOST + 4096
    assert 200 < len(runs.runs(str(tmp_path))) < 1500


def test_what_hinders_it_is_passed_over(tmp_path):
    """A link, a pipe that nobody reads, a directory, a place that cannot be written: nothing is said, nothing waits."""
    target = tmp_path / "target"
    target.write_text("theirs")
    for name, make in (
        ("link", lambda file: file.symlink_to(target)),
        ("pipe", os.mkfifo),
        ("directory", os.mkdir),
    ):
        (tmp_path / name).mkdir()
        make(tmp_path / name / "ran")
        begin(tmp_path / name)
    begin(target)
    assert target.read_text() == "theirs"
    assert runs.runs(str(target)) == []


def test_lines_that_are_none_are_passed_over(tmp_path):
    """Torn, foreign, or of bytes that are no text."""
    begin(tmp_path)
    with (tmp_path / "ran").open("ab") as file:
        file.write(b"began\tx\ty\n\xff\xfe\nended\t1\t2\nended\t1\t77\t\t\n" + b"began\t1\t2\ta\tb\tc\td\te")
    assert len(runs.runs(str(tmp_path))) == 1
