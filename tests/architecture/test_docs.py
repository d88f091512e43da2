"""The documents say what the code does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from autotrace.config.settings import TABLE
from autotrace.patching.catalog import parts
from makefile import TARGETS
from pages import DOCS, generator

CHECKOUT = Path(__file__).resolve().parents[2]
PAGES = sorted([*DOCS.glob("*.md"), *CHECKOUT.glob("*.md"), *(CHECKOUT / ".github").glob("*.md")])
pages = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


@pytest.mark.parametrize("name", ["settings.md", "instrumentors.md"])
def test_a_generated_page_is_what_the_code_says(name):
    """Where this fails: python docs/generate.py."""
    assert (DOCS / name).read_text(encoding="utf-8") == generator().PAGES[name]()


def test_every_setting_and_instrumentor_is_documented():
    """None is left out of the tables."""
    settings = (DOCS / "settings.md").read_text(encoding="utf-8")
    instrumentors = (DOCS / "instrumentors.md").read_text(encoding="utf-8")
    assert [setting.name for setting in TABLE if f"| `{setting.name}` |" not in settings] == []
    assert [part.name for part in parts() if f"| `{part.name}` |" not in instrumentors] == []


@pages
def test_links_between_pages_lead_somewhere(page):
    """A file that a page names exists."""
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target


@pages
def test_what_a_page_tells_to_make_can_be_made(page):
    """Each `make X`, in a line of text or in an example, is a target of the Makefile."""
    text = page.read_text(encoding="utf-8")
    assert set(re.findall(r"(?:`|^ {4}|^\$ )make ([a-z-]+)", text, re.MULTILINE)) <= TARGETS


def test_an_editable_install_is_made_in_one_way():
    """`make dev` makes it, and no page, nor the guard of `instrumentors/`, says anything else.

    The guide for authors installs a library of its own, which it calls so.
    """
    guard = (CHECKOUT / "instrumentors" / "__init__.py").read_text(encoding="utf-8")
    texts = {page.name: page.read_text(encoding="utf-8") for page in PAGES} | {"guard": guard}
    assert [
        name for name, text in texts.items() if re.search(r"install (-e|--editable)(?! library )|pip install \.", text)
    ] == []
    telling = [name for name, text in texts.items() if "`make dev`" in text and "editable" in text]
    assert {"CONTRIBUTING.md", "README.md", "architecture.md"} <= set(telling)
    assert "'make dev'" in guard


def test_the_map_for_newcomers_agrees_with_the_architecture():
    """Every room that CONTRIBUTING.md names is one of docs/architecture.md, or a folder of the checkout."""
    text = (CHECKOUT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    rooms = (DOCS / "architecture.md").read_text(encoding="utf-8")
    (section,) = re.findall(r"## Where things are\n(.*?)\n## ", text, re.DOTALL)
    named = [
        name for cell in re.findall(r"^\| (.*?) \|", section, re.MULTILINE) for name in re.findall("`(.*?)`", cell)
    ]
    assert len(named) > 10
    for name in named:
        assert (CHECKOUT / name).exists(), name
        if name.startswith("autotrace/"):
            assert f"`{name.removeprefix('autotrace/')}`" in rooms, name
