"""``traceparent``: each rule of W3C Trace Context, and whatever else may stand in a header."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autotrace.propagation import w3c

TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
SPAN_ID = "b7ad6b7169203331"
VALID = f"00-{TRACE_ID}-{SPAN_ID}-01"

identifiers = st.tuples(st.integers(1, (1 << 128) - 1), st.integers(1, (1 << 64) - 1), st.integers(0, 255))


def test_a_valid_header_is_read():
    """All four fields of a version 00 header arrive."""
    remote = w3c.parse_traceparent(VALID)
    assert (remote.trace_id, remote.span_id, remote.flags) == (TRACE_ID, SPAN_ID, 1)
    assert (remote.tracestate, remote.baggage) == ("", "")


@pytest.mark.parametrize(
    ("flags", "kept"),
    [("00", 0), ("01", 1), ("02", 2), ("03", 3), ("04", 0), ("fd", 1), ("ff", 3), ("09", 1)],
)
def test_only_the_two_known_flags_are_kept(flags, kept):
    """Sampled and random-trace-id stay, all other bits are zero from here on."""
    assert w3c.parse_traceparent(f"00-{TRACE_ID}-{SPAN_ID}-{flags}").flags == kept


def test_other_flags_are_zero_when_sent_on(enter):
    """A header with all flags set goes on with the two known ones."""
    remote = w3c.parse_traceparent(f"00-{TRACE_ID}-{SPAN_ID}-ff")
    assert w3c.inject(enter(remote)) == (("traceparent", f"00-{TRACE_ID}-00000000000000ff-03"),)


@pytest.mark.parametrize(
    "header",
    [
        pytest.param(f"ff-{TRACE_ID}-{SPAN_ID}-01", id="version-ff"),
        pytest.param(f"ff-{TRACE_ID}-{SPAN_ID}-01-more", id="version-ff-longer"),
        pytest.param(f"0-{TRACE_ID}-{SPAN_ID}-01", id="version-short"),
        pytest.param(f"0g-{TRACE_ID}-{SPAN_ID}-01", id="version-not-hex"),
        pytest.param(f"FE-{TRACE_ID}-{SPAN_ID}-01", id="version-uppercase"),
        pytest.param(f"00-{TRACE_ID.upper()}-{SPAN_ID}-01", id="trace-id-uppercase"),
        pytest.param(f"00-{TRACE_ID}-{SPAN_ID.upper()}-01", id="span-id-uppercase"),
        pytest.param(f"00-{TRACE_ID}-{SPAN_ID}-0A", id="flags-uppercase"),
        pytest.param(f"00-{'0' * 32}-{SPAN_ID}-01", id="trace-id-zero"),
        pytest.param(f"00-{TRACE_ID}-{'0' * 16}-01", id="span-id-zero"),
        pytest.param(f"00-{TRACE_ID[:-1]}-{SPAN_ID}-01", id="trace-id-short"),
        pytest.param(f"00-{TRACE_ID}0-{SPAN_ID}-01", id="trace-id-long"),
        pytest.param(f"00-{TRACE_ID}-{SPAN_ID}-1", id="flags-short"),
        pytest.param(f"00-{TRACE_ID}-{SPAN_ID}-0.", id="flags-not-hex"),
        pytest.param(f"00-{TRACE_ID}-{SPAN_ID}", id="flags-missing"),
        pytest.param(f"00-{TRACE_ID}-{SPAN_ID}-", id="flags-empty"),
        pytest.param(f"00-{TRACE_ID}-{SPAN_ID}-01-", id="00-with-hyphen"),
        pytest.param(f"00-{TRACE_ID}-{SPAN_ID}-01-more", id="00-with-trailing-data"),
        pytest.param(f"00-{TRACE_ID}-{SPAN_ID}-01.", id="00-with-dot"),
        pytest.param(f"01-{TRACE_ID}-{SPAN_ID}-01.more", id="later-version-without-hyphen"),
        pytest.param(f"01-{TRACE_ID}-{SPAN_ID}-012", id="later-version-long-flags"),
        pytest.param(f"00_{TRACE_ID}_{SPAN_ID}_01", id="other-delimiter"),
        pytest.param(f"00-{TRACE_ID[:-1]}-{SPAN_ID}-001", id="delimiters-shifted"),
        pytest.param(f"00-{TRACE_ID[:-2]}_1-{SPAN_ID}-01", id="underscore-as-int-allows"),
        pytest.param(f"00-+{TRACE_ID[1:]}-{SPAN_ID}-01", id="sign-as-int-allows"),
        pytest.param(f"00-{TRACE_ID[:-1]}٣-{SPAN_ID}-01", id="digit-of-another-script"),
        pytest.param(f"{VALID},{VALID}", id="two-lines-joined"),
        pytest.param(f"{VALID}\n", id="line-feed"),
        pytest.param(f"\u00a0{VALID}", id="no-break-space"),
        pytest.param("", id="empty"),
        pytest.param("-" * 55, id="hyphens"),
        pytest.param("\udc80" * 55, id="surrogates"),
    ],
)
def test_an_invalid_header_is_ignored(header):
    """What breaks any rule of the format is as good as absent."""
    assert w3c.parse_traceparent(header) is None


@pytest.mark.parametrize("header", [f" {VALID}", f"{VALID} ", f"\t {VALID}\t "])
def test_optional_whitespace_around_is_no_part_of_it(header):
    """Spaces and tabs around a value are the transport's (RFC 9110, section 5.5)."""
    assert w3c.parse_traceparent(header).span_id == SPAN_ID


