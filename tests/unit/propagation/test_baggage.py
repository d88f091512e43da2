"""``baggage``: grammar, limits, and that it goes on as it came."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

import looking
from autotrace.propagation import baggage

tokens = st.text(st.sampled_from("abcXYZ019!#$%&'*+-.^_`|~"), min_size=1, max_size=10)
octets = st.text(
    st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters='",;\\'),
    max_size=20,
)
properties = st.builds(lambda key, value: key if value is None else f"{key}={value}", tokens, st.none() | octets)
members = st.builds(
    lambda key, value, more: ";".join([f"{key}={value}", *more]), tokens, octets, st.lists(properties, max_size=3)
)


@pytest.mark.parametrize(
    "header",
    [
        pytest.param("userId=alice", id="one"),
        pytest.param("userId=alice,serverNode=DF%2028,isProduction=false", id="three"),
        pytest.param(
            "key1=value1;property1;property2,key2=value2,key3=value3;propertyKey=propertyValue", id="properties"
        ),
        pytest.param("k=%E2%98%83+%zz", id="percent-encoding-as-it-came"),
        pytest.param("k=a=b==", id="equals-in-value"),
        pytest.param("k=", id="empty-value"),
        pytest.param("k=v;p=", id="empty-property-value"),
        pytest.param("!#$%&'*+-.^_`|~aZ09=v", id="all-token-characters"),
        pytest.param("k=!#$%&'()*+-./0:<=>?@A[]^_`a{|}~", id="all-value-characters"),
        pytest.param("k=1,k=2,k=1", id="duplicates-in-order"),
    ],
)
def test_a_valid_header_goes_on_as_it_is(header):
    """Nothing is decoded, encoded, joined or put in another order."""
    assert baggage.parse(header) == header


def test_optional_whitespace_is_not_sent_on():
    """Spaces and tabs around every delimiter belong to the sender's style."""
    header = " key1 =\tvalue1 ; property1; p2 = v2 \t, key2 = value2 ,, \t,key3=value3 "
    assert baggage.parse(header) == "key1=value1;property1;p2=v2,key2=value2,key3=value3"


@pytest.mark.parametrize(
    "member",
    [
        pytest.param("k", id="no-equals"),
        pytest.param("=v", id="no-key"),
        pytest.param("k;p=v", id="equals-only-in-property"),
        pytest.param("k k=v", id="space-in-key"),
        pytest.param("k(=v", id="no-token"),
        pytest.param("k=a b", id="space-in-value"),
        pytest.param('k="v"', id="quotes"),
        pytest.param("k=a\\b", id="backslash"),
        pytest.param("k=v;", id="empty-property"),
        pytest.param("k=v;=p", id="property-without-key"),
        pytest.param("k=v;p q", id="space-in-property"),
        pytest.param("k=v;p=q r", id="space-in-property-value"),
        pytest.param("k=caf\u00e9", id="not-ascii"),
        pytest.param("caf\u00e9=v", id="key-not-ascii"),
        pytest.param("k=\udcff", id="surrogate"),
        pytest.param("k=v\r\nset-cookie: a=b", id="another-header"),
        pytest.param("k=\x00", id="control-character"),
        pytest.param("k=\x7f", id="delete"),
        pytest.param("k\u2003=v", id="wide-space"),
    ],
)
def test_an_invalid_member_is_left_out_and_the_others_stay(member):
    """One bad member does not cost the rest."""
    assert baggage.parse(member) == ""
    assert baggage.parse(f"a=1,{member},b=2") == "a=1,b=2"


def test_64_members_of_8192_bytes_are_carried():
    """What the specification demands goes on whole."""
    header = ",".join(f"k{number:02}={'v' * 123}" for number in range(64)) + "v"
    assert len(header) == 8192
    assert baggage.parse(header) == header


def test_beyond_8192_bytes_whole_members_go_from_the_end():
    """The member that crosses the limit goes, and all behind it."""
    members = [f"k{number:02}={'v' * 1018}" for number in range(9)]
    assert len(",".join(members[:8])) == 8183
    assert baggage.parse(",".join(members)) == ",".join(members[:8])
    fits = [*members[:8], "a=bcdefg"]
    assert len(",".join(fits)) == 8192
    assert baggage.parse(",".join(fits)) == ",".join(fits)
    assert baggage.parse(",".join([*fits, "z=1"])) == ",".join(fits)
    assert baggage.parse(",".join([*members[:8], "a=bcdefgh", "z=1"])) == ",".join(members[:8])


def test_beyond_180_members_the_rest_goes():
    """180 members are carried, empty ones not counted."""
    members = [f"k{number}=v" for number in range(181)]
    assert baggage.parse(",,".join(members[:180])) == ",".join(members[:180])
    assert baggage.parse(",".join(members)) == ",".join(members[:180])


def test_a_member_of_more_than_4096_bytes_goes_alone():
    """The others stay, also those behind it."""
    longest = f"k={'v' * 4094}"
    assert baggage.parse(f"a=1,{longest},b=2") == f"a=1,{longest},b=2"
    assert baggage.parse(f"a=1,{longest}v,b=2") == "a=1,b=2"


def test_one_member_of_any_length_is_dropped():
    """Where there is no whole member within the limit, there is no baggage."""
    assert baggage.parse("k=" + "v" * 100_000) == ""


@pytest.mark.parametrize("text", ["a=1,", ",", "a", ";", "k=v;p", " ", "k=" + "v" * 4095 + ","])
def test_an_endless_header_costs_little(text):
    """Only what is within the limit is looked at."""
    header = looking.text(text * ((1 << 18) // len(text)))
    assert len(baggage.parse(header)) <= 8192
    assert header.looked <= 12 * 8192


def test_it_is_sent_if_there_is_any(make_span):
    """A trace with baggage sends the header, one without does not."""
    assert baggage.inject(make_span(baggage="a=1;p,b=2")) == (("baggage", "a=1;p,b=2"),)
    assert baggage.inject(make_span()) == ()


@given(st.text() | st.text(alphabet='ab%=;, \t\n\\"\u00e9', max_size=80))
def test_no_text_makes_it_raise_and_what_comes_out_is_stable(header):
    """What is sent on is printable ASCII without spaces, and reads as itself."""
    entries = baggage.parse(header)
    assert baggage.parse(entries) == entries
    assert entries.isascii()
    assert entries.isprintable()
    assert " " not in entries


@given(st.lists(members, max_size=20))
def test_valid_lists_go_on_whole(entries):
    """Any list by the grammar arrives as it was."""
    header = ",".join(entries)
    assert baggage.parse(header) == header
