"""What a process says of itself."""

from __future__ import annotations

import os
import platform
import re
import socket
import subprocess
import sys
import uuid
import zipfile

import pytest

from autotrace import __version__
from autotrace.export.resource import resource_attributes
from unit.export.making import settings

_PRINT = "from autotrace.export.resource import service_name\nprint(service_name())\n"


def test_all_of_it():
    """Every attribute, with its type."""
    found = resource_attributes(settings(service_name="shop"))
    instance = uuid.UUID(found.pop("service.instance.id"))
    assert (instance.version, instance.variant) == (4, uuid.RFC_4122)
    assert found == {
        "service.name": "shop",
        "telemetry.sdk.name": "autotrace",
        "telemetry.sdk.language": "python",
        "telemetry.sdk.version": __version__,
        "process.pid": os.getpid(),
        "process.executable.name": os.path.basename(sys.executable),
        "process.runtime.name": sys.implementation.name,
        "process.runtime.version": platform.python_version(),
        "host.name": socket.gethostname(),
        "os.type": sys.platform,
    }


def test_every_process_is_another_instance():
    """The instance id is random each time it is asked for."""
    assert len({resource_attributes(settings())["service.instance.id"] for _ in range(50)}) == 50


def test_the_users_attributes_win():
    """They lose only to an explicit service name."""
    given = {"service.name": "theirs", "host.name": "box", "team": "pizza"}
    found = resource_attributes(settings(resource_attributes=given))
    assert {key: found[key] for key in given} == given
    found = resource_attributes(settings(resource_attributes=given, service_name="explicit"))
    assert (found["service.name"], found["team"]) == ("explicit", "pizza")


def run(*arguments, cwd=None, given=None):
    """Run Python and return the service's name that it prints."""
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run(
        [sys.executable, *arguments], cwd=cwd, input=given, capture_output=True, text=True, check=True, env=environ
    )
    return done.stdout.strip()


@pytest.fixture
def program(tmp_path):
    """A directory with programs in several shapes."""
    (tmp_path / "app.py").write_text(_PRINT)
    (tmp_path / "my-server").write_text(_PRINT)
    (tmp_path / "celery.worker").write_text(_PRINT)
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "__init__.py").write_text("")
    (tmp_path / "shop" / "__main__.py").write_text(_PRINT)
    (tmp_path / "shop" / "web.py").write_text(_PRINT)
    with zipfile.ZipFile(tmp_path / "bundle.pyz", "w") as archive:
        archive.writestr("__main__.py", _PRINT)
    return tmp_path


@pytest.mark.process
@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        (["app.py"], "app"),
        (["./shop/../app.py", "-m", "no"], "app"),
        (["my-server"], "my-server"),
        (["celery.worker"], "celery.worker"),
        (["-m", "app"], "app"),
        (["-m", "shop"], "shop"),
        (["-mshop.web"], "shop.web"),
        (["shop"], "shop"),
        (["bundle.pyz"], "bundle"),
        (["-m", "cProfile", "-o", os.devnull, "app.py"], "app"),
        (["-c", _PRINT], "python"),
    ],
)
def test_the_programs_name(program, arguments, name):
    """The service is called as the program is."""
    assert run(*arguments, cwd=program) == name


@pytest.mark.process
def test_a_program_on_standard_input(program):
    """It has no name but the interpreter's."""
    assert run(cwd=program, given=_PRINT) == "python"
    assert run("-", cwd=program, given=_PRINT) == "python"


@pytest.mark.process
def test_a_directory_that_is_run_in_place(program):
    """`python .` is called after the directory."""
    assert run(".", cwd=program / "shop") == "shop"


@pytest.mark.process
@pytest.mark.skipif(sys.version_info < (3, 10), reason="sys.orig_argv came with Python 3.10")
@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        (["-m", "shop"], "shop"),
        (["-um", "shop"], "shop"),
        (["-mshop.web", "-m", "x"], "shop.web"),
        (["-W", "ignore", "-Xutf8", "-X", "dev", "--check-hash-based-pycs", "default", "-m", "app"], "app"),
        (["-c", "pass", "-m", "app"], "python"),
        (["app.py"], "app"),
    ],
)
def test_the_name_before_the_program_has_begun(program, arguments, name):
    """While ``site`` is being imported, the interpreter's own command line tells the module."""
    (program / "usercustomize.py").write_text("")
    (program / "sitecustomize.py").write_text(f"import sys\nsys.path[:0] = {sys.path!r}\n{_PRINT}")
    environ = {**os.environ, "PYTHONPATH": str(program), "PYTHONWARNINGS": ""}
    done = subprocess.run(
        [sys.executable, *arguments], cwd=program, capture_output=True, text=True, check=True, env=environ
    )
    assert done.stdout.splitlines()[0] == name


def test_strange_arguments(monkeypatch):
    """Whatever a program puts into sys, the service has a name."""
    for argv in ([], None, [None], [""], ["/"], [b"x"]):
        monkeypatch.setattr(sys, "argv", argv)
        monkeypatch.setitem(sys.modules, "__main__", None)
        assert re.fullmatch(r"\S+", resource_attributes(settings())["service.name"])
