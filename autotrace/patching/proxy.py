"""Wrapping what is not a plain Python function, by ``wrapt``.

Works with wrapt 1.14 to 2.x.  The proxy pickles and copies by reference, as functions do.
"""

from __future__ import annotations

import wrapt

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from autotrace.patching.model import Args, Call, Kwargs, Wrap


class TracedCallable(wrapt.FunctionWrapper):  # type: ignore[misc,type-arg,unused-ignore]
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
