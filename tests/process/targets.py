"""Prints what a program can see of every target of some instrumentors: ``targets.py NAME...``, run bare and traced.

Whether the agent runs or not, the targets are those of the instrumentor's own list.
"""

from __future__ import annotations

import contextlib
import copy
import functools
import importlib
import inspect
import json
import pickle
import re
import sys
import typing

from autotrace.doctor.probe import _settle
from autotrace.patching import catalog


def main(names):
    """Print one line of JSON: name to what became of the instrumentor, and of its targets what is seen of each."""
    by_name = {part.name: part for part in catalog.parts()}
    for name in names:  # all of them first: one may patch what another has as its target
        _settle(by_name[name].library)
        with contextlib.suppress(Exception):  # this version of the library does not work on this Python
            importlib.import_module(by_name[name].trigger)
    print(json.dumps({name: looked_at(by_name[name]) for name in names}))


def looked_at(part):
    """Return whether an instrumentor is applied, and target to what is seen of it."""
    try:
        importlib.import_module(part.trigger)
    except Exception as error:
        return {"applied": False, "seen": {}, "broken": f"{type(error).__name__}: {error}"}
    agent = sys.modules["autotrace.bootstrap"]._agent if "autotrace.bootstrap" in sys.modules else None
    instrumentor = part.instrumentor()
    seen = {}
    for patch in instrumentor.patches:
        place = found(patch.target)
        if place is not None:
            seen[patch.target] = {title: attempt(look, *place) for title, look in LOOKS.items()}
    return {"applied": agent is not None and part.name in agent.applied, "seen": seen}


def found(target):
    """Return owner, name and object of a target; None where it does not exist in this version."""
    module, _, path = target.partition(":")
    owner = sys.modules.get(module)
    *parents, name = path.split(".")
    for parent in parents:
        owner = getattr(owner, parent, None)
    if owner is None or not hasattr(owner, name):
        return None
    return owner, name, getattr(owner, name)


def attempt(look, owner, name, it):
    """Return what a look gives as text, or the exception's type; addresses differ from process to process."""
    try:
        text = str(look(owner, name, it))
    except Exception as error:
        text = f"raises {type(error).__name__}: {error}"
    return re.sub(r"\bat 0x[0-9a-fA-F]+", "at 0x", text)


def stored(owner, name, _it):
    """Return what kind of thing stands in the owner's own dictionary."""
    value = next((vars(place)[name] for place in getattr(owner, "__mro__", (owner,)) if name in vars(place)), None)
    return [kind for kind in (classmethod, staticmethod, property) if isinstance(value, kind)], callable(value)


def subclassed(owner, name, it):
    """Derive from the owner and take the method over."""
    if not isinstance(owner, type):
        return "no class"
    made = type("Derived", (owner,), {})
    return made.__mro__[1] is owner, getattr(made, name) == it, getattr(super(made, made), name) is not None


def overridden(owner, name, it):
    """Derive from the owner with a method of one's own that wraps the inherited one."""
    if not isinstance(owner, type):
        return "no class"
    own = functools.wraps(it)(lambda *args, **kwargs: None)
    made = type("Derived", (owner,), {name: own})
    return vars(made)[name] is own, inspect.signature(own) == inspect.signature(it)


def without_ours(names):
    """Return attributes, without those that say what a wrapper is around, and those that bear our name."""
    around = ("__wrapped__", "__signature__")
    return sorted(name for name in names if name not in around and not name.startswith("_autotrace"))


PREDICATES = [
    inspect.iscoroutinefunction,
    inspect.isgeneratorfunction,
    inspect.isasyncgenfunction,
    inspect.isfunction,
    inspect.ismethod,
    inspect.isbuiltin,
    inspect.isroutine,
    inspect.isclass,
    callable,
]

LOOKS = {
    "signature": lambda _o, _n, it: inspect.signature(it),
    "parameters": lambda _o, _n, it: [(str(p), p.kind.name) for p in inspect.signature(it).parameters.values()],
    "doc": lambda _o, _n, it: (it.__doc__, inspect.getdoc(it)),
    "inherited": lambda o, n, _it: n not in vars(o),
    "names": lambda _o, _n, it: (it.__module__, it.__name__, it.__qualname__),
    "annotations": lambda _o, _n, it: sorted(map(str, it.__annotations__.items())),
    "hints": lambda _o, _n, it: sorted(map(str, typing.get_type_hints(it).items())),
    "predicates": lambda _o, _n, it: [predicate.__name__ for predicate in PREDICATES if predicate(it)],
    "coroutine function": lambda _o, _n, it: inspect.iscoroutinefunction(it),
    "stored as": stored,
    "class": lambda _o, _n, it: it.__class__,
    "identity": lambda o, n, it: (getattr(o, n) is it, getattr(o, n) == it, hash(getattr(o, n)) == hash(it)),
    "pickle": lambda _o, _n, it: [pickle.loads(pickle.dumps(it, protocol)) == it for protocol in range(2, 6)],
    "copy": lambda _o, _n, it: (copy.copy(it) is it, copy.deepcopy(it) is it),
    "source": lambda _o, _n, it: inspect.getsource(it),
    "attributes": lambda _o, _n, it: without_ours(dir(it)),
    "own dictionary": lambda _o, _n, it: without_ours(vars(it)),
    "owner": lambda o, _n, _it: (sorted(set(dir(o))), str(type(o)), [str(base) for base in getattr(o, "__mro__", ())]),
    "subclass": subclassed,
    "override": overridden,
    "abstract": lambda o, n, it: (
        getattr(it, "__isabstractmethod__", False),
        sorted(getattr(o, "__abstractmethods__", ())),
    ),
    "bool": lambda _o, _n, it: bool(it),
}

if __name__ == "__main__":
    main(sys.argv[1:])
