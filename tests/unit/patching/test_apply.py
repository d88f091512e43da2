"""Putting patches in place: all or none, and everything by which code looks at a function stays."""

from __future__ import annotations

import copy
import inspect
import pickle
import sqlite3
import sys
import types

import pytest

from autotrace.patching import Instrumentor, Patch
from autotrace.patching.apply import CannotPatchError, apply
from autotrace.testing.recorder import instrument


def plain(a, b: int = 2, *, c=3):
    """A function of a library."""
    return a, b, c


class Base:
    """A class of a library."""

    def method(self, x):
        """A method."""
        return self, x

    @classmethod
    def make(cls, x):
        """A class method."""
        return cls, x

    @staticmethod
    def static(x):
        """A static method."""
        return x


class Derived(Base):
    """Inherits the method."""


def counting(calls):
    def wrap(original, scope):
        def traced(*args, **kwargs):
            calls.append((scope, original.__name__))
            return original(*args, **kwargs)

        return traced

    return wrap


@pytest.fixture
def library():
    """A module as if it had been imported."""
    module = types.ModuleType("some_library")
    module.plain, module.Base, module.Derived, module.len = plain, Base, Derived, len
    sys.modules["some_library"] = module
    yield module
    del sys.modules["some_library"]


def patched(calls, *targets):
    return apply(Instrumentor("lib", *(Patch(f"some_library:{target}", counting(calls)) for target in targets)))


def test_a_function_is_replaced_and_given_back(library):
    """The replacement looks like the original, and undo leaves no trace."""
    calls = []
    done = patched(calls, "plain")
    assert library.plain(1, c=5) == (1, 2, 5)
    assert calls == [("lib", "plain")]
    assert inspect.signature(library.plain) == inspect.signature(plain)
    assert (library.plain.__name__, library.plain.__doc__, library.plain.__module__) == (
        "plain",
        plain.__doc__,
        __name__,
    )
    done.undo()
    assert library.plain is plain


def test_methods_of_all_kinds_bind_as_before(library):
    """Plain, class and static methods, also through subclasses and instances."""
    calls = []
    done = patched(calls, "Base.method", "Base.make", "Base.static")
    derived = Derived()
    assert derived.method(1) == (derived, 1)
    assert Derived.make(2) == (Derived, 2)
    assert Base.static(3) == derived.static(3) == 3
    assert Base.method is Base.method
    assert [name for _, name in calls] == ["method", "make", "static", "static"]
    done.undo()
    assert "traced" not in Base.method.__code__.co_name


def test_a_class_method_under_a_modules_name_stays_bound(library):
    """It gets its class, is no proxy, equals the class's own, and is given back."""
    calls = []
    bound = library.make = Base.make
    wrap = counting(calls)
    done = apply(Instrumentor("lib", *(Patch(f"some_library:{name}", wrap) for name in ("make", "Base.make"))))
    assert library.make(2) == (Base, 2)
    assert type(library.make) is types.MethodType
    assert library.make == Base.make != bound
    assert inspect.signature(library.make) == inspect.signature(bound)
    assert calls == [("lib", "make")]
    done.undo()
    assert library.make is bound
    assert Base.make == bound


def test_an_inherited_method_is_patched_on_the_subclass_alone(library):
    """The base class stays what it was, and undo removes the attribute again."""
    calls = []
    done = patched(calls, "Derived.method")
    Base().method(1)
    assert calls == []
    Derived().method(1)
    assert calls == [("lib", "method")]
    done.undo()
    assert "method" not in vars(Derived)


def test_a_method_written_in_c_that_is_inherited_binds_as_before(library):
    """It gets its receiver, and looks like the original."""

    class Mine(list):
        pass

    library.Mine = Mine
    calls = []
    done = patched(calls, "Mine.append")
    mine = Mine()
    mine.append(7)
    assert (mine, calls) == ([7], [("lib", "append")])
    assert (Mine.append.__name__, Mine.append.__doc__) == ("append", list.append.__doc__)
    done.undo()
    assert "append" not in vars(Mine)


