"""The import hook: told once, invisible, never the reason why an import fails."""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import sys
import threading
import traceback
import types
from unittest.mock import MagicMock

import pytest

from autotrace.faults import faults
from autotrace.patching.hook import ImportHook


class Imports:
    """A directory of modules, and a hook that waits for some."""

    def __init__(self, directory):
        self.directory = directory
        self.told = []
        self.hook = None
        self._names = []

    def write(self, name, source=""):
        """Write a module; ``package/__init__`` is one, too."""
        file = self.directory / f"{name}.py"
        file.parent.mkdir(exist_ok=True, parents=True)
        file.write_text(source)
        self._names.append(name.replace("/", ".").replace(".__init__", ""))
        importlib.invalidate_caches()

    def wait(self, *names, **callbacks):
        """Install a hook; what it tells is kept, unless a name has a callback of its own."""
        waiting = dict.fromkeys(names, self.told.append)
        self.hook = ImportHook({**waiting, **callbacks})
        assert self.hook.install()

    def forget(self):
        """Let every module be imported anew."""
        for name in self._names:
            sys.modules.pop(name, None)

    def end(self):
        """Put everything back."""
        if self.hook is not None:
            self.hook.remove()
            self.hook = None
        self.forget()


@pytest.fixture
def imports(tmp_path, monkeypatch):
    """Modules in a directory of its own."""
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    made, before = Imports(tmp_path), dict(faults)
    yield made
    made.end()
    assert faults == before


def lazily(name):
    """Import a module by the recipe in the documentation of ``importlib``."""
    spec = importlib.util.find_spec(name)
    loader = importlib.util.LazyLoader(spec.loader)
    spec.loader = loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    loader.exec_module(module)
    return module


def is_lazy(module):
    """Tell whether a module has not been loaded."""
    return type(module) is importlib.util._LazyModule


def test_a_callback_runs_after_the_module_and_once(imports):
    """It sees the whole module; importing again does not call it again."""
    seen = []
    imports.write("hooked_one", "x = 1")
    imports.wait(hooked_one=lambda _name: seen.append(sys.modules["hooked_one"].x))
    import hooked_one  # noqa: F401

    importlib.import_module("hooked_one")
    assert seen == [1]


def test_what_was_imported_before_is_served_at_once(imports):
    """A library that came first is patched when the agent starts."""
    imports.write("hooked_early")
    importlib.import_module("hooked_early")
    imports.wait("hooked_early")
    assert imports.told == ["hooked_early"]


def test_what_may_have_been_used_before_is_said_to_be_late(imports):
    """Whatever serving one module imports, the next one is as late; what is imported afterwards is not."""
    for name in ("hooked_a", "hooked_b", "hooked_c"):
        imports.write(name)
    for name in ("hooked_a", "hooked_b"):
        importlib.import_module(name)
    imports.write("hooked_part_a")
    imports.write("hooked_part_b")

    def serve(name):
        imports.told.append((name, imports.hook.late))
        if name != "hooked_c":
            importlib.import_module(name.replace("hooked_", "hooked_part_"))
            imports.told.append((name, imports.hook.late))

    imports.wait(**dict.fromkeys(("hooked_a", "hooked_b", "hooked_c"), serve))
    importlib.import_module("hooked_c")
    assert len(imports.told) == 5
    assert imports.told.pop() == ("hooked_c", False)
    assert all(late for _, late in imports.told)


def test_a_module_that_imports_us_is_served_when_it_has_been_executed(imports):
    """Not when the hook is installed in the middle of it."""
    imports.write("hooked_midst", "import sys\nsys.install()\ndone = True\n")
    sys.install = lambda: imports.wait(hooked_midst=lambda _name: imports.told.append(sys.modules["hooked_midst"].done))
    try:
        importlib.import_module("hooked_midst")
    finally:
        del sys.install
    assert imports.told == [True]


