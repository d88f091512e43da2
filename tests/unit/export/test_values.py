"""Attribute values, compared with opentelemetry-proto's own encoding."""

from __future__ import annotations

import enum
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from autotrace.export.otlp import Limits
from autotrace.export.values import Values
from unit.export.making import encoder, finished_span, only_span, pairs, said, value

_INTEGERS = st.integers(-(1 << 63), (1 << 63) - 1)
_TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
_SCALARS = st.one_of(_TEXTS, st.booleans(), _INTEGERS, st.floats(allow_nan=False), st.binary())
_LISTS = st.one_of(
    *(st.lists(kind) | st.lists(kind).map(tuple) for kind in (_TEXTS, st.booleans(), _INTEGERS, st.binary()))
)


def decoded(given, length=None):
    """Return one value as opentelemetry-proto reads it."""
    message = AnyValue()
    message.ParseFromString(Values(length).any(given))
    return message


@given(st.dictionaries(_TEXTS.filter(bool), _SCALARS | _LISTS, max_size=12))
def test_any_attributes(attributes):
    """What is read back is what was meant, type and order included; a second time from memory."""
    encoding = encoder()
    for _ in range(2):
        assert list(only_span(encoding, finished_span(said("GET", attributes))).attributes) == pairs(attributes)


@given(_SCALARS | _LISTS)
def test_any_value_has_the_official_bytes(given):
    """A single value is encoded byte for byte as opentelemetry-proto does it."""
    assert Values().any(given) == value(given).SerializeToString()


@given(st.text(st.characters(), max_size=300), _SCALARS)
def test_any_pair_has_the_official_bytes(key, given):
    """Lengths around 128 and 16384 are the ones that go wrong by hand."""
    (_, pair), dropped = Values().pairs({f"k{key}": given})
    message = KeyValue(key=f"k{key}".encode("utf-8", "replace").decode(), value=value(given)).SerializeToString()
    assert not dropped
    assert pair[-len(message) :] == message
    assert len(pair) - len(message) == (1 if len(message) < 128 else 2)


@pytest.mark.parametrize("size", [*range(110, 135), *range(16370, 16390), 1 << 21])
def test_sizes_around_the_borders_of_varints(size):
    """A span is whole whatever its length needs."""
    attributes = {"k": "x" * size, "n": size}
    assert list(only_span(encoder(), finished_span(said("GET", attributes))).attributes) == pairs(attributes)


class Colour(str, enum.Enum):
    """A string that prints as something else."""

    RED = "red"


class Level(enum.IntEnum):
    """A number that prints as something else."""

    HIGH = 3


class Loud(str):
    """A string that lies about its text."""

    __slots__ = ()

    def __str__(self):
        return "LOUD"


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        (Colour.RED, "red"),
        (Level.HIGH, 3),
        (Loud("quiet"), "quiet"),
        (bytearray(b"ab"), b"ab"),
        (memoryview(b"ab"), b"ab"),
        (1 << 63, "9223372036854775808"),
        (-(1 << 63) - 1, "-9223372036854775809"),
        ({"a": 1}, "{'a': 1}"),
        (ValueError("no"), "no"),
        ((1, "a"), ("1", "a")),
        ((1, True), ("1", "True")),
        ((1, 2.5), ("1", "2.5")),
        ((None, 1), (None, 1)),
        (("a", None), ("a", None)),
        ([[1, 2], [3]], ("[1, 2]", "[3]")),
        ([Level.HIGH, 4], (3, 4)),
        ((), ()),
        ("", ""),
        (0, 0),
        (False, False),
        (b"", b""),
    ],
)
def test_values_that_otlp_does_not_know(given, meant):
    """Subclasses are what they are, mixed lists are texts, everything else is its text."""
    assert decoded(given) == value(meant)


def test_a_number_that_python_refuses_to_write():
    """More digits than the interpreter writes in decimals are written in hexadecimal."""
    huge = 1 << 60_000
    try:
        str(huge)
    except ValueError:
        assert decoded(huge).string_value == hex(huge)
    else:  # an interpreter from before there was such a limit
        assert decoded(huge).string_value == str(huge)


def test_not_a_number():
    """NaN is a double like any other."""
    assert math.isnan(decoded(math.nan).double_value)


def test_none_and_empty_keys_are_skipped_without_being_counted():
    """Neither is an attribute at all."""
    span = only_span(encoder(), finished_span(said("GET", {"a": None, "": 1, "b": 2})))
    assert (list(span.attributes), span.dropped_attributes_count) == (pairs({"b": 2}), 0)


def test_a_value_that_has_no_text_is_counted_as_dropped():
    """Somebody's broken __str__ costs one attribute."""

    class Bad:
        def __str__(self):
            raise RuntimeError("no")

    span = only_span(encoder(), finished_span(said("GET", {"a": 1, "bad": Bad(), "bad list": [Bad()], "b": 2})))
    assert (list(span.attributes), span.dropped_attributes_count) == (pairs({"a": 1, "b": 2}), 2)


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("abcdef", "abc"),
        ("abc", "abc"),
        ("äöüß", "äöü"),
        ("😀😀😀😀", "😀😀😀"),
        (("abcdef", "ab"), ("abc", "ab")),
        (b"abcdef", b"abc"),
        (123456, 123456),
        ({"a": 1}, "{'a"),
        ((1, "abcdef"), ("1", "abc")),
    ],
)
def test_the_limit_of_a_value_counts_characters(given, meant):
    """Strings and byte strings are cut, also in lists; numbers are not."""
    assert decoded(given, 3) == value(meant)


def test_the_limit_holds_for_events_but_not_for_the_resource():
    """Resources have no limits (OpenTelemetry specification, Common, "Attribute limits")."""
    span = finished_span(said())
    span.more().events.append((1500, "event", {"k": "abcdef"}))
    encoding = encoder(Limits(attribute_value_length=3), resource={"service.name": "long enough"})
    (payload,) = encoding.encode([span])
    assert b"long enough" in payload
    assert b"abc" in payload
    assert b"abcd" not in payload


@given(
    st.lists(st.dictionaries(st.sampled_from(["a", "b", "é"]), _SCALARS | _LISTS | st.none() | st.text()), max_size=4),
    st.none() | st.integers(0, 5),
)
def test_pairs_of_new_values_are_those_of_known_ones(several, length):
    """What is remembered of a name decides nothing of a value: each is as it is encoded by itself."""
    values = Values(length)
    for attributes in several + several:
        assert values.pairs(attributes) == Values(length).pairs(attributes)


def test_equal_values_of_other_types_are_other_values():
    """What is remembered of 1 is not taken for True, neither while it is young nor when it has aged."""
    values = Values()
    for _ in range(2):
        for each in (1, True, 1.0, "1", 0, False, 0.0, -0.0, b"1", (1,), (True,), (1.0,)):
            (_, pair), _ = values.pairs({"k": each})
            assert pair == b"%c%b" % (len(pair) - 1, KeyValue(key="k", value=value(each)).SerializeToString())
        values.pairs({f"other {number}": number for number in range(4096)})
