"""The documents say what the code does."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

from autotrace.patching.registry import BUILT_IN
from autotrace.settings import TABLE

CHECKOUT = Path(__file__).resolve().parents[2]
DOCS = CHECKOUT / "docs"


def generator():
    """Load docs/generate.py."""
    spec = importlib.util.spec_from_file_location("docs_generate", DOCS / "generate.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["settings.md", "instrumentors.md"])
def test_a_generated_page_is_what_the_code_says(name):
    """Where this fails: python docs/generate.py."""
    assert (DOCS / name).read_text(encoding="utf-8") == generator().PAGES[name]()


def test_every_setting_and_instrumentor_is_documented():
    """None is left out of the tables."""
    settings = (DOCS / "settings.md").read_text(encoding="utf-8")
    instrumentors = (DOCS / "instrumentors.md").read_text(encoding="utf-8")
    assert [setting.name for setting in TABLE if f"| `{setting.name}` |" not in settings] == []
    assert [known.name for known in BUILT_IN if f"| `{known.name}` |" not in instrumentors] == []


@pytest.mark.parametrize("page", sorted([*DOCS.glob("*.md"), CHECKOUT / "README.md"]), ids=lambda page: page.name)
def test_links_between_pages_lead_somewhere(page):
    """A file that a page names exists."""
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target
