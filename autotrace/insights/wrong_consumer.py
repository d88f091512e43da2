"""Wrong consumer: a group or service that began to read a topic that it had not read before.

What a consumer subscribed to is not in the spans, only what it took. So the first message of a rare topic is no
change; a new process that takes from a topic which no process before it took from is one. What makes it worse: the
group reads its old topic no more, the topic is another group's, nearly every message fails.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from autotrace.insights.finding import FAILURE, INFO, LIKELY, POSSIBLE, SLOW, Finding, place, some
from autotrace.store.naming import destination, text_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from autotrace.store.model import Span, Trace

KIND = "wrong consumer"
KNOWN_AFTER = 3
"""So many messages of its old topics must have been seen before anything counts as new."""


@dataclass
class _Process:
    """One process of a consumer."""

    start_ns: int
    topics: dict[str, list[tuple[Trace, Span]]] = field(default_factory=lambda: defaultdict(list))


def wrong_consumers(traces: Sequence[Trace]) -> Iterator[Finding]:
    """Find consumers that read what they did not read before.

    Args:
        traces: in order of their start.
    """
    consumers: dict[str, dict[str, _Process]] = defaultdict(dict)
    readers: dict[str, set[str]] = defaultdict(set)
    for trace in traces:
        for span in trace.spans:
            topic = destination(span)
            if span.kind == "CONSUMER" and topic:
                who = text_of(span, "messaging.consumer.group.name") or span.service
                process = consumers[who].setdefault(_process(span), _Process(span.start_ns))
                process.start_ns = min(process.start_ns, span.start_ns)
                process.topics[topic].append((trace, span))
                readers[topic].add(who)
    for who, processes in consumers.items():
        yield from _changes(who, sorted(processes.values(), key=lambda one: one.start_ns), readers)


def _process(span: Span) -> str:
    resource = span.resource
    return str(resource.get("service.instance.id") or (resource.get("host.name"), resource.get("process.pid")))


def _changes(who: str, processes: list[_Process], readers: dict[str, set[str]]) -> Iterator[Finding]:
    known: dict[str, int] = {}
    new: dict[str, list[_Process]] = {}
    for process in processes:
        for topic in process.topics:
            if topic in new or (topic not in known and sum(known.values()) >= KNOWN_AFTER):
                new.setdefault(topic, []).append(process)
        for topic, taken in process.topics.items():
            if topic not in new:
                known[topic] = known.get(topic, 0) + len(taken)
    for topic, newcomers in new.items():
        yield _finding(who, topic, newcomers, known, readers[topic] - {who})


def _finding(who: str, topic: str, newcomers: list[_Process], known: dict[str, int], others: set[str]) -> Finding:
    taken = [one for process in newcomers for one in process.topics[topic]]
    first, last = taken[0][1], taken[-1][1]
    failed = sum(_failed(span) for _, span in taken)
    instead = not any(old in process.topics for process in newcomers for old in known)
    before = ", ".join(f"{name} ({count} messages)" for name, count in known.items())
    group = "group " + who if text_of(last, "messaging.consumer.group.name") else "no group"
    evidence = [f"{last.service} ({group}) read {before} before, and never {topic}"]
    if instead:
        evidence.append("its new process has read nothing of that since")
    if others:
        evidence.append(f"{topic} is read by {', '.join(sorted(others))} also")
    evidence.append(f"{failed} of the {len(taken)} messages that it took failed" if failed else "none has failed")
    mostly = failed * 2 > len(taken)
    return Finding(
        kind=KIND,
        title=f"{last.service} began to read {topic}",
        service=last.service,
        operation=last.name,
        route=place(last),
        evidence=evidence,
        confidence=LIKELY if instead + bool(others) + mostly >= 2 else POSSIBLE,
        level=FAILURE if mostly else SLOW if instead else INFO,
        count=len(taken),
        total=len(taken) + sum(known.values()),
        weight=len(taken),
        traces=some(trace for trace, _ in taken),
        facts={
            "group": text_of(last, "messaging.consumer.group.name") or None,
            "topic": topic,
            "before": known,
            "since_ns": first.start_ns,
            "instead": instead,
            "read_by_others": sorted(others),
            "failed": failed,
        },
    )


def _failed(span: Span) -> bool:
    """Tell whether a message failed: its span or, where the program caught the exception, anything done for it."""
    return span.failed or any(child.failed for child in span.children)
