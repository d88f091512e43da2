"""What was found, as text that grows and as one document."""

from __future__ import annotations

from autotrace.doctor.telling import Text, document

ROWS = [
    {"name": "flask", "family": "servers", "state": "installed", "why": "", "version": "3.1", "part": "flask"},
    {"name": "aio", "family": "servers", "state": "installed", "why": "", "version": "1.0", "part": "aio"},
    {"name": "sqlite3", "family": "databases", "state": "installed", "why": "", "version": "", "part": ""},
    {"name": "redis", "family": "databases", "state": "off", "why": "switched off", "version": "", "part": "redis"},
    {"name": "pika", "family": "messages", "state": "not installed", "why": "", "version": "", "part": "pika"},
]
PYTHON = {
    "version": "3.13.0",
    "executable": "/bin/python",
    "autotrace": "1",
    "running": True,
    "agents": {"Other": "running"},
}


def became(row, state):
    """Return the fact that a library was imported."""
    return "instrumentor", {**ROWS[row], "state": state}


FACTS = [
    ("autotrace", "1.0"),
    ("command", {"words": ["python", "app.py"], "file": "/bin/python", "python": "/bin/python", "flags": ""}),
    ("file", "/home/autotrace.toml"),
    ("setting", {"name": "enabled", "value": True, "source": "AUTOTRACE_ENABLED"}),
    ("setting", {"name": "exporters", "value": ["inbox", "otlp"], "source": "/home/autotrace.toml"}),
    ("setting", {"name": "headers", "value": {"key": "***"}, "source": "/home/autotrace.toml"}),
    ("setting", {"name": "timeout_ms", "value": 1, "source": ""}),
    ("sink", {"name": "inbox", "place": "/data", "ok": True, "text": "writable"}),
    ("python", {**PYTHON, "instrumentors": ROWS}),
    became(2, "on"),
    became(0, "on"),
    ("warning", "something"),
    became(1, "not installed"),
    ("left", ["class a.B"]),
    ("problem", "something else"),
]


def test_each_fact_gives_its_lines_at_once():
    """A family is told as soon as nothing of it is awaited any more."""
    text = Text()
    assert [list(text.lines(*fact)) for fact in FACTS] == [
        ["autotrace   1.0"],
        ["command     python app.py"],
        [],
        ["setting     enabled = true (AUTOTRACE_ENABLED)"],
        ["setting     exporters = inbox,otlp (/home/autotrace.toml)"],
        ["setting     headers = key=*** (/home/autotrace.toml)"],
        [],
        ["sink        inbox, /data, writable"],
        [
            "python      Python 3.13.0, /bin/python: traced",
            "agent       Other is running",
            "off         redis",
            "absent      pika",
        ],
        ["traced      databases: sqlite3"],
        [],
        ["warning     something"],
        ["traced      servers: flask 3.1"],
        [],
        ["problem     something else"],
    ]
    assert list(text.rest()) == ["absent      aio"]
    assert text.problems == 1


def test_what_is_absent_is_told_by_libraries():
    """All parts of one that is not there are one word; what a library that is there has not is told by its own name."""
    parts = [("celery", "celery"), ("celery_beat", "celery"), ("uvicorn_zttp", "uvicorn"), ("signals", "")]
    rows = [{**ROWS[4], "name": name, "part": part} for name, part in parts]
    rows.append({**ROWS[0], "name": "uvicorn", "part": "uvicorn"})
    lines = list(Text().lines("python", {**PYTHON, "instrumentors": rows}))
    assert lines[-1] == "absent      celery, uvicorn_zttp, signals"


def test_a_python_that_did_not_answer():
    """Its path is all there is."""
    assert list(Text().lines("python", {"executable": "/bin/python"})) == ["python      /bin/python: not traced"]
    assert list(Text().rest()) == []


def test_the_document_has_everything():
    """In the order of the table, whatever came first; its shape is a promise."""
    found = document(FACTS)
    assert list(found) == ["autotrace", "settings", "file", "problems", "warnings", "sinks", "command", "python"]
    assert (found["autotrace"], found["file"]) == ("1.0", "/home/autotrace.toml")
    assert found["command"]["words"] == ["python", "app.py"]
    assert [setting["name"] for setting in found["settings"]] == ["enabled", "exporters", "headers", "timeout_ms"]
    assert (found["problems"], found["warnings"]) == (["something else"], ["something"])
    assert found["sinks"] == [{"name": "inbox", "place": "/data", "ok": True, "text": "writable"}]
    rows = found["python"].pop("instrumentors")
    assert found["python"] == {**PYTHON, "left": ["class a.B"]}
    assert rows[0] == {"name": "flask", "family": "servers", "state": "on", "why": "", "version": "3.1"}
    assert [(row["name"], row["state"]) for row in rows] == [
        ("flask", "on"),
        ("aio", "not installed"),
        ("sqlite3", "on"),
        ("redis", "off"),
        ("pika", "not installed"),
    ]


def test_the_document_of_nothing():
    """A command that is not there has no Python."""
    found = document([("autotrace", "1.0"), ("problem", "x: command not found")])
    assert (found["python"], found["command"], found["problems"]) == ({}, {}, ["x: command not found"])