def test_nothing_of_ours_is_in_the_import_system(imports):
    """Finders, specs, loaders and where a warning points are the bare ones before, while and after a module is executed."""
    source = (
        "import sys\nframe, stack = sys._getframe(), []\nwhile frame:\n"
        "    stack.append((frame.f_code.co_filename, frame.f_code.co_name, frame.f_lineno))\n    frame = frame.f_back\n"
        "seen = (list(sys.meta_path), list(sys.path_hooks), __spec__.loader, __loader__, type(__loader__), stack)\n"
    )
    imports.write("hooked_plain", source)

    def see():
        before = importlib.util.find_spec("hooked_plain")
        module = importlib.import_module("hooked_plain")
        return (
            before,
            type(before.loader),
            sys.meta_path,
            module.seen,
            module.__spec__,
            importlib.util.find_spec("json"),
        )

    bare, traced = [(imports.forget(), turn and imports.wait("hooked_plain"), see())[2] for turn in (False, True)]
    assert imports.told == ["hooked_plain"]
    assert traced == bare


def test_a_submodule_is_watched_through_its_package(imports):
    """Dotted names work as they are imported."""
    imports.write("hooked_pack/__init__")
    imports.write("hooked_pack/inner", "y = 2")
    imports.wait("hooked_pack.inner")
    from hooked_pack.inner import y

    assert (y, imports.told) == (2, ["hooked_pack.inner"])


def test_a_callback_that_raises_fails_no_import(imports):
    """The fault is counted under the module's name."""

    def broken(_name):
        raise RuntimeError("ours")

    imports.write("hooked_broken", "z = 3")
    imports.wait(hooked_broken=broken)
    assert importlib.import_module("hooked_broken").z == 3
    assert faults.pop("hooked_broken") == 1


def test_a_module_that_raises_calls_nothing_until_it_succeeds(imports):
    """The program's own error passes; a later, successful import is still told."""
    imports.write("hooked_fails", "raise ValueError('theirs')")
    imports.wait("hooked_fails")
    with pytest.raises(ValueError, match="theirs"):
        importlib.import_module("hooked_fails")
    assert imports.told == []
    imports.write("hooked_fails", "it = 'works'")
    importlib.import_module("hooked_fails")
    assert imports.told == ["hooked_fails"]


class Careless(importlib.machinery.SourceFileLoader):
    """A loader that fails by itself, where it is told to."""

    def create_module(self, spec):
        if spec.name == "hooked_uncreated":
            raise OSError("no module is made")

    def exec_module(self, module):
        if module.__name__ == "hooked_unread":
            raise OSError("the disk is gone")
        return super().exec_module(module)


class InFront:
    """A finder of the program, which comes first."""

    def __init__(self, find):
        self.find_spec = find
        sys.meta_path.insert(0, self)


def careless(name, path=None, target=None):
    """Find by the ordinary finder, load by one that fails."""
    spec = importlib.machinery.PathFinder.find_spec(name, path, target)
    if spec is not None and name.startswith("hooked_un"):
        spec.loader = Careless(name, spec.origin)
    return spec


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("hooked_import_error", "raise ImportError('optional')"),
        ("hooked_missing_part", "import hooked_nowhere"),
        ("hooked_value_error", "def check():\n    raise ValueError('no')\ncheck()"),
        ("hooked_syntax", "def :"),
        ("hooked_uncreated", ""),
        ("hooked_unread", ""),
        ("hooked_absent", None),
    ],
)
@pytest.mark.parametrize("way", ["import", "import_module"])
def test_a_failing_import_reads_as_without_us(imports, name, source, way):
    """Each line of the traceback, also where importlib's own frames are kept."""
    if source is not None:
        imports.write(name, source)
    InFront(careless)

    def text():
        try:
            if way == "import":
                __import__(name)
            else:
                importlib.import_module(name)
        except Exception:
            return traceback.format_exc()

    bare, traced = text(), (imports.wait(name), text())[1]
    assert "Error" in bare
    assert traced == bare


def test_a_finder_that_asks_all_others_finds(imports):
    """It is not asked by one of ours in turn; nor are two of them that ask each other more often than without us."""
    asked = []

    def everybody(name, path=None, target=None):
        asked.append(name)
        for finder in sys.meta_path:
            if finder is not front:
                spec = finder.find_spec(name, path, target)
                if spec is not None:
                    return spec
        return None

    front = InFront(everybody)
    imports.write("hooked_found", "x = 5")
    imports.wait("hooked_found")
    assert importlib.import_module("hooked_found").x == 5
    assert (asked.count("hooked_found"), imports.told) == (1, ["hooked_found"])


