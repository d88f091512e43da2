"""What every library has to keep that hands messages or tasks to a function of the program, against a real broker.

It is the smaller of the two contracts of messaging: ``messaging.py`` is for those that are pulled from.
"""

from __future__ import annotations

import importlib
import threading
from abc import ABC, abstractmethod
from types import MappingProxyType

import pytest

from autotrace import propagation
from autotrace.api import span
from autotrace.faults import faults
from autotrace.testing.contracts.messaging_base import WAIT, creation, current_id, hexadecimal
from autotrace.trace.context import get_current
from autotrace.trace.sampling import Sampler
from autotrace.trace.tracer import tracer

FOREIGN = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
TRACEPARENT = "00-{:032x}-{:016x}-{}"
CONTEXT = ("traceparent", "tracestate", "baggage")


class HandlerError(Exception):
    """What goes wrong in the program that handles a message."""


class Handling(ABC):
    """The contract; a subclass adds a library to it."""

    name = ""  # the scope of the spans that send
    handling_name = ""  # and of those that handle, if that is another
    own = MappingProxyType({"shop": "7"})  # headers of the program's
    links_ambient = True  # what is current around the library is so around the handler
    raises = True  # the program sees the exception of its handler
    breaks = ()  # functions of ours on the way, as "module:name"
    unnamed = ()  # attributes whose values differ from run to run, but which have to be there

    # How the library is spoken to.

    @abstractmethod
    def send(self, headers=None):
        """Send one message."""

    def send_from_elsewhere(self, context):
        """Send one message as if another process had, with a context."""
        self.send(context)

    @abstractmethod
    def handle(self, function):
        """Have one message handled by a function, which is called with the message's headers."""

    @abstractmethod
    def title(self):
        """Return what comes after "send" and "process" in the names of spans."""

    @abstractmethod
    def attributes(self, operation):
        """Return the expected attributes of the only message, but for the wait."""

    @abstractmethod
    def refused(self):
        """Send what the library or the broker refuses; returns the exception that the program sees."""

    # What the tests are written in.

    def sent(self, number, trace=None, parent="", **more):
        """Return the expected span of the message's sending."""
        return self._expected("send", "PRODUCER", self.name, number, trace, parent, more)

    def processed(self, number, trace, parent, **more):
        """Return the expected span of the message's handling."""
        scope = self.handling_name or self.name
        return self._expected("process", "CONSUMER", scope, number, trace, parent, {**creation(trace, parent), **more})

    def _expected(self, operation, kind, scope, number, trace, parent, more):
        told = {"messaging.operation.name": operation, "messaging.operation.type": operation}
        return {
            "name": f"{operation} {self.title()}",
            "kind": kind,
            "scope": scope,
            "trace_id": f"{number if trace is None else trace:032x}",
            "span_id": hexadecimal(number),
            "parent_id": parent and hexadecimal(parent),
            "attributes": {**told, **self.attributes(operation)},
            "status": "UNSET",
            **more,
        }

    def spans(self, recorder, count):
        """Return the finished spans by their numbers, without what differs from run to run."""
        found = recorder.wait(count)
        for one in found:
            if one["kind"] == "CONSUMER":
                for key in self.unnamed:
                    assert one["attributes"].pop(key)
                wait = one["attributes"].pop(WAIT, 0)
                assert type(wait) is int
                assert wait >= 0
        return {int(one["span_id"], 16): one for one in found}

    def headers(self):
        """Handle a message and return its headers."""
        seen = []
        self.handle(seen.append)
        return seen[0]

    # The contract.

    def test_a_message_is_one_trace_from_its_cause_to_what_its_handling_does(self, recorder):
        """Sending is beneath what caused it, handling beneath the sending, and what handling does beneath that."""

        def handler(_headers):
            assert current_id() == hexadecimal(3)
            with span("bake"):
                pass

        with span("order"):
            self.send()
            assert current_id() == hexadecimal(1)
        self.handle(handler)
        assert current_id() is None
        found = self.spans(recorder, 4)
        assert found[2] == self.sent(2, trace=1, parent=1)
        assert found[3] == self.processed(3, trace=1, parent=2)
        assert (found[4]["name"], found[4]["trace_id"], found[4]["parent_id"]) == ("bake", f"{1:032x}", hexadecimal(3))

    def test_what_is_current_where_a_message_is_handled_is_linked(self, recorder):
        """The sender is the parent; the span around is a link, where the handler runs within it, and comes back."""
        self.send()
        with span("worker"):
            self.handle(lambda _headers: None)
            assert current_id() == hexadecimal(2)
        links = creation(1, 1)["links"] + [(f"{2:032x}", hexadecimal(2))] * self.links_ambient
        assert self.spans(recorder, 3)[3] == self.processed(3, trace=1, parent=1, links=links)

    def test_a_handler_that_raises_fails_its_span(self, recorder):
        """The program, or the library, sees the exception that it sees without us."""

        def handler(_headers):
            raise HandlerError("burnt")

        self.send()
        if self.raises:
            with pytest.raises(HandlerError, match="burnt"):
                self.handle(handler)
        else:
            self.handle(handler)
        assert current_id() is None
        failed = self.spans(recorder, 2)[2]
        kind = f"{HandlerError.__module__}.{HandlerError.__qualname__}"
        assert (failed["kind"], failed["status"], failed["message"]) == ("CONSUMER", "ERROR", "burnt")
        assert (failed["attributes"]["error.type"], failed["exception"]) == (kind, f"{kind}: burnt")

    def test_the_programs_headers_stay_and_ours_come_to_them(self, recorder):
        """The mapping that the program passes is not written to; what arrives is what it set, and the context."""
        headers = dict(self.own)
        self.send(headers)
        assert headers == self.own
        assert self.headers() == {**self.own, "traceparent": TRACEPARENT.format(1, 1, "03")}

    def test_without_propagation_the_headers_are_what_the_program_set(self, recorder):
        """The propagator ``none`` adds nothing, and each side begins a trace."""
        propagation.configure(("none",))
        self.send(dict(self.own))
        assert self.headers() == self.own
        assert [one["parent_id"] for one in recorder.wait(2)] == ["", ""]

    def test_a_context_of_the_programs_own_stays_and_is_linked(self, recorder):
        """Headers that have a context already are sent as they are; the new sending is linked to the old."""
        self.send({**self.own, "traceparent": FOREIGN})
        assert self.headers() == {**self.own, "traceparent": FOREIGN}
        _, trace_id, span_id, _ = FOREIGN.split("-")
        out, into = self.spans(recorder, 2).values()
        assert out["links"] == [(trace_id, span_id)]
        assert (into["trace_id"], into["parent_id"]) == (trace_id, span_id)

    def test_a_message_that_is_passed_on_with_its_headers_comes_from_whoever_passes_it_on(self, recorder):
        """The context in the headers was the last sender's: the next is beneath the sending by whoever passes it on."""
        self.send(dict(self.own))
        self.handle(lambda headers: self.send({**self.own, "traceparent": headers["traceparent"]}))
        assert self.headers() == {**self.own, "traceparent": TRACEPARENT.format(1, 3, "03")}
        found = self.spans(recorder, 4)
        assert found[3] == self.sent(3, trace=1, parent=2)
        assert found[4]["parent_id"] == hexadecimal(3)

    def test_tracestate_and_baggage_travel_with_the_message(self, recorder):
        """What came in with the first message goes out with the one that its handling sends."""
        self.send_from_elsewhere({"traceparent": FOREIGN, "tracestate": "vendor=1", "baggage": "tenant=acme"})
        self.handle(lambda _headers: self.send())
        arrived = self.headers()
        assert (arrived["tracestate"], arrived["baggage"]) == ("vendor=1", "tenant=acme")
        assert arrived["traceparent"].split("-")[1] == FOREIGN.split("-")[1]

    def test_a_trace_that_is_not_recorded_is_passed_on_as_such(self, recorder):
        """Unsampled: the flags go out as 02 (a random id), the handling is current all the same, and nothing is recorded."""
        tracer.sampler = Sampler(0.0)
        seen = []
        self.send()
        self.handle(lambda headers: seen.append((headers["traceparent"][-2:], get_current().trace.sampled)))
        assert seen == [("02", False)]
        assert recorder.finished() == []

    def test_our_own_failure_costs_spans_and_nothing_else(self, recorder, monkeypatch):
        """Where our code raises, messages come and go as if we were not there."""

        def broken(*_args, **_kwargs):
            raise RuntimeError("ours")

        for function in self.breaks:
            module, _, name = function.partition(":")
            monkeypatch.setattr(importlib.import_module(module), name, broken)
        self.send(dict(self.own))
        assert self.headers() == self.own
        assert current_id() is None
        assert recorder.finished() == []
        assert {faults.pop(scope, 0) > 0 for scope in {self.name, self.handling_name or self.name}} == {True}

    def test_threads_that_send_do_not_mix(self, recorder):
        """Each message sent by one of several threads is beneath that thread's own span."""
        together = threading.Barrier(3)

        def work():
            with span("order"):
                together.wait(30)
                self.send()

        threads = [threading.Thread(target=work) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        found = self.spans(recorder, 6).values()
        roots = {one["span_id"]: one["trace_id"] for one in found if one["name"] == "order"}
        sends = [one for one in found if one["kind"] == "PRODUCER"]
        assert {one["parent_id"]: one["trace_id"] for one in sends} == roots

    def test_what_is_refused_fails_its_span(self, recorder):
        """The exception reaches the program, ends the span, and is told on it."""
        error = self.refused()
        (failed,) = recorder.wait(1)
        assert (failed["kind"], failed["status"]) == ("PRODUCER", "ERROR")
        assert failed["attributes"]["error.type"] == f"{type(error).__module__}.{type(error).__qualname__}".replace(
            "builtins.", ""
        )
        assert current_id() is None
