"""What the facts of tasks mean: semantic conventions 1.44, messaging spans (in development).

A task is named by what it does, not by its queue; ``autotrace.task.*`` is what the conventions have no name for.  Facts are
said in ``families.tasks.tasks``.
"""

from __future__ import annotations

from autotrace.conventions.ends import ended

TYPE_CHECKING = False
if TYPE_CHECKING:
    from autotrace.trace.failure import Failure
    from autotrace.trace.span import Attributes, Description, Facts


class TaskMeaning:
    """What the facts mean, for one system of tasks.

    Args:
        system: its own name (``messaging.system``).
    """

    def __init__(self, system: str) -> None:
        self._system = system

    def describe_send(self, facts: Facts, outcome: Facts | None, failure: Failure | None) -> Description:
        """Describe a task that was sent."""
        name, queue, task, group, eta, count = facts
        if outcome is not None:
            task = outcome[0]
        attributes = self._attributes("send", name, queue, task)
        if count > 1:
            attributes["messaging.batch.message_count"] = count
        if group:
            attributes["autotrace.task.group"] = group
        if eta:
            attributes["autotrace.task.eta"] = eta
        return ended(f"send {name or queue}", attributes, failure)

    def describe_run(self, facts: Facts, outcome: Facts | None, failure: Failure | None) -> Description:
        """Describe a task that was run by a worker."""
        name, attributes = self._ran(facts, outcome)
        return ended(f"process {name}", attributes, failure)

    def describe_call(self, facts: Facts, outcome: Facts | None, failure: Failure | None) -> Description:
        """Describe a task that was run where it was called."""
        name, attributes = self._ran(facts, outcome)
        for absent in ("messaging.destination.name", "messaging.operation.name", "messaging.operation.type"):
            attributes.pop(absent, None)
        attributes["autotrace.task.eager"] = True
        return ended(f"run {name}", attributes, failure)

    def _ran(self, facts: Facts, outcome: Facts | None) -> tuple[str, Attributes]:
        name, queue, task, root, group, retries, again, wait = facts
        attributes = self._attributes("process", name, queue, task)
        if root and root != task:
            attributes["messaging.message.conversation_id"] = root
        if group:
            attributes["autotrace.task.group"] = group
        if retries:
            attributes["autotrace.task.retries"] = retries
        if again:
            attributes["autotrace.messaging.redelivered"] = True
        if wait is not None:
            attributes["autotrace.messaging.wait_ms"] = wait
        if outcome is not None:
            state, reason = outcome
            attributes["autotrace.task.state"] = state
            if reason:
                attributes["autotrace.task.retry_reason"] = reason
        return name, attributes

    def _attributes(self, operation: str, name: str, queue: str, task: str) -> Attributes:
        attributes: Attributes = {
            "messaging.system": self._system,
            "messaging.operation.name": operation,
            "messaging.operation.type": operation,
        }
        if name:
            attributes["autotrace.task.name"] = name
        if queue:
            attributes["messaging.destination.name"] = queue
        if task:
            attributes["messaging.message.id"] = task
        return attributes
