"""The page itself, as far as it can be judged without a browser."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

import autotrace.web

PAGE = Path(autotrace.web.__file__).parent / "page"
SCRIPTS = sorted(PAGE.glob("*.js"))


class Reader(HTMLParser):
    """Collects elements and their attributes."""

    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))


def test_what_the_page_names_is_served(ask):
    """Style and script, each with its type; nothing from anywhere else, nothing inline."""
    answer = ask("/")
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    page = Reader()
    page.feed(answer.body.decode())
    named = [one.get("src") or one.get("href") for tag, one in page.found if tag in {"script", "link"}]
    assert sorted(named) == ["/app.js", "/style.css", "data:,"]
    assert ask("/app.js").headers["Content-Type"].startswith("text/javascript")
    assert ask("/style.css").headers["Content-Type"].startswith("text/css")
    assert not [one for _, one in page.found if any(key == "style" or key.startswith("on") for key in one)]


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_scripts_import_what_there_is(ask, script):
    """Every import is a file of the page, and every name in it is exported there."""
    for names, file in re.findall(r'import \{([^}]+)\} from "\./([^"]+)"', script.read_text(encoding="utf-8")):
        other = ask(f"/{file}").body.decode()
        for name in names.split(","):
            assert re.search(rf"export (?:async )?(?:function|const) {name.strip()}\b", other), (file, name)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_foreign_text_never_becomes_markup(script):
    """A span may be called <script>: texts become text nodes, and nothing is loaded from elsewhere."""
    text = script.read_text(encoding="utf-8")
    forbidden = (
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "eval(",
        "new Function",
        'setTimeout("',
    )
    assert [word for word in forbidden if word in text] == []
    assert re.findall(r"https?://(?!www\.w3\.org/2000/svg)", text) == []


def test_the_style_loads_nothing():
    """No font, no picture, no sheet from elsewhere."""
    text = (PAGE / "style.css").read_text(encoding="utf-8")
    assert "@import" not in text
    assert "url(" not in text
