"""What keeps spans that a receiver has not taken."""

from __future__ import annotations

from functools import partial
from types import SimpleNamespace

from autotrace import notes, runs
from autotrace.export import spare
from autotrace.export.spare import Spare
from autotrace.signals import TRACES


def test_it_is_bounded(tmp_path, monkeypatch):
    """However much is not taken, the newest of it fits below the ceiling, and each reason is one note."""
    monkeypatch.setattr(spare, "MOST", 100_000)
    settings = SimpleNamespace(data_dir=str(tmp_path), inbox_max_bytes=1 << 30)
    notes.began(str(tmp_path), ("otlp",), ("all",), ())
    for number in range(60):
        kept = Spare(settings, partial(notes.undelivered, settings.data_dir))
        kept.keep(TRACES, bytes([number]) * 10_000, 7, "nobody is there")
        kept.keep(TRACES, b"x", 3, "nobody is there")
        kept.close()
    files = list((tmp_path / "undelivered").iterdir())
    assert sum(file.stat().st_size for file in files) <= 100_000
    assert any(bytes([59]) * 10_000 in file.read_bytes() for file in files)
    (run,) = runs.runs(str(tmp_path))
    assert list(run.undelivered.values()) == [(10, "nobody is there")]


def test_it_makes_nothing_before_it_has_something(tmp_path):
    """Nor says anything at its end."""
    Spare(SimpleNamespace(data_dir=str(tmp_path / "data"), inbox_max_bytes=1 << 30), lambda count, reason: None).close()
    assert list(tmp_path.iterdir()) == []
