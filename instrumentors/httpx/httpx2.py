"""httpx2, which goes on from httpx under another name."""

from __future__ import annotations

import httpx2
from autotrace.instrumentors.httpx import instrumentor

INSTRUMENTOR = instrumentor(httpx2)
