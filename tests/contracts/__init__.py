"""Contracts that need a library or a service of these tests; those that anybody may use are in ``autotrace.testing``."""

from pathlib import Path

import pytest

pytest.register_assert_rewrite(
    *(f"{__name__}.{file.stem}" for file in Path(__file__).parent.glob("*.py") if file.stem != "__init__")
)
