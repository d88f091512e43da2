"""Django over MySQL and MariaDB: what it asks to set a connection up makes no spans.

The program's queries are told by the driver's instrumentor; this one makes no spans of its own.
"""

from __future__ import annotations

from autotrace.families import suppression
from autotrace.patching import Instrumentor, Patch

INSTRUMENTOR = Instrumentor(
    library="django_mysql",
    distribution="Django",
    versions=">=4.2,<7",
    patches=(Patch("django.db.backends.mysql.base:DatabaseWrapper.init_connection_state", suppression.suppressed()),),
)
