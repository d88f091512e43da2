"""Libraries that want an environment of their own (the session ``apart`` of noxfile.py); elsewhere nothing is here."""

from __future__ import annotations

import os

collect_ignore_glob = [] if os.environ.get("AUTOTRACE_TEST_APART") else ["*"]
