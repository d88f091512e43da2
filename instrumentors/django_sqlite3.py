"""Django over sqlite3: what it asks to set a connection up, and to show a query in ``DEBUG``, makes no spans.

The program's queries are told by the driver's instrumentor; this one makes no spans of its own.
"""

from __future__ import annotations

from autotrace.families import suppression
from autotrace.patching import Instrumentor, Patch

_BACKEND = "django.db.backends.sqlite3"

INSTRUMENTOR = Instrumentor(
    library="django_sqlite3",
    distribution="Django",
    versions=">=4.2,<7",
    patches=(
        Patch(f"{_BACKEND}.base:DatabaseWrapper.get_new_connection", suppression.suppressed()),
        Patch(
            f"{_BACKEND}.operations:DatabaseOperations._quote_params_for_last_executed_query", suppression.suppressed()
        ),
    ),
)
