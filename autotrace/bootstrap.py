"""Switches the agent on.  Whoever does that, ``autotrace-run`` or a ``sitecustomize``, calls ``start`` and nothing else."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from autotrace.agent import Agent

_agent: Agent | None = None


def start() -> None:
    """Switch the agent on in this process, once; does nothing where it is switched off."""
    global _agent
    if _agent is not None:
        return
    from autotrace import hidden

    hidden.look()  # before what imports from Python's own library

    from autotrace import agent

    _agent = agent.begun()