class Rewriting(importlib.machinery.SourceFileLoader):
    """Compiles otherwise than the ordinary loader, as checkers of types and rewriters of assertions do."""

    def source_to_code(self, data, path, *_more, **_options):
        return compile(data + b"\nrewritten = True\n", path, "exec", dont_inherit=True)


def test_a_library_that_a_hook_in_front_loads_is_noticed(imports):
    """Another loader, the ordinary finder in front of all others, or a finder that has loaded the module already."""
    for name in ("hooked_rewritten", "hooked_first", "hooked_loaded"):
        imports.write(name)
    imports.wait("hooked_rewritten", "hooked_first", "hooked_loaded")

    def rewriting(name, path=None, target=None):
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        if name == "hooked_rewritten":
            spec.loader = Rewriting(name, spec.origin)
            return spec
        if name == "hooked_loaded":
            module = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
            return importlib.machinery.ModuleSpec(name, Already(module), origin=spec.origin)
        return None

    InFront(rewriting)
    assert importlib.import_module("hooked_rewritten").rewritten
    assert imports.told == ["hooked_rewritten"]
    importlib.import_module("hooked_loaded")
    assert imports.told == ["hooked_rewritten", "hooked_loaded"]
    sys.meta_path.insert(0, importlib.machinery.PathFinder)
    importlib.import_module("hooked_first")
    assert imports.told == ["hooked_rewritten", "hooked_loaded", "hooked_first"]


class Already(importlib.abc.Loader):
    """Has a module that was executed before it was asked for."""

    def __init__(self, module):
        self._module = module

    def create_module(self, spec):
        return self._module

    def exec_module(self, module):
        return None


def test_what_comes_into_sys_modules_by_hand_is_noticed_at_the_next_import(imports):
    """Once it has been executed, whichever import that is."""
    imports.write("hooked_hand", "import json.tool\nx = 1\n")
    imports.write("hooked_any")
    imports.write("hooked_other")
    imports.wait("hooked_hand")
    spec = importlib.util.find_spec("hooked_hand")
    module = sys.modules["hooked_hand"] = importlib.util.module_from_spec(spec)
    importlib.import_module("hooked_any")
    assert imports.told == []
    sys.modules.pop("json.tool", None)  # an import while it is executed
    spec.loader.exec_module(module)
    assert imports.told == []
    importlib.import_module("hooked_other")
    assert imports.told == ["hooked_hand"]


class Ends(types.ModuleType):
    """Ends the program when it is looked at."""

    def __getattribute__(self, name):
        raise SystemExit(name)


class Liar:
    """Says that it is a module."""

    __class__ = types.ModuleType

    def __getattr__(self, name):
        raise SystemExit(name)


def test_a_stand_in_in_sys_modules_is_no_module_and_not_touched(imports, monkeypatch):
    """A mock, another module under a library's name, something that ends the program when it is looked at, None."""
    stand_ins = {
        "hooked_mock": MagicMock(),
        "hooked_alias": types.ModuleType("fake_library"),
        "hooked_ends": Ends("hooked_ends"),
        "hooked_liar": Liar(),
        "hooked_none": None,
    }
    stand_ins["hooked_alias"].x = 1
    for name, stand_in in stand_ins.items():
        monkeypatch.setitem(sys.modules, name, stand_in)
    imports.write("hooked_any")
    imports.wait(*stand_ins)
    importlib.import_module("hooked_any")
    assert imports.told == []
    assert stand_ins["hooked_mock"].mock_calls == []


def test_an_import_that_failed_and_is_remembered_hides_no_later_one(imports):
    """Its traceback keeps importlib's frames, and from Python 3.15 on the lock of its module."""
    imports.write("hooked_bad", "raise OSError('no')")
    imports.write("hooked_any")
    imports.wait("hooked_hand")
    with pytest.raises(OSError, match="no") as remembered:
        importlib.import_module("hooked_bad")
    module = sys.modules["hooked_hand"] = types.ModuleType("hooked_hand")
    try:
        module.x = 1
        importlib.import_module("hooked_any")
        assert imports.told == ["hooked_hand"]
    finally:
        del sys.modules["hooked_hand"]
    assert remembered.value


