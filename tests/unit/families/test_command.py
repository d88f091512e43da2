"""What the facts of commands mean."""

from __future__ import annotations

import pytest

from autotrace.families.db.command import Commands, gathered, sent
from autotrace.trace.failure import Failure
from autotrace.trace.span import ERROR, UNSET

REDIS = Commands("redis", lambda error: None, lambda error: False)
SERVER = (0, "db.example", 6379)


def test_a_whole_description():
    """Name, attributes and status of a command; the usual port is left out."""
    assert REDIS.describe_command((*sent(("SET", "a", b"b")), *SERVER), None, None) == (
        "SET",
        {
            "db.system.name": "redis",
            "db.namespace": "0",
            "db.operation.name": "SET",
            "db.query.text": "SET ? ?",
            "server.address": "db.example",
        },
        UNSET,
        "",
    )


def test_a_failure_has_the_servers_code_if_there_is_one():
    """The code stands behind the other facts; where it could not be found, the rest is told."""
    facts = (*sent(("GET", "a")), None, None, None)
    failure = Failure("redis.ResponseError", "wrong")
    plain = {
        "db.system.name": "redis",
        "db.operation.name": "GET",
        "db.query.text": "GET ?",
        "error.type": failure.type,
    }
    for known, more in (((), {}), ((None,), {}), (("ERR",), {"db.response.status_code": "ERR"})):
        assert REDIS.describe_command((*facts, *known), None, failure) == ("GET", {**plain, **more}, ERROR, "wrong")


@pytest.mark.parametrize(
    ("call", "operation", "text"),
    [
        (("get", "a"), "get", "get ?"),
        (("CONFIG GET", "a"), "CONFIG GET", "CONFIG GET ?"),
        (("config set a b",), "config set", "config set ? ?"),
        (("SET a b",), "SET", "SET ? ?"),
        (("  GET   a ",), "GET", "GET ?"),
        ((b"GET", "a"), "GET", "GET ?"),
        ((bytearray(b"GET"), "a"), "GET", "GET ?"),
        ((memoryview(b"CLIENT ID"),), "CLIENT ID", "CLIENT ID"),
        ((b"\xff",), "\ufffd", "\ufffd"),
        (("SET " + "k" * 100 + " v",), "SET", "SET ? ?"),
        (("SET k " + "v" * 100, "EX", 5), "SET", "SET ? ? ? ?"),
        (("X" * 100,), "X" * 64, "X" * 64),
        ((5, "a"), None, " ?"),
        (("",), None, None),
        ((" ",), None, None),
    ],
)
def test_what_is_name_and_what_is_value(call, operation, text):
    """Only known words are told, in whichever type and length they come."""
    _, attributes, _, _ = REDIS.describe_command((*sent(call), *SERVER), None, None)
    assert (attributes.get("db.operation.name"), attributes.get("db.query.text")) == (operation, text)


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (("FCALL", "sum", 0), "FCALL sum"),
        (("EVALSHA_RO", "a" * 40, 0), "EVALSHA_RO"),
        (("evalsha", "a" * 40, 0), "EVALSHA"),
        (("config get", "a"), "CONFIG GET"),
        (("EVAL", "return 1", 0), "EVAL"),
        (("FCALL",), "FCALL"),
        (("FCALL", b"sum", 0), "FCALL"),
    ],
)
def test_names_are_in_capitals_and_have_no_hash(call, name):
    """A function is named; a script that is sent whole, or by its hash, is not."""
    assert REDIS.describe_command((*sent(call), *SERVER), None, None)[0] == name


@pytest.mark.parametrize(("port", "told"), [("6380", 6380), ("redis", None), ("6379", None), (None, None)])
def test_a_port_may_be_text(port, told):
    """Clients take what the system resolves."""
    _, attributes, _, _ = REDIS.describe_command((*sent(("PING",)), "1", "h", port), None, None)
    assert (attributes.get("server.port"), attributes["db.namespace"]) == (told, "1")


@pytest.mark.parametrize(
    ("kind", "calls", "name", "text", "size"),
    [
        ("PIPELINE", [("GET", "a")] * 3, "PIPELINE GET", "GET ?", 3),
        ("PIPELINE", [("GET", "a"), ("get", "a")], "PIPELINE GET", "GET ?; get ?", 2),
        ("PIPELINE", [("get", "a"), ("get", "a")], "PIPELINE GET", "get ?", 2),
        ("PIPELINE", [("GET", "a")] * 16 + [("get", "a")], "PIPELINE", "; ".join(["GET ?"] * 16) + "; ...", 17),
        ("PIPELINE", [("GET", "a")], "GET", "GET ?", None),
        ("MULTI", [("GET", "a")], "MULTI GET", "GET ?", None),
        ("MULTI", [], "MULTI", None, 0),
        ("MULTI", [("CLIENT ID",)] * 2, "MULTI CLIENT ID", "CLIENT ID", 2),
        (
            "MULTI",
            [("DEL", *"a" * n) for n in range(16)],
            "MULTI DEL",
            "; ".join("DEL" + " ?" * n for n in range(16)),
            16,
        ),
    ],
)
def test_a_batch(kind, calls, name, text, size):
    """Named by its kind and what all its commands are; one is no batch, none is."""
    got, attributes, _, _ = REDIS.describe_batch((*gathered(kind, calls), *SERVER), None, None)
    assert got == attributes["db.operation.name"].upper() == name
    assert (attributes.get("db.query.text"), attributes.get("db.operation.batch.size")) == (text, size)
