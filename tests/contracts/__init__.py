"""What holds for every library of a protocol family; one suite each, to be subclassed in ``tests/instrumentors``."""

from pathlib import Path

import pytest

pytest.register_assert_rewrite(
    *(f"{__name__}.{file.stem}" for file in Path(__file__).parent.glob("*.py") if file.stem != "__init__")
)
