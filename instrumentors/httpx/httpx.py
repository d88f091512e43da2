"""httpx."""

from __future__ import annotations

import httpx
from autotrace.instrumentors.httpx import instrumentor

INSTRUMENTOR = instrumentor(httpx)
