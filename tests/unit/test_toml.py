"""The small TOML reader for Pythons that have none, held against the standard one."""

from __future__ import annotations

import pytest

from autotrace import toml

try:
    import tomllib
except ImportError:
    import tomli as tomllib

from hypothesis import given
from hypothesis import strategies as st

TEXTS = [
    "",
    "# only a comment\n",
    'a = 1\nb = -2.5\nc = true\nd = "x # y" # comment\n',
    'a = \'C:\\path\'\nb = "tab\\t\\u00e9 \\" end"\n',
    'a = [1, 2, 3]\nb = ["x", "y,z"]\nc = []\n',
    'a = [\n  "x", # first\n  "y",\n]\nb = 2\n',
    'a = {b = 1, c = "d", e = [true]}\n',
    '[t]\nx = 1\n[t.u]\ny = "z"\n',
    'a.b.c = 1\n"quoted key" = 2\n',
    "a = 1_000\nb = 1e3\n",
    'a = "[not an array"\nb = 1\n',
    '[t]\n"a.b" = "c"\n"x=y" = 1\n\'d.e\'.f = 2\n',
]


@pytest.mark.parametrize("text", TEXTS)
def test_reads_what_the_standard_parser_reads(text):
    """Ours and the standard library's give the same."""
    assert toml.parse(text) == tomllib.loads(text)


def test_only_the_table_that_is_asked_for_has_to_be_simple():
    """In a shared file, dates, arrays of tables and strings of several lines of others do no harm."""
    text = (
        "[project]\ndate = 2024-01-01\n[[tool.other]]\nx = 1\n"
        '[tool.autotrace]\nservice_name = "a"\n[tool.autotrace.headers]\nk = "v"\n[tool.black]\nx = """\na\n"""\n'
    )
    assert toml.parse(text, "tool.autotrace") == {"tool": {"autotrace": {"service_name": "a", "headers": {"k": "v"}}}}


@pytest.mark.parametrize(
    "text", ["a", "a = ", "a = [1", 'a = "x', "a = 'x", "a = 1 2", "a = nothing", 'a = "\\q"', "a = [1 2]"]
)
def test_what_is_not_toml_is_a_value_error(text):
    """The standard parser refuses these too."""
    with pytest.raises(ValueError):
        toml.parse(text)
    with pytest.raises(ValueError):
        tomllib.loads(text)


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(text):
    """Nothing but ValueError comes out."""
    try:
        toml.parse(text)
    except ValueError:
        pass


@given(
    st.dictionaries(
        st.from_regex(r"\A[a-z_]{1,8}\Z"),
        st.one_of(
            st.booleans(),
            st.integers(-(2**62), 2**62),
            st.lists(st.integers(0, 99), max_size=3),
            st.from_regex(r"\A[ -!#-\[\]-~]{0,12}\Z"),
        ),
        max_size=5,
    )
)
def test_what_is_written_is_read(content):
    """Simple values survive."""
    lines = []
    for key, value in content.items():
        text = (
            {True: "true", False: "false"}[value]
            if isinstance(value, bool)
            else f'"{value}"'
            if isinstance(value, str)
            else repr(value)
        )
        lines.append(f"{key} = {text}")
    assert toml.parse("\n".join(lines)) == content
