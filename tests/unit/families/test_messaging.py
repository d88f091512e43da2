"""The family of messages with a library of this test's own: what is sent, and what the facts mean."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from autotrace.families.messaging import consuming, producing, pull_settings
from autotrace.families.messaging.stream import Messaging, fit
from autotrace.faults import faults
from autotrace.trace.context import get_current
from autotrace.trace.failure import Failure
from autotrace.trace.span import ERROR, UNSET

HERE = Path(__file__).resolve().parent
ACME = Messaging("acme")


class Future:
    """What our library's send returns."""

    def __init__(self):
        self.told = []


def sender(original):
    """Return a traced ``send(producer, topic, headers)``."""

    def watch(future, succeeded, failed):
        future.told.append((succeeded, failed))

    def message(args, kwargs):
        headers = kwargs.get("headers")
        return args[1], None, None, None, (None, None, None), [] if headers is None else headers

    return ACME.send(message, (2, "headers"), watch, lambda answer: answer)(original, "acme")


# What the facts mean.


def test_a_message_that_was_sent_and_answered_is_described_whole():
    """The answer's partition and offset are told, and where the message went."""
    facts = ("jobs", None, b"k\xc3\xa9y", None, "me", "[::1]:9092", "orders")
    assert ACME.describe_send(facts, (3, 7, True), None) == (
        "send jobs",
        {
            "messaging.system": "acme",
            "messaging.operation.name": "send",
            "messaging.operation.type": "send",
            "messaging.destination.name": "jobs",
            "messaging.destination.partition.id": "3",
            "messaging.acme.offset": 7,
            "messaging.acme.message.key": "kéy",
            "messaging.acme.message.tombstone": True,
            "autotrace.messaging.transaction.id": "orders",
            "messaging.client.id": "me",
            "server.address": "::1",
            "server.port": 9092,
        },
        UNSET,
        "",
    )


def test_what_is_not_known_is_not_described():
    """No answer, no key that is text, no server: no attributes of these."""
    attributes = {
        "messaging.system": "acme",
        "messaging.operation.name": "send",
        "messaging.operation.type": "send",
        "messaging.destination.name": "jobs",
    }
    assert ACME.describe_send(("jobs", None, b"\xff", None, None, None, None), None, None) == (
        "send jobs",
        attributes,
        UNSET,
        "",
    )


def test_a_failure_keeps_the_partition_that_was_asked_for():
    """A message that was not delivered has the caller's partition, the error and no offset."""
    failure = Failure("acme.NoBroker", "nobody there")
    name, attributes, status, message = ACME.describe_send(("jobs", 2, None, None, None, "b", None), None, failure)
    assert (name, status, message) == ("send jobs", ERROR, "nobody there")
    assert attributes["error.type"] == "acme.NoBroker"
    assert attributes["messaging.destination.partition.id"] == "2"
    assert (attributes["server.address"], "server.port" in attributes) == ("b", False)


def test_a_message_that_is_handled_tells_group_and_wait():
    """The consumer's group and the wait in the queue are told where they are known, also a wait of nothing."""
    facts = ("jobs", 0, 0, None, False, 0, None, "workers", None, "one of them", ("jobs", "a"))
    _, attributes, _, _ = ACME.describe_process(facts, None, None)
    assert attributes["messaging.consumer.group.name"] == "workers"
    assert attributes["autotrace.messaging.wait_ms"] == 0
    assert attributes["messaging.acme.offset"] == 0
    assert attributes["autotrace.messaging.consumer.member.id"] == "one of them"
    assert attributes["autotrace.messaging.consumer.subscription"] == ["a", "jobs"]
    facts = ("jobs", 0, 0, None, False, None, None, None, None, None, ())
    _, attributes, _, _ = ACME.describe_process(facts, None, None)
    assert not [name for name in attributes if "consumer" in name or "wait" in name]


def test_an_empty_message_is_told_by_what_is_known_of_it():
    """Where the answer does not tell, what was known before does."""
    for before, answered, tombstone in (
        (True, None, True),
        (True, False, None),
        (None, True, True),
        (None, None, None),
    ):
        facts = ("jobs", None, None, before, None, None, None)
        _, attributes, _, _ = ACME.describe_send(facts, (0, 0, answered), None)
        assert attributes.get("messaging.acme.message.tombstone") is tombstone


# Sending.