def test_a_built_in_function_has_a_stand_in_that_pickles_by_name(library):
    """To whoever looks it is the function of C, which is no method either where a class keeps it."""
    calls = []
    patched(calls, "len")
    assert library.len([1, 2]) == 2
    assert calls == [("lib", "len")]
    assert isinstance(library.len, types.BuiltinFunctionType)
    assert copy.copy(library.len) is library.len
    assert copy.deepcopy(library.len) is library.len
    assert library.len.__reduce_ex__(2) == len.__reduce_ex__(2)
    assert (repr(library.len), library.len.__name__, library.len.__doc__) == (repr(len), "len", len.__doc__)
    assert inspect.signature(library.len) == inspect.signature(len)
    assert type("Keeper", (), {"size": library.len})().size("abc") == 3


def test_an_object_that_can_be_called_is_wrapped_by_wrapt(library):
    """Its attributes, its class and its equality stay."""
    calls = []

    class Application:
        name = "app"
        __name__ = "application"

        def __call__(self, x):
            return x

    library.app = app = Application()
    patched(calls, "app")
    assert library.app(3) == 3
    assert calls == [("lib", "application")]
    assert isinstance(library.app, Application)
    assert (library.app.name, library.app == app) == ("app", True)


def test_all_or_none(library):
    """One missing target, and nothing is patched; the error names it."""
    with pytest.raises(CannotPatchError, match="some_library:missing"):
        patched([], "plain", "missing")
    assert library.plain is plain


def test_an_optional_target_may_be_missing(library):
    """The others still apply."""
    calls = []
    wrap = counting(calls)
    apply(Instrumentor("lib", Patch("some_library:gone", wrap, optional=True), Patch("some_library:plain", wrap)))
    library.plain(1)
    assert calls == [("lib", "plain")]


def test_a_type_that_cannot_be_set_takes_the_others_back(library):
    """An immutable owner is found out before the program can notice."""
    library.str = str
    with pytest.raises(CannotPatchError, match="cannot be set"):
        patched([], "plain", "str.upper")
    assert library.plain is plain


def test_the_same_function_in_two_modules_stays_one_object(library):
    """Aliases of a patched function are still the same function, which pickling by name needs."""
    library.alias = plain
    wrap = counting([])
    apply(Instrumentor("lib", Patch("some_library:plain", wrap), Patch("some_library:alias", wrap)))
    assert library.plain is library.alias


def test_undo_leaves_what_was_patched_on_top_of_us(library):
    """Somebody else's later patch is not torn out."""
    done = patched([], "plain")
    ours = library.plain
    library.plain = theirs = lambda *args: (ours(*args),)
    done.undo()
    assert library.plain is theirs


def test_a_patched_method_pickles_by_reference(library):
    """Methods of importable classes are pickled by name."""
    done = patched([], "Base.method")
    try:
        here = sys.modules.setdefault(__name__, types.ModuleType(__name__))
        here.Base = Base
        assert pickle.loads(pickle.dumps(Base.method)) is Base.method
    finally:
        done.undo()


UNNAMED = """
from typing import TYPE_CHECKING
if TYPE_CHECKING:
    from nowhere import Thing
def plain(a: Thing) -> Thing:
    return a
class Base:
    @classmethod
    def make(cls, a: Thing, b: int = 2) -> Thing:
        return a
"""


@pytest.mark.skipif(sys.version_info < (3, 14), reason="such functions cannot even be defined before Python 3.14")
def test_annotations_that_only_a_type_checker_can_read_are_not_read(library):
    """Python 3.14 works them out when somebody asks; who asks afterwards hears what the original says."""
    from annotationlib import Format, get_annotations

    exec(compile(UNNAMED, "library", "exec", dont_inherit=True), vars(library))
    calls = []
    applied = patched(calls, "plain", "Base.make")
    assert (library.plain(1), library.Base.make(1)) == (1, 1)
    assert calls == [("lib", "plain"), ("lib", "make")]
    assert get_annotations(library.plain, format=Format.STRING) == {"a": "Thing", "return": "Thing"}
    told = inspect.signature(library.Base.make, annotation_format=Format.STRING)
    assert str(told) == "(a: 'Thing', b: 'int' = 2) -> 'Thing'"
    library.Thing = int
    assert library.plain.__annotations__ == {"a": int, "return": int}
    applied.undo()


def test_instrumentors_of_a_test_are_applied_all_or_none():
    """Where one of them cannot be, those before it are taken back, and no other test meets them."""
    connect = sqlite3.connect
    undo = instrument("sqlite3")
    assert sqlite3.connect is not connect
    undo()
    with pytest.raises(LookupError):
        instrument("sqlite3", "nobody")
    assert sqlite3.connect is connect
