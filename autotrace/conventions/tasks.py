"""What the facts of tasks mean: semantic conventions 1.44, messaging spans (in development).

A task is named by what it does, not by its queue; ``autotrace.task.*`` is what the conventions have no name for.  Facts are
said in ``families.tasks.tasks``.
"""

from __future__ import annotations

from autotrace.conventions.ends import ended
from autotrace.trace.span import Parted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from autotrace.trace.failure import Failure
    from autotrace.trace.span import Attributes, Description, Facts, Own


class TaskMeaning:
    """What the facts mean, for one system of tasks.

    Args:
        system: its own name (``messaging.system``).
    """

    def __init__(self, system: str) -> None:
        self._system = system
        # Ids, groups, times and reasons are a task's own.
        self.describe_send = Parted(_split_send, self._send)
        self.describe_run = Parted(_split_run, self._run)
        self.describe_call = Parted(_split_run, self._call)

    def _send(self, facts: Facts, failure: Failure | None) -> Description:
        """Describe a task that was sent."""
        name, queue, count = facts
        attributes = self._attributes("send", name, queue)
        if count > 1:
            attributes["messaging.batch.message_count"] = count
        return ended(f"send {name or queue}", attributes, failure)

    def _run(self, facts: Facts, failure: Failure | None) -> Description:
        """Describe a task that was run by a worker."""
        name, attributes = self._ran(facts)
        return ended(f"process {name}", attributes, failure)

    def _call(self, facts: Facts, failure: Failure | None) -> Description:
        """Describe a task that was run where it was called."""
        name, attributes = self._ran(facts)
        for absent in ("messaging.destination.name", "messaging.operation.name", "messaging.operation.type"):
            attributes.pop(absent, None)
        attributes["autotrace.task.eager"] = True
        return ended(f"run {name}", attributes, failure)

    def _ran(self, facts: Facts) -> tuple[str, Attributes]:
        name, queue, retries, again, state = facts
        attributes = self._attributes("process", name, queue)
        if retries:
            attributes["autotrace.task.retries"] = retries
        if again:
            attributes["autotrace.messaging.redelivered"] = True
        if state is not None:
            attributes["autotrace.task.state"] = state
        return name, attributes

    def _attributes(self, operation: str, name: str, queue: str) -> Attributes:
        attributes: Attributes = {
            "messaging.system": self._system,
            "messaging.operation.name": operation,
            "messaging.operation.type": operation,
        }
        if name:
            attributes["autotrace.task.name"] = name
        if queue:
            attributes["messaging.destination.name"] = queue
        return attributes


def _split_send(facts: Facts, outcome: Facts | None) -> tuple[Facts, Own]:
    name, queue, task, group, eta, count = facts
    if outcome is not None:
        task = outcome[0]
    own = {
        "messaging.message.id": task or None,
        "autotrace.task.group": group or None,
        "autotrace.task.eta": eta or None,
    }
    return (name, queue, count), own


def _split_run(facts: Facts, outcome: Facts | None) -> tuple[Facts, Own]:
    name, queue, task, root, group, retries, again, wait = facts
    state, reason = outcome if outcome is not None else (None, None)
    own = {
        "messaging.message.id": task or None,
        "messaging.message.conversation_id": root if root and root != task else None,
        "autotrace.task.group": group or None,
        "autotrace.messaging.wait_ms": wait,
        "autotrace.task.retry_reason": reason or None,
    }
    return (name, queue, retries, again, state), own
