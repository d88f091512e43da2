"""A Python that is started in the way of autotrace-run, as often as it takes, and says what it sees."""

from __future__ import annotations

import os

from autotrace import __version__
from autotrace.doctor import parts
from autotrace.doctor.child import Child, NoAnswerError, SlowError
from autotrace.doctor.probe import SCRIPT
from autotrace.launch.commands import prevented
from autotrace.launch.launcher import search_path
from autotrace.notes import ASKED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from autotrace.launch.commands import Python

    Fact = tuple[str, Any]
    Tell = Callable[[Fact], object]

_PATIENCE = 60.0  # s for a Python to start, and to read metadata
_OF_PYTHON = "IEsSPO"  # the flags that decide what can be imported


class Examined:
    """A Python and what it says.

    Args:
        python: which one, and its flags.
        enabled: whether it is to be traced.
    """

    def __init__(self, python: Python, enabled: bool) -> None:
        self._python = python
        self._enabled = enabled
        self._children: list[Child] = []
        self._left: set[str] = set()
        self._over = False

    def ask(self, tell: Tell) -> None:
        """Tell everything: first what metadata says, then what becomes of each library when it is imported."""
        reason = prevented(self._python)
        if reason:
            tell(("problem", f"{reason}: autotrace-run cannot reach it"))
        said, child = self._survey(tell)
        tell(("python", said))
        if child is None:
            return
        if self._enabled and not said["running"] and not reason:
            why = "autotrace cannot be imported there" if not said["autotrace"] else "its sitecustomize did not run"
            why = said.get("hindrance") or why
            tell(("problem", f"{self._python.path} is not traced: {why}"))
        for agent, state in said.get("agents", {}).items():
            if state == "running":
                tell(("warning", f"{agent} runs in the same process: calls are traced twice, once by each"))
        rows = said.get("instrumentors")
        if rows is None:  # nothing is traced there
            child.end()
            return
        for row in rows:
            self._tell_row(row, tell)
        wanted = [row for row in rows if row["state"] == "installed"]
        parts.look(wanted, child, self._another, lambda fact: self._pass(fact, tell))

    def end(self) -> None:
        """End whatever is still running."""
        self._over = True
        for child in self._children:
            child.end()

    def _survey(self, tell: Tell) -> tuple[dict[str, Any], Child | None]:
        """Start a Python; return what it says without importing anything, and itself if it is there."""
        path = self._python.path
        child = None
        try:
            child = self._another()
            said: dict[str, Any] = child.answer(_PATIENCE)
            if "missing" not in said:
                said.update(child.ask("survey", _PATIENCE))
            elif said["autotrace"] not in ("", __version__):
                other = said["autotrace"]
                tell(("warning", f"autotrace {other} is installed there, which autotrace {__version__} cannot ask"))
        except SlowError as error:
            tell(("problem", f"{path} {error}"))
        except (NoAnswerError, OSError) as error:
            words = child.last_words() if child is not None else ""
            tell(("problem", f"{path} cannot be asked: {words or error}"))
        else:
            return said, child
        return {"executable": path}, None

    def _another(self) -> Child:
        if self._over:
            raise OSError("the examination is over")
        environ = {**os.environ, "PYTHONPATH": search_path(os.environ.get("PYTHONPATH", "")), ASKED: "1"}
        flags = [f"-{flag}" for flag in self._python.flags if flag in _OF_PYTHON]
        child = Child([*self._python.before, self._python.path, *flags, "-c", SCRIPT], environ)
        self._children.append(child)
        return child

    def _pass(self, fact: Fact, tell: Tell) -> None:
        """Tell a fact, and what follows from it."""
        kind, what = fact
        if kind == "instrumentor":
            tell(fact)
            self._tell_row(what, tell)
        elif kind == "left":
            new = set(what) - self._left
            self._left |= new
            tell(("left", sorted(self._left)))
            for holder in sorted(new):
                tell(("warning", f"{holder} holds a function from before it was patched; what it calls is not traced"))
        else:
            tell(fact)

    @staticmethod
    def _tell_row(row: dict[str, str], tell: Tell) -> None:
        if row["state"] == "not applied":
            tell(("warning", f"{row['name']} is not applied: {row['why']}"))
        elif row["state"] == "unknown":
            tell(("warning", f"{row['name']} could not be looked at: {row['why']}"))
        elif row["state"] == "on" and row["why"]:
            tell(("warning", f"{row['name']} is traced: {row['why']}"))