@pytest.mark.parametrize("version", ["01", "02", "cc", "fe"])
@pytest.mark.parametrize("rest", ["", "-", "-what-the-future-will-be-like"])
def test_a_later_version_is_read_as_far_as_it_is_known_and_sent_on_as_00(version, rest, enter):
    """The first 55 characters count if the value ends there or goes on with a hyphen."""
    remote = w3c.parse_traceparent(f"{version}-{TRACE_ID}-{SPAN_ID}-01{rest}")
    assert (remote.trace_id, remote.span_id, remote.flags) == (TRACE_ID, SPAN_ID, 1)
    assert w3c.inject(enter(remote))[0][1].startswith(f"00-{TRACE_ID}-")


def test_more_than_512_characters_are_ignored():
    """512 characters of a later version are read, one more is not."""
    start = f"01-{TRACE_ID}-{SPAN_ID}-01-"
    assert w3c.parse_traceparent(start.ljust(512, "x")) is not None
    assert w3c.parse_traceparent(start.ljust(513, "x")) is None
    assert w3c.parse_traceparent(VALID + " " * 500) is None


@given(st.text() | st.text(alphabet="0123456789abcdefABCDEF- \t\n_+", min_size=50, max_size=60))
def test_no_text_makes_it_raise(header):
    """Whatever stands in the header, the answer is a valid place in a trace or None."""
    remote = w3c.parse_traceparent(header)
    if remote is not None:
        assert int(remote.trace_id, 16)
        assert int(remote.span_id, 16)
        assert (len(remote.trace_id), len(remote.span_id)) == (32, 16)


@given(identifiers)
def test_what_is_sent_is_read_again(make_span, ids):
    """Sending a span and receiving it gives the same identifiers and the known flags."""
    trace, parent, flags = ids
    span = make_span(f"{trace:032x}", f"{parent:016x}", flags & 3)
    remote = w3c.extract(dict(w3c.inject(span)).get)
    assert (remote.trace_id, remote.span_id, remote.flags) == (span.trace.trace_id, span.span_id, flags & 3)


@given(st.integers(0, 54), st.characters())
def test_one_wrong_character_is_noticed(position, character):
    """No character but a lowercase hexadecimal digit may replace a digit, and none a hyphen."""
    header = VALID[:position] + character + VALID[position + 1 :]
    harmless = character in "0123456789abcdef" and VALID[position] != "-" and not header.startswith("ff")
    accepted = w3c.parse_traceparent(header) is not None
    assert accepted == (harmless or header == VALID)