def test_a_lazy_module_stays_lazy_until_it_is_used_and_is_then_noticed(imports):
    """By the documented recipe: neither the hook nor any import loads it; the first use does, and is told before it returns."""
    imports.write("hooked_lazy", "import hooked_within\nx = 1\n")
    imports.write("hooked_within")
    imports.write("hooked_any")
    before = lazily("hooked_lazy")
    imports.wait("hooked_lazy", "hooked_late")
    imports.write("hooked_late", "y = 2\n")
    after = lazily("hooked_late")
    importlib.import_module("hooked_any")
    assert imports.told == []
    assert is_lazy(before)
    assert is_lazy(after)
    assert (before.x, imports.told) == (1, ["hooked_lazy"])
    del after.y
    assert imports.told == ["hooked_lazy", "hooked_late"]
    assert not hasattr(after, "y")


def test_a_lazy_module_of_the_ordinary_machinery_is_noticed_when_it_loads(imports):
    """A finder that makes every loader lazy: the import is over long before the module has been executed."""
    imports.write("hooked_deferred", "z = 3\n")

    def deferring(name, path=None, target=None):
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        if name == "hooked_deferred":
            spec.loader = importlib.util.LazyLoader(spec.loader)
        return spec

    InFront(deferring)
    imports.wait(hooked_deferred=lambda _name: imports.told.append(vars(sys.modules["hooked_deferred"])["z"]))
    module = importlib.import_module("hooked_deferred")
    assert is_lazy(module)
    assert imports.told == []
    assert module.z == 3
    assert imports.told == [3]


@pytest.mark.parametrize("source", ["raise ValueError('no')", "import hooked_nowhere", "def :", "present = 1"])
def test_a_lazy_module_that_fails_reads_as_without_us(imports, source):
    """Each line of the traceback, also of a name that it does not have."""
    imports.write("hooked_unlucky", source)

    def text():
        imports.forget()
        module = lazily("hooked_unlucky")
        try:
            return module.absent
        except Exception:
            return traceback.format_exc()

    bare, traced = text(), (imports.wait("hooked_unlucky"), text())[1]
    assert "Error" in bare
    assert traced == bare


def test_threads_that_import_at_once_are_told_once_and_wait(imports):
    """No thread gets the module before its callback has run."""
    imports.write("hooked_shared", "import time\ntime.sleep(0.01)\nx = 'plain'\n")

    def patch(_name):
        imports.told.append("hooked_shared")
        sys.modules["hooked_shared"].x = "patched"

    imports.wait(hooked_shared=patch)
    seen = []

    def get():
        from hooked_shared import x

        seen.append(x)

    threads = [threading.Thread(target=get) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (seen, imports.told) == (["patched"] * 8, ["hooked_shared"])


def test_reloading_works_and_tells_nobody_again(imports):
    """The same module, executed anew; reloading a module that failed before is possible as ever."""
    imports.write("hooked_again", "count = globals().get('count', 0) + 1\n")
    imports.wait("hooked_again")
    module = importlib.import_module("hooked_again")
    assert importlib.reload(module) is module
    assert (module.count, imports.told) == (2, ["hooked_again"])


def test_a_python_that_does_not_say_what_it_imported_is_left_alone(imports, monkeypatch):
    """Without the function, or without the message, nothing is installed."""
    system = sys.modules["_frozen_importlib"]
    said = system._verbose_message
    with monkeypatch.context() as patched:
        patched.delattr(system, "_verbose_message")
        assert not ImportHook({}).install()
    load = system._load_unlocked
    silent = tuple(part if part != "import {!r} # {!r}" else "" for part in load.__code__.co_consts)
    with monkeypatch.context() as patched:
        patched.setattr(load, "__code__", load.__code__.replace(co_consts=silent))
        assert not ImportHook({}).install()
    assert system._verbose_message is said


def test_what_python_says_under_v_is_said(imports, monkeypatch):
    """What stood in the place before goes on hearing everything, whoever put it there."""
    system = sys.modules["_frozen_importlib"]
    heard = []
    monkeypatch.setattr(system, "_verbose_message", lambda message, *args, verbosity=1: heard.append(message))
    imports.write("hooked_said")
    imports.wait("hooked_said")
    importlib.import_module("hooked_said")
    assert "import {!r} # {!r}" in heard
    assert imports.told == ["hooked_said"]
    imports.end()
