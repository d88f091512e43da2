"""Wrapping what is not a plain Python function, by ``wrapt``.

Works with wrapt 1.14 to 2.x.  The proxy pickles and copies by reference, as functions do.  A ``wrapt.py`` in the program's
own folder is the program's: then the real one is loaded under a private name.
"""

from __future__ import annotations

import sys
from copy import copy, deepcopy
from importlib.machinery import PathFinder
from importlib.util import find_spec, module_from_spec, spec_from_file_location

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


def wrapped(original: Any, wrap: Wrap, scope: str) -> Any:
    """Return a proxy that calls what ``wrap`` made."""
    made = wrap(original, scope)

    def through(_bound: Call, _instance: Any, args: Args, kwargs: Kwargs) -> Any:
        return made(*args, **kwargs)

    return TracedCallable(original, through)


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
