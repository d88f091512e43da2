"""Names that the program bound to a function before it was patched: ``from module import function``.

A name in a module is bound anew.  What holds the function otherwise (a class, ``functools.partial``, a default argument, a
dictionary) was made with it on purpose or for speed and is left alone; ``left`` finds it, for ``autotrace doctor``.

Not touched: our own modules, and the module of C in which the function is at home, unless that is a target itself.
"""

from __future__ import annotations

import sys

from autotrace.patching.modules import namespace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    Place = tuple[Any, str, Any, Any]  # owner, attribute name, what was there, the replacement


def rebind(replaced: Sequence[Place]) -> list[Place]:
    """Let the names in modules that still mean the original of a patched function of a module mean the replacement.

    It is one look at every name of every module that has been imported: a fraction of a millisecond.

    Args:
        replaced: the places that are patched.

    Returns:
        The places that were changed.
    """
    modules = [(module, names) for module in list(sys.modules.values()) if (names := namespace(module)) is not None]
    homes = {id(module) for module, _ in modules}
    wanted: dict[int, Place] = {}
    known = set()
    for owner, name, before, replacement in replaced:
        if id(owner) in homes and before is not replacement:
            wanted[id(before)] = owner, name, before, replacement
            known.add((id(owner), name))
    found = []
    for module, names in modules if wanted else ():
        called = names.get("__name__")
        if type(called) is str and (called == "autotrace" or called.startswith("autotrace.")):
            continue
        for name, value in list(names.items()):
            place = wanted.get(id(value))
            if place is None or (id(module), name) in known or _is_home(called, value):
                continue
            names[name] = place[3]  # not ``setattr``, which a module may have a say in
            found.append((module, name, value, place[3]))
    return found


def _is_home(called: Any, value: Any) -> bool:
    return type(called) is str and getattr(value, "__module__", None) == called


def left(originals: Sequence[Any]) -> list[str]:
    """Name what holds functions that are patched and would call them untraced: classes, partials and default arguments.

    What a library itself holds of its own functions is left out: its instrumentor knows where to patch it.
    It looks at every object that there is, which is slow; it is never done in a traced program.
    """
    import functools
    import gc

    wanted = {id(original): _package(original) for original in originals}
    ways: dict[type, Callable[[Any], list[Any]] | None] = {functools.partial: _of_partial, _FUNCTION: _of_function}
    found = set()
    for holder in gc.get_objects():
        kind = type(holder)
        if kind not in ways:
            ways[kind] = _of_class if isinstance(kind, type) and issubclass(kind, type) else None
        way = ways[kind]
        held = [value for value in way(holder) if id(value) in wanted] if way is not None else ()
        if held:
            own, name = _package(holder), _name(holder)
            if "autotrace." not in name and any(wanted[id(value)] != own for value in held):
                found.add(name)
    return sorted(found)


def _of_class(holder: Any) -> list[Any]:
    values = list(vars(holder).values())
    return [value.__func__ if type(value) in (staticmethod, classmethod) else value for value in values]


def _of_partial(holder: Any) -> list[Any]:
    return [holder.func, *holder.args]


def _of_function(holder: Any) -> list[Any]:
    defaults, named = holder.__defaults__, holder.__kwdefaults__
    return [*(defaults or ()), *(named or {}).values()] if defaults or named else []


def _name(holder: Any) -> str:
    if isinstance(holder, type):
        return f"class {holder.__module__}.{holder.__qualname__}"
    if isinstance(holder, _FUNCTION):
        return f"default argument of {holder.__module__}.{holder.__qualname__}"
    return f"partial of {getattr(holder.func, '__name__', holder.func)}"


def _package(thing: Any) -> str:
    return str(getattr(thing, "__module__", "")).partition(".")[0].lstrip("_")


_FUNCTION = type(left)
