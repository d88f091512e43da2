"""Which version is installed: read from metadata, also where somebody's installation is broken."""

from __future__ import annotations

import subprocess
import sys
import zipfile

import pytest

from autotrace.patching.metadata import file_of, judged

try:
    import importlib_metadata as metadata
except ImportError:
    from importlib import metadata

OLD = "Metadata-Version: 2.1\nName: acme\nVersion: 1.0\n"


@pytest.fixture
def site(tmp_path, monkeypatch):
    """A directory that is the whole search path, with a library in it."""
    (tmp_path / "acme").mkdir()
    (tmp_path / "acme" / "__init__.py").write_text("here = True\n")
    metadata.version("pytest")  # loads what the official reader needs, from the whole path
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    return tmp_path


def described(site, text=OLD, name="acme-1.0.dist-info", file="METADATA", record=None):
    """Write metadata; ``text`` may be bytes."""
    info = site / name
    info.mkdir()
    if text is not None:
        (info / file).write_bytes(text if isinstance(text, bytes) else text.encode())
    if record is not None:
        (info / "RECORD").write_text(record)


def version(versions=">=2", distribution="acme", file=""):
    """Return what is judged of the library."""
    return judged(distribution, versions, file)


def test_every_distribution_of_this_python_is_read_as_the_official_reader_does():
    """The same version for each, by whichever spelling of its name."""
    from importlib import metadata

    names = {one.metadata["Name"] for one in metadata.distributions()}
    found = {name: metadata.version(name) for name in names}  # of several that bear a name, the first
    assert len(found) > 20
    for name, expected in found.items():
        for spelling in (name, name.upper(), name.replace("-", "_"), name.replace("_", ".")):
            assert judged(spelling, "*") == (expected, "")


def test_a_librarys_wheels_may_have_a_name_of_their_own(site):
    """The version of ``acme-binary`` is that of ``acme``, where that is not there itself."""
    described(site, OLD.replace("acme", "acme-binary").replace("1.0", "2.5"), "acme_binary-2.5.dist-info")
    assert version() == ("2.5", "")
    described(site)
    assert version() == ("1.0", "acme 1.0 is not >=2")


def test_a_version_that_is_too_old_is_refused(site):
    """With the reason."""
    described(site)
    assert version() == ("1.0", "acme 1.0 is not >=2")


@pytest.mark.parametrize("name", ["acme.egg-info", "acme-1.0-py3.9.egg-info"])
def test_the_older_kinds_of_metadata_are_read(site, name):
    """A directory with PKG-INFO, and the file that stands in its stead."""
    described(site, name=name, file="PKG-INFO")
    assert version("*")[0] == "1.0"
    (site / name / "PKG-INFO").rename(site / "text")
    (site / name).rmdir()
    (site / "text").rename(site / name)
    assert version("*")[0] == "1.0"


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "Metadata-Version: 2.1\nName: acme\n",
        "Metadata-Version: 2.1\nName: acme\nVersion: \n",
        "Metadata-Version: 2.1\nName: acme\nVersion: unknown\n",
        "Metadata-Version: 2.1\nName: acme\nVersion: 0.0.0\n",
        "Metadata-Version: 2.1\nName: acme\n\nVersion: 1.0\n",
        b"\xff\xfe\x00",
    ],
)
def test_what_tells_no_version_counts_against_nobody(site, text):
    """No METADATA, no Version in its head, none with a number: the targets decide."""
    described(site, text)
    assert version() == ("", "")


def test_metadata_in_latin_1_is_read(site):
    """The author's name is not what is asked for."""
    described(site, "Metadata-Version: 2.1\nAuthor: J\xf6rg\nVersion: 3.0\n".encode("latin-1"))
    assert version() == ("3.0", "")


def test_an_upgrade_that_left_the_old_metadata_behind_counts_against_nobody(site):
    """Two versions in one directory are none; a rest without a version is not in the way of the one that has."""
    described(site)
    described(site, OLD.replace("1.0", "3.0"), "acme-3.0.dist-info")
    assert version() == ("", "")
    (site / "acme-1.0.dist-info" / "METADATA").unlink()
    assert version() == ("3.0", "")


