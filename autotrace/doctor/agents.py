"""Other agents that patch the same libraries: theirs and ours go together, but one sees the other's calls."""

from __future__ import annotations

import sys
from importlib.util import find_spec

AGENTS = {
    "OpenTelemetry": "opentelemetry.instrumentation",
    "Datadog": "ddtrace",
    "Sentry": "sentry_sdk",
    "New Relic": "newrelic",
    "Elastic APM": "elasticapm",
    "Logfire": "logfire",
    "Scout": "scout_apm",
    "AppDynamics": "appdynamics",
    "Instana": "instana",
}
"""The module by which each is known."""


def present() -> dict[str, str]:
    """Return the agents of this Python: ``running`` where one has been imported already, else ``installed``."""
    found = {}
    for agent, module in AGENTS.items():
        if module in sys.modules:
            found[agent] = "running"
            continue
        try:
            if find_spec(module) is not None:
                found[agent] = "installed"
        except (ImportError, ValueError, AttributeError):  # the package above it is not there, or is broken
            continue
    return found
