"""Wrong consumer: who reads what he did not read before."""

from __future__ import annotations

from autotrace.insights.finding import FAILURE, LIKELY, POSSIBLE, SLOW
from autotrace.insights.wrong_consumer import wrong_consumers
from unit.insights.making import raised, taken, trace


def messages(topic, count, start=0, **more):
    """So many messages, each a trace."""
    return [trace(taken(topic, start + n * 10, start + n * 10 + 5, **more)) for n in range(count)]


def test_a_new_process_that_reads_another_groups_topic_and_fails():
    """All signs together: likely, and messages fail."""
    traces = [
        *messages("orders", 5, group="bakers"),
        *messages("payments", 3, service="till", group="tills", process="till"),
        *messages("payments", 4, 1000, group="bakers", process="two", **raised("KeyError", "pizza")),
    ]
    (found,) = wrong_consumers(traces)
    assert (found.title, found.service, found.confidence, found.level) == (
        "kitchen began to read payments",
        "kitchen",
        LIKELY,
        FAILURE,
    )
    assert (found.count, found.total, found.facts["read_by_others"]) == (4, 9, ["tills"])
    assert found.evidence == [
        "kitchen (group bakers) read orders (5 messages) before, and never payments",
        "its new process has read nothing of that since",
        "payments is read by tills also",
        "4 of the 4 messages that it took failed",
    ]


def test_without_the_other_signs_it_is_only_possible():
    """Somebody may have meant it."""
    (found,) = wrong_consumers(messages("orders", 5) + messages("news", 2, 1000, process="two"))
    assert (found.confidence, found.level) == (POSSIBLE, SLOW)


def test_a_rare_topic_of_the_same_process_is_no_change():
    """It may have been subscribed to it all the time."""
    assert list(wrong_consumers(messages("orders", 5) + messages("rare", 1, 1000))) == []


def test_without_a_past_nothing_is_new():
    """Two messages are no habit, and a restart is no change."""
    assert list(wrong_consumers(messages("orders", 2) + messages("news", 2, 1000, process="two"))) == []
    assert list(wrong_consumers(messages("orders", 5) + messages("orders", 5, 1000, process="two"))) == []
