"""The import hook: one dictionary look-up for every module that is imported, and nothing else.

When a module that somebody waits for has been executed, its callback runs; a callback never fails the import.  While the
module is being executed, its ``__spec__`` and ``__loader__`` are the ones that it has without us.

Not handled: reloading (the callback runs once), and modules put into ``sys.modules`` by hand.
"""

from __future__ import annotations

import sys

from autotrace.patching.wall import fault

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType
    from typing import Any


class ImportHook:
    """A meta path finder that tells when a module has been imported.

    Args:
        waiting: module name to callback; entries are removed as they are served.
    """

    def __init__(self, waiting: dict[str, Callable[[], None]]) -> None:
        self._waiting = waiting

    def install(self) -> None:
        """Serve what has been imported already, then watch."""
        modules = sys.modules
        for name in [name for name in self._waiting if name in modules and not _in_progress(modules[name])]:
            self.imported(name)
        sys.meta_path.insert(0, self)

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Let the others find the module; where somebody waits for it, watch its loader."""
        if name not in self._waiting:
            return None
        for finder in sys.meta_path:
            if finder is self or not hasattr(finder, "find_spec"):
                continue
            spec = finder.find_spec(name, path, target)
            if spec is not None:
                if hasattr(spec.loader, "exec_module"):
                    spec.loader = _WatchedLoader(spec.loader, self)  # type: ignore[assignment]
                return spec
        return None

    def imported(self, name: str) -> None:
        """Run the callback of a module, once."""
        callback = self._waiting.pop(name, None)
        if callback is None:
            return
        try:
            callback()
        except Exception:
            fault(name)


class _WatchedLoader:
    """Stands in for a module's loader until the module is executed."""

    def __init__(self, loader: Any, hook: ImportHook) -> None:
        self._loader = loader
        self._hook = hook

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """Create the module as the loader does."""
        create: Callable[[ModuleSpec], ModuleType | None] | None = getattr(self._loader, "create_module", None)
        return create(spec) if create is not None else None

    def exec_module(self, module: ModuleType) -> None:
        """Take ourselves out, execute the module, tell the hook."""
        spec = module.__spec__
        if spec is not None:
            spec.loader = self._loader
        module.__loader__ = self._loader
        self._loader.exec_module(module)
        self._hook.imported(module.__name__)


def _in_progress(module: Any) -> bool:
    """Tell whether a module is still being executed (by whoever imports us)."""
    return bool(getattr(getattr(module, "__spec__", None), "_initializing", False))
