"""Which Python a command starts, and what keeps us out of it."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from autotrace.launch.commands import prevented, python_of, resolved

ENVIRON = {"PATH": os.path.dirname(sys.executable)}


def script(directory, first):
    """Write a script with these first lines."""
    file = directory / "tool"
    file.write_text(f"{first}\nprint()\n")
    file.chmod(0o755)
    return str(file)


@pytest.mark.parametrize(
    ("arguments", "flags"),
    [
        ((), ""),
        (("app.py", "-I"), ""),
        (("-I", "app.py"), "I"),
        (("-sE", "-m", "app", "-S"), "sE"),
        (("-Bc", "pass", "-I"), "B"),
        (("-W", "-E", "-X", "dev", "-S", "app.py"), "S"),
        (("-Wignore", "-Xdev", "-O", "app.py"), "O"),
        (("--check-hash-based-pycs", "always", "-E"), "E"),
        (("-", "-E"), ""),
    ],
)
def test_the_flags_are_those_of_python_not_of_the_program(arguments, flags):
    """They end where the program begins; some have values."""
    assert python_of([sys.executable, *arguments], {}).flags == flags


@pytest.mark.parametrize(
    ("first", "flags"),
    [
        ("#!{python}", ""),
        ("#!{python} -I", "I"),
        ("#!/usr/bin/env python", ""),
        ("#!/usr/bin/env -S python -sE", "sE"),
        ("#!/bin/sh\n'''exec' \"{python}\" \"$0\" \"$@\"\n' '''", ""),
    ],
)
def test_a_script_names_its_python(tmp_path, first, flags):
    """In its first line, by ``env``, or in the way that installers write long paths."""
    found = python_of([script(tmp_path, first.format(python=sys.executable))], ENVIRON)
    assert (os.path.dirname(found.path), found.flags) == (os.path.dirname(sys.executable), flags)


@pytest.mark.parametrize("first", ["#!/bin/sh", "#!/no/such/python", "", "#!/usr/bin/env perl", "#!"])
def test_what_is_no_python_is_none(tmp_path, first):
    """A shell may start one later, which nobody can tell now."""
    assert python_of([script(tmp_path, first)], ENVIRON) is None


def test_a_name_is_looked_up_as_a_shell_does():
    """On the path that the environment names; a path is itself."""
    assert resolved(os.path.basename(sys.executable), ENVIRON) == sys.executable
    assert resolved("no-such-program", ENVIRON) == ""
    assert resolved(sys.executable, {}) == sys.executable
    assert python_of(["no-such-program"], ENVIRON) is None


@pytest.mark.parametrize(("flag", "text"), [("-I", "-I"), ("-E", "-E"), ("-S", "-S"), ("-sS", "-S")])
def test_flags_that_keep_us_out(flag, text):
    """Each has its reason."""
    assert text in prevented(python_of([sys.executable, flag], {}))


@pytest.fixture(scope="module")
def bare(tmp_path_factory):
    """A virtual environment without anything."""
    directory = tmp_path_factory.mktemp("environments") / "bare"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(directory)], check=True)
    return directory


@pytest.mark.process
def test_an_environment_without_us_keeps_us_out(bare):
    """Unless it sees the system's packages, has us installed, or points to where we are."""
    python = python_of([str(bare / "bin" / "python")], {})
    (packages,) = bare.glob("lib/python*/site-packages")
    assert "not installed" in prevented(python)
    points = packages / "points.pth"
    points.write_text("import nothing_of_that_name\n/nowhere\n")
    assert "not installed" in prevented(python)
    points.write_text(os.path.dirname(os.path.dirname(os.path.abspath(sys.modules["autotrace"].__file__))) + "\n")
    assert prevented(python) == ""
    points.unlink()
    (packages / "__editable__.autotrace-0.1.0.pth").write_text("")
    assert prevented(python) == ""
    (packages / "__editable__.autotrace-0.1.0.pth").unlink()
    settings = bare / "pyvenv.cfg"
    settings.write_text(settings.read_text().replace("= false", "= true"))
    assert prevented(python) == ""


def test_our_own_python_is_not_kept_out():
    """The tests run in an environment that has autotrace."""
    assert prevented(python_of([sys.executable], {})) == ""
