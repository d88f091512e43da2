"""The import hook: told once, invisible, never the reason why an import fails."""

from __future__ import annotations

import importlib
import sys

import pytest

from autotrace.patching.hook import ImportHook
from autotrace.patching.wall import faults


@pytest.fixture
def hooked(tmp_path, monkeypatch):
    """A function that installs a hook for modules written to a fresh directory."""
    monkeypatch.syspath_prepend(str(tmp_path))
    installed = []

    def install(sources, waiting):
        for name, source in sources.items():
            file = tmp_path / f"{name}.py"
            file.parent.mkdir(exist_ok=True, parents=True)
            file.write_text(source)
        importlib.invalidate_caches()
        hook = ImportHook(waiting)
        hook.install()
        installed.append((hook, [name.replace("/", ".").replace(".__init__", "") for name in sources]))
        return hook

    yield install
    for hook, names in installed:
        sys.meta_path.remove(hook)
        for name in names:
            sys.modules.pop(name, None)


def test_a_callback_runs_after_the_module_and_once(hooked):
    """It sees the whole module; importing again does not call it again."""
    seen = []
    hooked({"hooked_one": "x = 1"}, {"hooked_one": lambda: seen.append(sys.modules["hooked_one"].x)})
    import hooked_one  # noqa: F401

    importlib.import_module("hooked_one")
    assert seen == [1]


def test_what_was_imported_before_is_served_at_once(hooked, tmp_path):
    """A library that came first is patched when the agent starts."""
    (tmp_path / "hooked_early.py").write_text("")
    importlib.invalidate_caches()
    importlib.import_module("hooked_early")
    seen = []
    hooked({}, {"hooked_early": lambda: seen.append("served")})
    del sys.modules["hooked_early"]
    assert seen == ["served"]


def test_loader_and_spec_are_the_ordinary_ones(hooked):
    """While and after it is executed, a module does not see that it was watched."""
    source = "import sys\nduring = (type(__spec__.loader).__name__, type(__loader__).__name__)\n"
    hooked({"hooked_plain": source}, {"hooked_plain": lambda: None})
    module = importlib.import_module("hooked_plain")
    assert module.during == ("SourceFileLoader", "SourceFileLoader")
    assert type(module.__spec__.loader).__name__ == "SourceFileLoader"
    assert module.__spec__.loader is module.__loader__


def test_a_submodule_is_watched_through_its_package(hooked):
    """Dotted names work as they are imported."""
    seen = []
    hooked(
        {"hooked_pack/__init__": "", "hooked_pack/inner": "y = 2"},
        {"hooked_pack.inner": lambda: seen.append(sys.modules["hooked_pack.inner"].y)},
    )
    from hooked_pack.inner import y

    assert (y, seen) == (2, [2])


def test_a_callback_that_raises_fails_no_import(hooked):
    """The fault is counted under the module's name."""

    def broken():
        raise RuntimeError("ours")

    hooked({"hooked_broken": "z = 3"}, {"hooked_broken": broken})
    assert importlib.import_module("hooked_broken").z == 3
    assert faults.pop("hooked_broken") == 1


def test_a_module_that_raises_raises_as_before_and_calls_nothing(hooked):
    """The program's own error passes; a later, successful import is still told."""
    seen = []
    hook = hooked({"hooked_fails": "raise ValueError('theirs')"}, {"hooked_fails": lambda: seen.append(1)})
    with pytest.raises(ValueError, match="theirs"):
        importlib.import_module("hooked_fails")
    assert seen == []
    assert hook.find_spec("hooked_fails") is not None


def test_a_missing_module_is_missing(hooked):
    """ModuleNotFoundError, as before."""
    hooked({}, {"hooked_missing": lambda: None})
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("hooked_missing")
