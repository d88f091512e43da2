"""What is installed for the tests, when, and by whom."""

from __future__ import annotations

import pytest

from services import packages
from services.errors import ServiceUnavailable


@pytest.fixture
def ran(monkeypatch, tmp_path):
    """The commands that would have been run as root on a Debian, and what its policy said meanwhile."""
    policy, seen = tmp_path / "policy-rc.d", []

    def run(command, **_options):
        seen.append((command[1], policy.read_text()))
        return packages.subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(packages, "_POLICY", policy)
    monkeypatch.setattr(packages.shutil, "which", lambda name: name)
    monkeypatch.setattr(packages.os, "geteuid", lambda: 0)
    monkeypatch.setattr(packages.subprocess, "run", run)
    return policy, seen


@pytest.mark.parametrize("theirs", [None, "#!/bin/sh\nexit 0\n"], ids=["none", "of the system"])
def test_while_a_package_is_installed_no_service_is_started(ran, monkeypatch, capsys, theirs):
    """A policy says no for as long as the installation takes; one that the system has is left alone; one line says it."""
    policy, seen = ran
    if theirs:
        policy.write_text(theirs)
    monkeypatch.setattr(packages, "allowed", True)
    packages.apt_install("something", "it is needed")
    text = theirs or "#!/bin/sh\nexit 101\n"
    assert seen == [("update", text), ("install", text)]
    assert (policy.read_text() if theirs else policy.exists()) == (theirs or False)
    assert capsys.readouterr() == ("", "services: it is needed: installing something with apt-get\n")


def test_pytest_by_hand_installs_nothing(ran):
    """It says what is missing and how to get it."""
    with pytest.raises(ServiceUnavailable) as caught:
        packages.apt_install("something", "it is needed")
    assert str(caught.value) == "it is needed: install it (Debian: apt-get install something)"
    assert ran[1] == []
