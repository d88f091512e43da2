"""What tests of instrumentors are made of: a recorder of spans, an OTLP receiver, and a contract for each family.

For tests of one's own: ``pytest_plugins = ["autotrace.testing.fixtures"]`` in a ``conftest.py``, and in a test a subclass of a
contract.  ``docs/writing-an-instrumentor.md`` shows it from the beginning.  Needs the extra ``autotrace[testing]``; a traced
process never imports any of it.
"""

import pytest

pytest.register_assert_rewrite(f"{__name__}.contracts", f"{__name__}.recorder")
