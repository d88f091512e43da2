"""Wrapping what is not a plain Python function, by ``wrapt``.

Works with wrapt 1.14 to 2.x.  The proxy pickles and copies by reference, as functions do.  A ``wrapt.py`` in the program's
own folder is the program's: then the real one is loaded under a private name.
"""

from __future__ import annotations

import sys
from copy import copy, deepcopy
from importlib.machinery import PathFinder
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from inspect import iscoroutinefunction

from autotrace.trace.failure import hiding_frame

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import ModuleType
    from typing import Any

    from autotrace.patching.model import Args, Call, Kwargs, Wrap

_PRIVATE = "autotrace.patching._wrapt"


def _wrapt() -> ModuleType:
    """Return the real wrapt.

    Raises:
        ImportError: it is not installed.
    """
    natural = find_spec("wrapt")
    if natural is not None and natural.submodule_search_locations:
        import wrapt

        return wrapt
    for entry in sys.path:
        spec = PathFinder.find_spec("wrapt", [entry])
        if spec is not None and spec.submodule_search_locations and spec.origin and spec.loader:
            return _private(spec.origin, spec.submodule_search_locations)
    raise ImportError("wrapt is not installed")


def _private(file: str, locations: list[str]) -> ModuleType:
    """Load a package from its file under a name of ours."""
    spec = spec_from_file_location(_PRIVATE, file, submodule_search_locations=list(locations))
    if spec is None or spec.loader is None:
        raise ImportError("wrapt cannot be loaded")
    module = sys.modules[_PRIVATE] = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


_FunctionWrapper: Any = _wrapt().FunctionWrapper
_ObjectProxy: Any = _wrapt().ObjectProxy


class TracedCallable(_FunctionWrapper):  # type: ignore[misc]
    """A ``FunctionWrapper`` that is pickled by name and copied as itself, like the function that it stands for."""

    def __reduce_ex__(self, protocol: Any) -> Any:
        """Pickle by reference, where the original can be found by name."""
        return self.__wrapped__.__reduce_ex__(protocol)

    def __copy__(self) -> Any:
        """Return itself: functions are not copied."""
        return self

    def __deepcopy__(self, memo: Any) -> Any:
        """Return itself: functions are not copied."""
        return self


class _TracedObject(TracedCallable):
    """A ``TracedCallable`` for an object of a class with ``__call__``, which looks like the object's own, too.

    Servers look whether it is a coroutine function, to tell ASGI 3 from ASGI 2.
    """

    def __init__(self, original: Any, through: Any) -> None:
        super().__init__(original, through)
        self._self_call = TracedCallable(original.__call__, through)

    @property
    def __call__(self) -> Any:
        """Return what is called in the place of the object's."""
        return self._self_call


def standing_for(original: Any, through: Callable[[Call, Any, Args, Kwargs], Any]) -> Any:
    """Return a proxy of a function or of an object that can be called; it calls ``through``, as wrapt's do."""
    # PERF: where nobody has a reason to look, what is called is of C.
    awaited = iscoroutinefunction(getattr(type(original), "__call__", None))  # noqa: B004 - which it is, not whether
    return (_TracedObject if awaited else TracedCallable)(original, through)


def wrapped(original: Any, wrap: Wrap, scope: str) -> Any:
    """Return a proxy that calls what ``wrap`` made."""
    made = wrap(original, scope)

    def through(_bound: Call, _instance: Any, args: Args, kwargs: Kwargs) -> Any:
        return made(*args, **kwargs)

    return standing_for(original, through)


class Iterated(_ObjectProxy):  # type: ignore[misc]
    """A collection that is iterated in our way, and is the program's in all else; a copy of it is one of that.

    Args:
        wrapped: the program's.
        way: returns the iterator.
    """

    def __init__(self, wrapped: Any, way: Callable[[Any], Iterator[Any]]) -> None:
        super().__init__(wrapped)
        self._self_way = way

    def __iter__(self) -> Iterator[Any]:
        """Return an iterator of ours."""
        iterator: Iterator[Any] = self._self_way(self.__wrapped__)
        return iterator

    def __copy__(self) -> Any:
        """Copy the program's."""
        return copy(self.__wrapped__)

    def __deepcopy__(self, memo: Any) -> Any:
        """Copy the program's."""
        return deepcopy(self.__wrapped__, memo)

    def __reduce_ex__(self, protocol: Any) -> Any:
        """Pickle the program's."""
        return self.__wrapped__.__reduce_ex__(protocol)


class Proxy(_ObjectProxy):  # type: ignore[misc]
    """Stands for an object of a type of C that can neither be changed nor derived from; looks like it in all but ``type()``.

    Only where no function of the library's takes such an object: functions of C want the real one.
    """

    def __reduce_ex__(self, protocol: Any) -> Any:
        """Refuse, or not, as the object does."""
        return self.__wrapped__.__reduce_ex__(protocol)


def proxies(scope: str, wraps: dict[str, Wrap], results: dict[str, Call | None]) -> Any:
    """Return a class of proxies, some methods of which are wrapped.

    A method that returns the object itself returns the proxy.

    Args:
        scope: the instrumentor's name.
        wraps: what wraps each method; of those that the object does not have there is none either.
        results: of these methods, and of those above, what replaces a result that is another object, given the proxy and the
            result; None, where there is no other.
    """
    space: dict[str, Any] = {"__slots__": ()}
    for name in {**wraps, **results}:
        call = _calling(name, results.get(name))
        space[name] = wraps[name](call, scope) if name in wraps else call
    return type("Proxy", (Proxy,), space)


def _calling(name: str, replace: Call | None) -> Call:
    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        original = self.__wrapped__
        with hiding_frame:
            result = getattr(original, name)(*args, **kwargs)
        if result is original:
            return self
        return result if replace is None else replace(self, result)

    call.__name__ = name
    return call
