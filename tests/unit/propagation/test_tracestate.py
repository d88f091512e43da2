"""``tracestate``: grammar, limits, and how it hangs on ``traceparent``."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

import looking
from autotrace.propagation import w3c

VALID = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

key_characters = st.sampled_from("abcdefghijklmnopqrstuvwxyz0123456789_-*/")
keys = st.builds(
    lambda first, rest: first + rest,
    st.sampled_from("abcxyz"),
    st.text(key_characters, max_size=20),
) | st.builds(
    lambda first, tenant, system: f"{first}{tenant}@v{system}",
    st.sampled_from("abc019"),
    st.text(key_characters, max_size=20),
    st.text(key_characters, max_size=13),
)
values = st.text(
    st.characters(min_codepoint=0x20, max_codepoint=0x7E, exclude_characters=",="), min_size=1, max_size=20
).map(lambda value: value.rstrip(" ") + "x")
lists = st.lists(st.tuples(keys, values), max_size=10, unique_by=lambda member: member[0])


@pytest.mark.parametrize(
    "header",
    [
        pytest.param("congo=t61rcWkgMzE", id="one"),
        pytest.param("rojo=00f067aa0ba902b7,congo=t61rcWkgMzE", id="newest-first"),
        pytest.param("ot=th:c;rv:d29d6a7215ced0", id="consistent-sampling"),
        pytest.param("fw529a3039@dt=FfAAAAD1", id="tenant"),
        pytest.param("0tenant@v=1", id="tenant-with-digit-first"),
        pytest.param("a_-*/@9=1", id="all-key-characters"),
        pytest.param("0foo=1,bar=2", id="digit-first"),
        pytest.param("foo@=1,bar=2", id="no-system"),
        pytest.param("foo@0s=1,bar=2", id="digit-first-in-system"),
        pytest.param("foo@@bar=1,bar=2", id="two-at-signs-in-a-row"),
        pytest.param("foo@bar@baz=1,bar=2", id="two-at-signs"),
        pytest.param(f"{'t' * 242}@v=1", id="tenant-of-242"),
        pytest.param(f"t@{'v' * 15}=1", id="system-of-15"),
        pytest.param("k=!\"#$%&'()*+-./0123456789:;<>?@AZ[\\]^_`az{|}~", id="all-value-characters"),
        pytest.param("k= a b", id="spaces-within"),
        pytest.param(f"{'k' * 256}=v", id="key-of-256"),
        pytest.param(f"k={'v' * 256}", id="value-of-256"),
        pytest.param(f"{'t' * 241}@{'s' * 14}=v", id="tenant-of-241-system-of-14"),
    ],
)
def test_a_valid_header_goes_on_as_it_is(header):
    """Valid members keep their text and their order."""
    assert w3c.parse_tracestate(header) == header


@pytest.mark.parametrize(
    "member",
    [
        pytest.param("k", id="no-equals"),
        pytest.param("=v", id="no-key"),
        pytest.param("k=", id="no-value"),
        pytest.param("k=  ", id="only-spaces"),
        pytest.param("k=v=w", id="equals-in-value"),
        pytest.param("k =v", id="space-before-equals"),
        pytest.param("K=v", id="uppercase-key"),
        pytest.param("_k=v", id="underscore-first"),
        pytest.param("k.a=v", id="dot-in-key"),
        pytest.param("@v=1", id="no-tenant"),
        pytest.param("-t@s=1", id="hyphen-first-in-tenant"),
        pytest.param(f"{'k' * 257}=v", id="key-of-257"),
        pytest.param(f"k={'v' * 257}", id="value-of-257"),
        pytest.param(f"{'t' * 242}@{'s' * 14}=v", id="tenant-and-system-of-257"),
        pytest.param("k=caf\u00e9", id="not-ascii"),
        pytest.param("k=a\tb", id="tab-in-value"),
        pytest.param("k=a\r\nset-cookie: b", id="another-header"),
        pytest.param("k=a\x7f", id="delete"),
        pytest.param("k=\udcff", id="surrogate"),
        pytest.param("k=v;\u2003", id="wide-space"),
    ],
)
def test_one_invalid_member_makes_the_whole_invalid(member):
    """Nothing of a broken list goes on."""
    assert w3c.parse_tracestate(member) == ""
    assert w3c.parse_tracestate(f"a=1,{member},b=2") == ""


@pytest.mark.parametrize(
    ("header", "kept"),
    [
        ("foo=1,foo=1", "foo=1"),
        ("foo=1,foo=2", "foo=1"),
        ("a=1,foo=1 ,b=2,foo=2,c=3", "a=1,foo=1,b=2,c=3"),
    ],
)
def test_of_a_key_that_comes_again_the_newest_is_kept(header, kept):
    """The first member is the newest one; the others keep their order."""
    assert w3c.parse_tracestate(header) == kept


def test_duplicates_count_as_members():
    """A list that is too long is not made valid by what is left out of it."""
    assert w3c.parse_tracestate(",".join(["a=1"] * 32)) == "a=1"
    assert w3c.parse_tracestate(",".join(["a=1"] * 33)) == ""


@pytest.mark.parametrize("header", ["a=1,,b=2", ",a=1,b=2,", "a=1 \t,\t b=2", " a=1, ,\t,b=2 "])
def test_empty_members_and_optional_whitespace_are_allowed_and_not_sent_on(header):
    """Several header lines joined leave empty members behind."""
    assert w3c.parse_tracestate(header) == "a=1,b=2"


def test_at_most_32_members():
    """32 members are valid, empty ones not counted; 33 are not."""
    members = [f"k{number}=v" for number in range(33)]
    assert w3c.parse_tracestate(",,".join(members[:32])) == ",".join(members[:32])
    assert w3c.parse_tracestate(",".join(members)) == ""


def test_512_characters_go_on_whole():
    """What everybody has to pass on is not trimmed."""
    header = f"a={'1' * 197},b={'2' * 197},c={'3' * 110}"
    assert len(header) == 512
    assert w3c.parse_tracestate(header) == header


def test_beyond_512_characters_large_members_go_first():
    """A member of more than 128 characters is dropped before small ones behind it, the last of them first."""
    small = [f"k{number:02}={'v' * 96}" for number in range(4)]
    large = [f"l{number:02}={'v' * 125}" for number in range(2)]
    assert {len(member) for member in small} == {100}
    assert {len(member) for member in large} == {129}
    header = ",".join([large[0], small[0], large[1], small[1], small[2], small[3]])
    assert w3c.parse_tracestate(header) == ",".join(small)
    header = ",".join([large[0], small[0], large[1], small[1], small[2]])
    assert w3c.parse_tracestate(header) == ",".join([large[0], *small[:3]])


def test_beyond_512_characters_small_members_go_from_the_end():
    """A member of 128 characters is not large; the oldest is at the end and goes."""
    members = [f"k{number}={'v' * 125}" for number in range(5)]
    assert {len(member) for member in members} == {128}
    assert w3c.parse_tracestate(",".join(members)) == ",".join(members[:3])


def test_more_than_8192_characters_are_not_read():
    """8192 characters are read, one more is not."""
    assert w3c.parse_tracestate("a=1".ljust(8192)) == "a=1"
    assert w3c.parse_tracestate("a=1".ljust(8193)) == ""


def test_an_endless_header_costs_nothing():
    """The length is looked at before anything else."""
    header = looking.text("a=1," * (1 << 16))
    assert w3c.parse_tracestate(header) == ""
    assert header.looked == 0


def test_an_invalid_traceparent_takes_tracestate_with_it():
    """Without a place in a trace the vendors' parts mean nothing."""
    assert w3c.extract({"traceparent": VALID.upper(), "tracestate": "a=1"}.get) is None
    assert w3c.extract({"tracestate": "a=1"}.get) is None


