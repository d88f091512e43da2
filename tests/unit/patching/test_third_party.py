"""Instrumentors of other distributions, found without a scan at every start."""

from __future__ import annotations

import os
import stat
import sys
from types import SimpleNamespace

import pytest

from autotrace.patching import Instrumentor, third_party

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
    """The official reader finds the same names and values; each twice where its backport has been imported as well."""
    from importlib import metadata

    distribution(tmp_path, "acme")
    official = dict.fromkeys(
        (point.name, point.value)
        for found in metadata.distributions(path=[str(tmp_path)])
        for point in found.entry_points
        if point.group == "autotrace.instrumentors"
    )
    assert (
        third_party.scan([str(tmp_path)])
        == list(official)
        == [("acme.client", "acme_autotrace:CLIENT"), ("zeta", "zeta_autotrace")]
    )


def test_the_second_start_reads_one_file(tmp_path, monkeypatch):
    """Nothing is listed again until the search path changes."""
    site, cache = tmp_path / "site", tmp_path / "cache"
    distribution(site, "acme")
    monkeypatch.setattr(sys, "path", [str(site)])
    first = third_party.third_party(str(cache))
    client, zeta = Instrumentor("client", requires="acme>=1"), Instrumentor("zeta")
    monkeypatch.setitem(sys.modules, "acme_autotrace", SimpleNamespace(CLIENT=client))
    monkeypatch.setitem(sys.modules, "zeta_autotrace", SimpleNamespace(INSTRUMENTOR=zeta))
    assert [part.requires for part in first] == [None, None]
    assert [(part.trigger, part.instrumentor()) for part in first] == [("acme.client", client), ("zeta", zeta)]
    assert [part.requires for part in first] == ["acme>=1", None]
    monkeypatch.setattr(third_party, "scan", None)
    assert [part.trigger for part in third_party.third_party(str(cache))] == ["acme.client", "zeta"]


def test_installing_something_is_noticed(tmp_path, monkeypatch):
    """A changed directory is scanned anew."""
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


@pytest.fixture
def cached(tmp_path, monkeypatch):
    """The file in which findings are kept, for a search path with one directory that has two."""
    site, cache = tmp_path / "site", tmp_path / "cache"
    distribution(site, "acme")
    monkeypatch.setattr(sys, "path", [str(site)])
    monkeypatch.setattr(os, "getpid", lambda: 4711)
    third_party.third_party(str(cache))
    (file,) = cache.iterdir()
    return file


def test_findings_are_ours_alone(cached):
    """Whatever the umask says."""
    assert stat.S_IMODE(cached.stat().st_mode) == 0o600


@pytest.mark.parametrize("trap", ["link", "open", "theirs", "pipe"])
def test_findings_that_others_may_have_written_are_not_believed(cached, tmp_path, trap):
    """What stands there is imported into the program."""
    text = cached.read_text().partition("\n")[0] + "\nevil\tevil:EVIL"
    cached.unlink()
    if trap == "link":
        (tmp_path / "target").write_text(text)
        cached.symlink_to(tmp_path / "target")
    elif trap == "pipe":
        os.mkfifo(cached)
    else:
        cached.write_text(text)
        cached.chmod(0o666)
        if trap == "theirs":
            if os.geteuid() != 0:
                pytest.skip("only root can give a file away")
            cached.chmod(0o600)
            os.chown(cached, 12345, 12345)
    assert [part.name for part in third_party.third_party(str(cached.parent))] == ["acme.client", "zeta"]
    assert cached.is_file()
    assert not cached.is_symlink()


def test_a_link_in_the_place_of_what_is_written_is_not_followed(cached, tmp_path):
    """It would overwrite any file of ours."""
    target = tmp_path / "target"
    target.write_text("of some value")
    cached.unlink()
    cached.with_name(f"{cached.name}.4711").symlink_to(target)
    for _ in range(2):
        assert len(third_party.third_party(str(cached.parent))) == 2
    assert target.read_text() == "of some value"
    assert [file.name for file in cached.parent.iterdir()] == [cached.name]


def test_findings_do_not_pile_up(cached, tmp_path, monkeypatch):
    """A changed directory leaves no second file, and many search paths leave the newest."""
    cache = str(cached.parent)
    for moment in range(1, 5):
        os.utime(tmp_path / "site", ns=(moment, moment))
        third_party.third_party(cache)
    assert os.listdir(cache) == [cached.name]
    os.utime(cached, ns=(1, 1))
    for number in range(40):
        monkeypatch.setattr(sys, "path", [str(tmp_path / f"site{number}")])
        third_party.third_party(cache)
    assert len(os.listdir(cache)) == 32
    assert not cached.exists()