def test_an_answer_that_comes_twice_counts_once(recorder):
    """Whoever tells first ends the span; a later word is not heard."""
    future = Future()
    assert sender(lambda _self, _topic, headers: future)(None, "jobs") is future
    ((succeeded, failed),) = future.told
    assert get_current() is None
    assert recorder.finished() == []
    succeeded((0, 5, False))
    failed(ValueError("late"))
    succeeded((0, 6, False))
    (sent,) = recorder.wait(1)
    assert (sent["status"], sent["attributes"]["messaging.acme.offset"]) == ("UNSET", 5)


def test_a_future_that_is_never_told_ends_the_span_when_it_goes(recorder):
    """A producer that is dropped with unsent messages leaves spans without an answer, not none."""
    futures = [Future()]
    sender(lambda _self, _topic, headers: futures[0])(None, "jobs")
    assert recorder.finished() == []
    futures.clear()
    gc.collect()
    (sent,) = recorder.wait(1)
    assert sent["status"] == "UNSET"


def test_an_answer_or_a_future_of_an_unknown_kind_costs_the_outcome_only(recorder):
    """What cannot be watched or understood ends the span at once, without outcome."""
    assert sender(lambda _self, _topic, headers: "no future")(None, "jobs") == "no future"
    future = Future()
    sender(lambda _self, _topic, headers: future)(None, "jobs")
    future.told[0][0]("no answer")
    assert [one["status"] for one in recorder.wait(2)] == ["UNSET", "UNSET"]
    assert faults.pop("acme") == 2


def test_a_send_within_a_send_is_one_span(recorder):
    """A library that sends by another of its traced functions sends once."""
    future = Future()
    inner = sender(lambda _self, _topic, headers: future)
    outer = sender(lambda _self, topic, headers: inner(None, topic, headers=headers))
    outer(None, "jobs")
    ((succeeded, _),) = future.told
    succeeded((0, 0, False))
    recorder.wait(1)


def test_headers_of_the_programs_own_are_not_doubled(recorder):
    """A name that is there is not added again, in whatever case; what should be a context and is none is replaced."""
    seen = []
    send = sender(lambda _self, _topic, headers: seen.append(headers))
    mine = [("Baggage", b"a=1"), ("TraceParent", b"not a context"), ("a", b"1")]
    send(None, "jobs", headers=mine)
    assert [name for name, _ in mine] == ["Baggage", "TraceParent", "a"]
    assert [name for name, _ in seen[0]] == ["Baggage", "a", "traceparent"]
    faults.clear()  # None cannot be watched


def consumed(*headers):
    """Take up a message with headers, as a consumer does."""
    message = SimpleNamespace(headers=list(headers))
    kinds = ("jobs", None, None, None, False, -1)
    pull = ACME.one(lambda one: (*kinds, one.headers), lambda _consumer: (None, None, None, None, ()))
    consumer = Consumer()
    pull(lambda _self: message, "acme")(consumer)
    return consumer


class Consumer:
    """Whoever pulls; the message is current while it lives."""


