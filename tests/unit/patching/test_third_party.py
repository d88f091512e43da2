"""Instrumentors of other distributions, found without a scan at every start."""

from __future__ import annotations

import sys

from autotrace.patching import third_party

ENTRY_POINTS = """\
[console_scripts]
acme = acme:main

[autotrace.instrumentors]
acme.client = acme_autotrace:CLIENT
zeta = zeta_autotrace
"""


def distribution(directory, name, entry_points=ENTRY_POINTS):
    info = directory / f"{name}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(entry_points)


def test_agrees_with_importlib_metadata(tmp_path):
    """The official reader finds the same names and values."""
    from importlib import metadata

    distribution(tmp_path, "acme")
    official = [
        (point.name, point.value)
        for found in metadata.distributions(path=[str(tmp_path)])
        for point in found.entry_points
        if point.group == "autotrace.instrumentors"
    ]
    assert (
        third_party.scan([str(tmp_path)])
        == official
        == [("acme.client", "acme_autotrace:CLIENT"), ("zeta", "zeta_autotrace")]
    )


def test_the_second_start_reads_one_file(tmp_path, monkeypatch):
    """Nothing is listed again until the search path changes."""
    site, cache = tmp_path / "site", tmp_path / "cache"
    distribution(site, "acme")
    monkeypatch.setattr(sys, "path", [str(site)])
    first = third_party.third_party(str(cache))
    assert [(known.trigger, known.module, known.attribute) for known in first] == [
        ("acme.client", "acme_autotrace", "CLIENT"),
        ("zeta", "zeta_autotrace", "INSTRUMENTOR"),
    ]
    monkeypatch.setattr(third_party, "scan", None)
    assert [known.trigger for known in third_party.third_party(str(cache))] == ["acme.client", "zeta"]


def test_installing_something_is_noticed(tmp_path, monkeypatch):
    """A changed directory is scanned anew."""
    import os

    site, cache = tmp_path / "site", tmp_path / "cache"
    site.mkdir()
    monkeypatch.setattr(sys, "path", [str(site)])
    assert third_party.third_party(str(cache)) == []
    distribution(site, "acme")
    os.utime(site, ns=(1, 1))  # as a later installation has another time
    assert len(third_party.third_party(str(cache))) == 2


def test_a_cache_that_cannot_be_written_or_read_does_no_harm(tmp_path, monkeypatch):
    """It is found again at each start."""
    site = tmp_path / "site"
    distribution(site, "acme")
    monkeypatch.setattr(sys, "path", [str(site)])
    blocked = tmp_path / "file"
    blocked.write_text("")
    assert len(third_party.third_party(str(blocked))) == 2