@pytest.mark.parametrize(
    ("record", "refused"),
    [
        (None, True),
        ("acme/__init__.py,sha256=x,12\n", True),
        ("acme/__init__.py,,\n", True),
        ("acme/__init__.py,sha256=x,99\n", False),
        ("acme/old.py,sha256=x,12\n", False),
    ],
)
def test_metadata_of_other_files_counts_against_nobody(site, record, refused):
    """Stale metadata lists another file, or the same with another size."""
    described(site, record=record)
    file = str(site / "acme" / "__init__.py")
    assert version(file=file) == (("1.0", "acme 1.0 is not >=2") if refused else ("", ""))
    assert version("<2", file=file) == ("1.0", "")


def test_metadata_beside_another_copy_counts_against_nobody(site, tmp_path):
    """What is imported from the program's own directory is not what was installed."""
    described(site)
    own = tmp_path / "own" / "acme"
    own.mkdir(parents=True)
    (own / "__init__.py").write_text("")
    assert version(file=str(own / "__init__.py")) == ("", "")


def test_the_first_directory_counts_and_what_is_no_directory_is_passed_over(site, tmp_path, monkeypatch):
    """As for imports; a distribution that is installed while the program runs is seen."""
    first = tmp_path / "first"
    first.mkdir()
    monkeypatch.setattr(sys, "path", [str(tmp_path / "no"), __file__, "a\0b", str(first), str(site)])
    described(site)
    assert version()[0] == "1.0"
    described(first, OLD.replace("1.0", "3.0"), "Acme-3.0.dist-info")
    assert version() == ("3.0", "")


def test_what_is_in_an_archive_is_found(site, tmp_path, monkeypatch):
    """As Python itself finds it; nothing is asked where no archive is on the path."""
    archive = tmp_path / "acme.zip"
    with zipfile.ZipFile(archive, "w") as made:
        made.writestr("acme-3.0.dist-info/METADATA", OLD.replace("1.0", "3.0"))
    monkeypatch.setattr(sys, "path", [str(archive)])
    assert version() == ("3.0", "")
    assert version(">=4") == ("3.0", "acme 3.0 is not >=4")
    assert version(distribution="other") == ("", "")


@pytest.mark.parametrize("error", [ValueError, OSError])
def test_what_an_importer_of_the_programs_own_finds_counts_and_its_errors_do_not(site, monkeypatch, error):
    """It may answer for a distribution that is nowhere, and may raise for another."""

    class Importer:
        @staticmethod
        def find_spec(name, path=None, target=None):
            return None

        @staticmethod
        def find_distributions(context):
            if context.name == "wrong":
                raise error("theirs")
            return iter([Found()] if context.name == "given" else [])

    class Found(metadata.Distribution):
        def read_text(self, filename):
            return OLD if filename == "METADATA" else None

        def locate_file(self, path):
            return path

    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path, Importer])
    assert [version(distribution=name) for name in ("given", "wrong", "other")] == [
        ("1.0", "given 1.0 is not >=2"),
        ("", ""),
        ("", ""),
    ]


def test_the_file_of_a_module_is_told_where_it_has_one(monkeypatch):
    """A namespace, a missing module, and something that is no module have none."""
    monkeypatch.setitem(sys.modules, "strange", None)
    assert file_of("pytest") == pytest.__file__
    assert (file_of("strange"), file_of("sys"), file_of("no_such_module")) == ("", "", "")


@pytest.mark.process
def test_the_reader_of_metadata_brings_nothing_with_it():
    """Neither e-mail nor archives are imported into the program to learn a version."""
    code = "import sys\nbefore = set(sys.modules)\nfrom autotrace.patching.metadata import judged\n"
    code += "assert judged('pytest', '*')[0]\nprint([m for m in set(sys.modules) - before if not m.startswith(('autotrace', '__future__'))])\n"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
