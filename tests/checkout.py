"""Packages of the checkout that no wheel has, for tests, which see nothing else of it: autotrace itself is the wheel's."""

from __future__ import annotations

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent


def importable(name):
    """Let a package of the checkout be imported, and its modules with it."""
    folder = CHECKOUT / name
    spec = spec_from_file_location(name, folder / "__init__.py", submodule_search_locations=[str(folder)])
    package = sys.modules.setdefault(name, module_from_spec(spec))
    if package.__spec__ is spec:
        spec.loader.exec_module(package)


importable("benchmarks")
