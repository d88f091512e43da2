"""Looking at modules: nothing of theirs runs, whatever they do when they are touched."""

from __future__ import annotations

import importlib.util
import sys
import types

import pytest

from autotrace.patching import Instrumentor, Patch
from autotrace.patching.apply import CannotPatchError, apply
from autotrace.patching.modules import inherited, namespace, own


class Ends(types.ModuleType):
    """A module that ends the program when it is looked at or changed."""

    def __getattribute__(self, name):
        raise SystemExit(name)

    def __setattr__(self, name, value):
        raise SystemExit(name)


class Liar:
    """Says that it is a module, and ends the program when it is asked for anything else."""

    __class__ = types.ModuleType

    def __getattr__(self, name):
        raise SystemExit(name)


def asking():
    """Return a class that ends the program when it is looked at; pytest looks at those of a module."""

    class Meta(type):
        def __getattribute__(cls, name):
            raise SystemExit(name)

    return Meta("Asking", (), {"method": 1})


@pytest.fixture
def lazy(tmp_path, monkeypatch):
    """A module that has not been loaded, by the recipe in the documentation of ``importlib``."""
    (tmp_path / "looked_at.py").write_text("raise SystemExit('loaded')\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    spec = importlib.util.find_spec("looked_at")
    spec.loader = importlib.util.LazyLoader(spec.loader)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "looked_at", module)
    spec.loader.exec_module(module)
    return module


def test_names_are_read_where_the_interpreter_keeps_them(lazy):
    """Of modules and classes; nothing else has any, whatever it says."""
    assert (namespace(lazy)["__name__"], namespace(Ends("ends"))["__name__"]) == ("looked_at", "ends")
    assert namespace(sys) is vars(sys)
    assert namespace(Liar()) is namespace(None) is namespace(types.SimpleNamespace()) is None
    assert own(asking())["method"] == 1
    assert [("method" in names) for names in inherited(asking())] == [True, False]
    assert (own(Liar()), list(inherited(Liar()))) == ({}, [{}])


def plain():
    """A function of a library."""


def replacing(original, _scope):
    return lambda: ("replaced", original)


def test_a_late_patch_changes_names_in_modules_that_are_not_to_be_touched(lazy, monkeypatch):
    """Each name that means the function is bound anew and given back, and no code of any module runs."""
    library, ends = types.ModuleType("some_library"), Ends("ends")
    library.plain = plain
    namespace(ends)["taken"] = namespace(lazy)["taken"] = plain
    stand_ins = {"ends": ends, "liar": Liar(), "some_library": library, "nothing": None, "nameless": Ends("nameless")}
    del namespace(stand_ins["nameless"])["__name__"]
    for name, module in stand_ins.items():
        monkeypatch.setitem(sys.modules, name, module)
    done = apply(Instrumentor("lib", Patch("some_library:plain", replacing)), late=True)
    assert namespace(ends)["taken"] is namespace(lazy)["taken"] is library.plain is not plain
    done.undo()
    assert namespace(ends)["taken"] is namespace(lazy)["taken"] is library.plain is plain
    assert type(lazy) is importlib.util._LazyModule


@pytest.mark.parametrize(
    "target", ["ends:absent", "ends:Absent.method", "liar:anything", "liar:Any.thing", "looked_at:x"]
)
def test_a_target_in_what_is_not_to_be_touched_does_not_exist(lazy, monkeypatch, target):
    """It is not asked for it."""
    monkeypatch.setitem(sys.modules, "ends", Ends("ends"))
    monkeypatch.setitem(sys.modules, "liar", Liar())
    with pytest.raises(CannotPatchError, match=target):
        apply(Instrumentor("lib", Patch(target, replacing)))
