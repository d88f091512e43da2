"""The hand-written pieces of protobuf."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from autotrace.export.wire import fields, sized, varint


@given(st.integers(0, (1 << 64) - 1))
def test_numbers_come_back(number):
    """A varint that is written is read as it was, and is as short as can be."""
    coded = varint(number)
    assert list(fields(b"\x08" + coded)) == [(1, 0, number)]
    assert len(coded) == max(1, -(-number.bit_length() // 7))


@given(st.binary(max_size=300))
def test_bytes_come_back(data):
    """So are bytes behind their length."""
    assert list(fields(b"\x12" + sized(data))) == [(2, 2, data)]


def test_a_message_of_opentelemetry_proto():
    """All wire types that OTLP has are read."""
    span = Span(name="GET", start_time_unix_nano=7, flags=257, kind=3, status=Status(code=2))
    found = sorted(fields(span.SerializeToString()))
    assert found == [(5, 2, b"GET"), (6, 0, 3), (7, 1, 7), (15, 2, b"\x18\x02"), (16, 5, 257)]


@pytest.mark.parametrize(
    "damaged", [b"\x0a\x05abc", b"\x08", b"\x08\x80", b"\x0b", b"\x09\x00", b"\x08" + b"\xff" * 11]
)
def test_damage_is_an_error(damaged):
    """What is no message is told from one."""
    with pytest.raises(ValueError):
        list(fields(damaged))


@given(st.binary(max_size=200))
def test_any_bytes_end(data):
    """Whatever a receiver answers, reading it ends with fields or with a ValueError."""
    try:
        list(fields(data))
    except ValueError:
        pass
