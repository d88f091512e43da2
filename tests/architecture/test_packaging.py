"""The wheel holds the tree, and nothing else."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from importlib import metadata

import pytest

import makefile
from makefile import CHECKOUT


def tree():
    """Return what of the tree belongs into the wheel, by its name there."""
    names = set()
    for folder, package in (("autotrace", "autotrace"), ("instrumentors", "autotrace/instrumentors")):
        for path in (CHECKOUT / folder).rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                names.add(f"{package}/{path.relative_to(CHECKOUT / folder).as_posix()}")
    return names


@pytest.fixture(scope="module")
def wheel():
    """The wheel that the tests run on."""
    return makefile.wheel()


def test_the_wheel_has_the_files_of_the_tree(wheel):
    """A forgotten package or a stale module would show here."""
    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert packed == tree()


def test_the_wheel_is_pure_and_typed(wheel):
    """One wheel for all, with types, and the licence in it."""
    assert wheel.name.endswith("-py3-none-any.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert "autotrace/py.typed" in names
    assert any(name.endswith("LICENSE") for name in names)


def test_the_version_stands_in_one_place(wheel):
    """What the wheel says of itself, and what is installed, is `autotrace.__version__`; pyproject.toml has none."""
    import autotrace

    with zipfile.ZipFile(wheel) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        lines = archive.read(name).decode().splitlines()
    assert f"Version: {autotrace.__version__}" in lines
    assert metadata.version("autotrace") == autotrace.__version__
    assert autotrace.__version__ not in (CHECKOUT / "pyproject.toml").read_text(encoding="utf-8")


def test_the_agent_requires_only_three_packages():
    """What a traced process may need; all else is the extra of the reader side."""
    required = [line for line in metadata.requires("autotrace") if "extra ==" not in line]
    assert sorted(line.split(";")[0].split(">")[0].strip() for line in required) == [
        "importlib-metadata",
        "tomli",
        "wrapt",
    ]
    assert [line for line in required if "python_version" not in line] == ["wrapt>=1.14"]


@pytest.mark.process
def test_the_installed_package_is_the_wheel_and_instrumentors_is_no_top_level_module():
    """The tests run on what users get; somebody's own ``instrumentors`` stays theirs."""
    import autotrace

    assert "site-packages" in autotrace.__file__
    done = subprocess.run([sys.executable, "-I", "-c", "import instrumentors"], capture_output=True, check=False)
    assert b"No module named 'instrumentors'" in done.stderr


@pytest.mark.process
def test_in_the_tree_the_folder_refuses_another_name():
    """Whoever imports it as ``instrumentors`` is told how it is meant."""
    done = subprocess.run(
        [sys.executable, "-c", "import instrumentors"], cwd=CHECKOUT, capture_output=True, check=False
    )
    assert (
        b"this folder is imported as 'autotrace.instrumentors'; in a checkout, 'make dev' installs it so" in done.stderr
    )