def test_an_invalid_tracestate_leaves_traceparent_alone():
    """The trace goes on without the vendors' parts."""
    remote = w3c.extract({"traceparent": VALID, "tracestate": "a=1,b"}.get)
    assert (remote.span_id, remote.tracestate) == ("b7ad6b7169203331", "")


def test_it_is_sent_beside_traceparent(make_span):
    """A span whose trace has one sends both headers, else only the first."""
    assert w3c.inject(make_span(tracestate="a=1,b=2")) == (("traceparent", VALID), ("tracestate", "a=1,b=2"))
    assert w3c.inject(make_span()) == (("traceparent", VALID),)


@given(st.text() | st.text(alphabet="ab0@=,_ \t\n\u00e9", max_size=80))
def test_no_text_makes_it_raise_and_what_comes_out_is_stable(header):
    """What is sent on is printable ASCII, within the limits, and reads as itself."""
    state = w3c.parse_tracestate(header)
    assert w3c.parse_tracestate(state) == state
    assert len(state) <= 512
    assert state.isascii()
    assert state.isprintable()


@given(lists)
def test_valid_lists_go_on_whole(members):
    """Any list by the grammar that is short enough arrives as it was."""
    header = ",".join(f"{key}={value}" for key, value in members)
    if len(header) <= 512:
        assert w3c.parse_tracestate(header) == header


@given(st.lists(st.integers(2, 300), min_size=1, max_size=32))
def test_trimming_keeps_as_much_as_it_may(lengths):
    """Whole members, in order, at most 512 characters; a small one only goes where no large one is left."""
    members = [f"{chr(97 + n // 10)}{n % 10}=".ljust(max(4, length), "v")[:259] for n, length in enumerate(lengths)]
    kept = [member for member in w3c.parse_tracestate(",".join(members)).split(",") if member]
    assert len(",".join(kept)) <= 512
    assert kept == [member for member in members if member in kept]
    small = [member for member in members if len(member) <= 128]
    if len(",".join(members)) <= 512:
        assert kept == members
    elif any(len(member) > 128 for member in kept):
        assert [member for member in kept if len(member) <= 128] == small
    else:
        assert kept == small[: len(kept)]
