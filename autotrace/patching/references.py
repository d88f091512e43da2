"""Names that the program bound to a function before it was patched: ``from module import function``.

A name in a module is bound anew.  What holds the function otherwise (a class, ``functools.partial``, a default argument, a
dictionary) was made with it on purpose or for speed and is left alone; ``left`` finds it, for ``autotrace doctor``.

Not touched: our own modules, and the module of C in which the function is at home, unless that is a target itself.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
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
    modules = [module for module in list(sys.modules.values()) if isinstance(module, type(sys))]
    homes = {id(module) for module in modules}
    wanted: dict[int, Place] = {}
    known = set()
    for owner, name, before, replacement in replaced:
        if id(owner) in homes and before is not replacement:
            wanted[id(before)] = owner, name, before, replacement
            known.add((id(owner), name))
    found = []
    for module in modules if wanted else ():
        called = module.__name__
        if called == "autotrace" or called.startswith("autotrace."):
            continue
        for name, value in list(vars(module).items()):
            place = wanted.get(id(value))
            if place is None or (id(module), name) in known or getattr(value, "__module__", None) == called:
                continue
            if _set(module, name, place[3]):
                found.append((module, name, value, place[3]))
    return found


def _set(module: Any, name: str, value: Any) -> bool:
    try:
        setattr(module, name, value)
    except Exception:  # a module that does not let itself be changed
        return False
    return True


def left(originals: Sequence[Any]) -> list[str]:
    """Name what holds functions that are patched and would call them untraced: classes, partials and default arguments.

    What a library itself holds of its own functions is left out: its instrumentor knows where to patch it.
    It looks at every object that there is, which is slow; it is never done in a traced program.
    """
    import functools
    import gc

    wanted = {id(original): _package(original) for original in originals}
    found = set()
    for holder in gc.get_objects():
        kind = type(holder)
        if isinstance(kind, type) and issubclass(kind, type):
            values = list(vars(holder).values())
            held = [value.__func__ if type(value) in (staticmethod, classmethod) else value for value in values]
            name = f"class {holder.__module__}.{holder.__qualname__}"
        elif kind is functools.partial:
            held, name = [holder.func, *holder.args], f"partial of {getattr(holder.func, '__name__', holder.func)}"
        elif kind is _FUNCTION:
            held = [*(holder.__defaults__ or ()), *(holder.__kwdefaults__ or {}).values()]
            name = f"default argument of {holder.__module__}.{holder.__qualname__}"
        else:
            continue
        own = _package(holder)
        if "autotrace." not in name and any(wanted.get(id(value), own) != own for value in held):
            found.add(name)
    return sorted(found)


def _package(thing: Any) -> str:
    return str(getattr(thing, "__module__", "")).partition(".")[0].lstrip("_")


_FUNCTION = type(left)