CONTEXT = ("traceparent", b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
OWN = ("traceparent", b"00-1af7651916cd43dd8448eb211c80319c-a7ad6b7169203331-01")


@pytest.mark.parametrize(
    ("came", "sent", "goes"),
    [
        ([CONTEXT], [CONTEXT], ["traceparent"]),
        ([CONTEXT], [("a", b"1"), CONTEXT, ("b", b"2")], ["a", "b", "traceparent"]),
        ([CONTEXT, ("tracestate", b"v=1")], [CONTEXT, ("tracestate", b"v=1")], ["traceparent", "tracestate"]),
        ([CONTEXT, ("baggage", b"u=7")], [CONTEXT, ("baggage", b"u=7")], ["traceparent", "baggage"]),
        ([CONTEXT, ("baggage", b"u=7")], [CONTEXT, ("baggage", b"u=8")], ["baggage", "traceparent"]),
        ([OWN, CONTEXT], [OWN, CONTEXT], ["traceparent"]),
    ],
)
def test_the_context_that_a_message_came_with_is_replaced(recorder, came, sent, goes):
    """A message that is passed on with its headers is sent by whoever passes it on; baggage that was changed stays."""
    seen = []
    consumer = consumed(*came)
    handled = get_current().span_id
    sender(lambda _self, _topic, headers: seen.append(headers))(None, "jobs", headers=list(sent))
    del consumer
    assert [name for name, _ in seen[0]] == goes
    out = next(one for one in recorder.finished() if one["kind"] == "PRODUCER")
    headers = dict(seen[0])
    assert headers["traceparent"].decode().split("-")[1:3] == [CONTEXT[1].decode().split("-")[1], out["span_id"]]
    assert (out["parent_id"], "links" in out) == (handled, False)
    assert headers.get("baggage") in (None, dict(sent).get("baggage"))
    faults.clear()


def test_the_context_that_a_message_of_a_batch_came_with_is_replaced(recorder, monkeypatch):
    """Also where the batch is the unit of work, and its messages are only linked to whoever sent them."""
    monkeypatch.setattr(pull_settings, "chosen", pull_settings.Choice(batch_parent="ambient"))
    kinds = ("jobs", None, None, None, False, -1)
    pull = ACME.batches(lambda one: (*kinds, one.headers), lambda _consumer: (None, None, None, None, ()))
    messages, seen = [SimpleNamespace(headers=[one]) for one in (CONTEXT, OWN)], []
    send = sender(lambda _self, _topic, headers: seen.append(headers))
    consumer = Consumer()
    for message in pull(lambda _self: messages, "acme")(consumer):
        send(None, "jobs", headers=list(message.headers))
    assert len({headers[0][1][:35] for headers in seen}) == 1  # the batch's own trace
    assert not {CONTEXT[1], OWN[1]} & {value for headers in seen for _, value in headers}
    faults.clear()


def test_a_context_that_came_with_another_message_is_the_programs(recorder):
    """It stays, and is linked: what the program keeps and sends later is not what is being handled."""
    seen = []
    consumer = consumed(CONTEXT)
    sender(lambda _self, _topic, headers: seen.append(headers))(None, "jobs", headers=[OWN])
    del consumer
    assert seen == [[OWN]]
    out = next(one for one in recorder.finished() if one["kind"] == "PRODUCER")
    assert out["links"] == [tuple(OWN[1].decode().split("-")[1:3])]
    faults.clear()


def test_a_link_tells_that_the_other_span_is_in_another_process(recorder):
    """A context that came along is linked with the flags of its own, and those that OTLP has for remote spans."""
    future = Future()
    header = ("traceparent", b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
    sender(lambda _self, _topic, headers: future)(None, "jobs", headers=[header])
    future.told[0][0]((0, 0, None))
    recorder.wait(1)
    assert [flags for _trace, _span, flags, _state in recorder.spans[0].extras.links] == [0x301]


def test_a_size_is_estimated_anew_only_where_ours_is_too_much():
    """Outside of a send, or below the limit, the estimate is what the library says and the headers stay."""
    calls = []

    def estimate(_self, headers):
        calls.append(list(headers))
        return 10 * len(headers)

    traced = fit(lambda _args: 15, (1, "headers"))(estimate, "acme")
    assert traced(None, [1, 2]) == 20
    assert traced(None, headers=[1]) == 10
    assert calls == [[1, 2], [1]]


PROGRAM = """
import atexit, os, sys
from autotrace.testing import recorder as recording
from test_messaging import Future, sender

class Set:
    setattr = staticmethod(setattr)

installed = recording.install(Set)
atexit.register(lambda: [print(os.getpid() == main, one["status"]) for one in installed.finished()])
main = os.getpid()
future = Future()
sender(lambda _self, _topic, headers: future)(None, "jobs")
"""


def run(program):
    """Return what a program of its own prints, and its standard error."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(HERE.parents[1]), str(HERE)))}
    command = [sys.executable, "-W", "ignore", "-c", PROGRAM + program]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60, check=False)
    return done.stdout.splitlines(), done.stderr


@pytest.mark.process
def test_a_send_that_is_unanswered_when_the_program_ends_is_finished():
    """The message may have been delivered: whoever handles it must find its parent."""
    assert run("") == (["True UNSET"], "")


@pytest.mark.process
@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_forked_child_does_not_tell_its_parents_messages():
    """A message that was on its way when the process forked is the parent's to tell, whatever the child hears."""
    out, error = run("""
if os.fork() == 0:
    future.told.pop()[0]((0, 0, False))
    sys.exit()
os.wait()
""")
    assert (out, error) == (["True UNSET"], "")


def test_families_of_sending_and_handling_are_not_the_same():
    """A message that is sent while one is handled is a span of its own."""
    assert producing.SEND != consuming.PROCESS
