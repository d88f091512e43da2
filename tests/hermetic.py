"""Keeps every test within places of its own, and fails the one that opens a file anywhere else.

The user's traces, a fall-back inbox of another run, a configuration file, variables of the terminal: nothing of that may
reach a test, and nothing of a test may reach them. So each test has a home, a temporary and a working directory of its own
beneath a short one of the session (the path of a socket in there must stay under a hundred characters). The guard sees what
this process does; what tests start inherits the places. A conftest takes this in with ``pytest_plugins = ["hermetic"]``.
"""

from __future__ import annotations

import itertools
import os
import shutil
import sys
import tempfile

import hypothesis.configuration
import pytest

from autotrace.config import paths, settings

_TAKEN_AWAY = ("AUTOTRACE_", "OTEL_", "XDG_", "TRACEPARENT", "TRACESTATE", "BAGGAGE")
_LEFT = ("AUTOTRACE_TEST_", "AUTOTRACE_CACHE")  # where services are, and where what they consist of is kept
_TEMPORARY = ("TMPDIR", "TEMP", "TMP")

_CHANGE = os.O_WRONLY | os.O_RDWR | os.O_CREAT
_CHANGING = {
    "os.mkdir",
    "os.remove",
    "os.rename",
    "os.rmdir",
    "os.symlink",
    "os.link",
    "os.truncate",
    "sqlite3.connect",
}
_LOOKING = {"os.listdir", "os.scandir"}
_DIRECTORY_AT = {"os.mkdir": 2, "os.remove": 1, "os.rmdir": 1}  # the argument that says what a path is relative to


class Guard:
    """Notes what is changed outside of the places that are given, and what is looked at in those that are forbidden.

    Args:
        own: directories in which everything may be done.
        forbidden: directories in which nothing may be done, not even be looked.
    """

    def __init__(self, own, forbidden=()):
        self.noted = []
        self.armed = False
        self._own = _beneath(own)
        self._forbidden = _beneath(forbidden)

    def look(self, event, arguments):
        """Take an event from ``sys.addaudithook``; must not raise, and must be quick: each import and call into C comes here."""
        if not self.armed or not (event == "open" or event in _CHANGING or event in _LOOKING):
            return
        try:
            self._judge(event, arguments)
        except Exception as error:  # raising here would fail whoever opens the file, perhaps behind a wall
            self.noted.append(f"the guard failed at {event} {arguments}: {error!r}")

    def taken(self):
        """Return what has been noted, and forget it."""
        noted, self.noted = self.noted, []
        return noted

    def _judge(self, event, arguments):
        changes = event in _CHANGING or (event == "open" and bool(arguments[2] & _CHANGE))
        if event in _DIRECTORY_AT and arguments[_DIRECTORY_AT[event]] not in (None, -1):
            return  # it is relative to a directory that was opened
        for given in arguments[: 2 if event in {"os.rename", "os.link"} else 1]:
            if given is None or isinstance(given, int):
                continue
            path = os.path.abspath(os.fsdecode(given))
            if f"{path}/".startswith(self._forbidden) or (
                changes and not self._may_change(event, os.fsdecode(given), path)
            ):
                self.noted.append(f"{event} {path}")

    def _may_change(self, event, given, path):
        in_memory = event == "sqlite3.connect" and (given in ("", ":memory:") or given.startswith("file:"))
        return in_memory or f"{path}/".startswith(self._own) or f"{os.sep}__pycache__" in path


def _beneath(directories):
    """Return what paths within directories begin with, also where links lead to them."""
    return tuple(f"{place}/" for one in directories for place in dict.fromkeys((str(one), os.path.realpath(one))))


def _refuse_a_configuration_above(directory):
    """Fail where a configuration file would lead all tests; there is no way to keep a program from finding it."""
    if file := settings.load({}, directory).file:
        pytest.exit(f"{file} is found from the tests' directory {directory}: move it away, or set TMPDIR", 3)


def _places_of_tools(config):
    """Return where pytest, the compiler of Python, and what installs services keep what they need again."""
    services = os.environ.get("AUTOTRACE_CACHE") or ".cache"
    return [config.rootpath / place for place in (config.getini("cache_dir"), services, sys.pycache_prefix) if place]


def pytest_configure(config):
    """Let hypothesis keep its things where pytest keeps its own, not in the working directory."""
    if config.pluginmanager.hasplugin("cacheprovider"):
        hypothesis.configuration.set_hypothesis_home_dir(config.cache.mkdir("hypothesis"))


@pytest.fixture(scope="session", autouse=True)
def hermetic_session(tmp_path_factory, request):
    """The directory beneath which this session's places are, the guard of them, and an environment without the user's."""
    elsewhere = (paths.data_directory(), paths.temporary_root())
    base = tmp_path_factory.getbasetemp()
    root = tempfile.mkdtemp(prefix="at-")
    os.chmod(root, 0o755)  # some tests have programs that are not the user's
    for directory in (root, str(base)):
        _refuse_a_configuration_above(directory)
    guard = Guard((root, base, *_places_of_tools(request.config), "/dev", "/proc"), elsewhere)
    sys.addaudithook(guard.look)
    with pytest.MonkeyPatch.context() as patch:
        for name in os.environ:
            if name.startswith(_TAKEN_AWAY) and not name.startswith(_LEFT):
                patch.delenv(name)
        _move(patch, os.path.join(root, "s"))
        guard.armed = True
        yield root, itertools.count(), guard
        guard.armed = False
    shutil.rmtree(root, ignore_errors=True)


@pytest.fixture(autouse=True)
def _places_of_its_own(hermetic_session):
    """A home, a temporary and a working directory for one test, which no other has used; fails it if it left them."""
    root, numbers, guard = hermetic_session
    guard.taken()
    with pytest.MonkeyPatch.context() as patch:
        _move(patch, os.path.join(root, str(next(numbers))))
        yield
    outside = guard.taken()
    assert not outside, f"places that are not this test's own: {outside}"


def _move(patch, directory):
    """Make a directory and let it be home, temporary and working directory."""
    os.mkdir(directory)
    for name in ("HOME", *_TEMPORARY):
        patch.setenv(name, directory)
    patch.setattr(tempfile, "tempdir", directory)
    patch.chdir(directory)
