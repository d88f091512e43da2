"""Who may know whom: the imports of every module, held against the rules of the house."""

from __future__ import annotations

import ast
import importlib
import re
from pathlib import Path

import pytest

from autotrace.standard import NEEDED

# Where autotrace is installed editable, the two lie side by side.
PACKAGES = [importlib.import_module(name) for name in ("autotrace", "autotrace.instrumentors")]
MODULES = {
    ".".join((package.__name__, *path.relative_to(folder).with_suffix("").parts)).removesuffix(".__init__"): path
    for package in PACKAGES
    for folder in [Path(package.__file__).parent]
    for path in folder.rglob("*.py")
    if "site" not in path.relative_to(folder).parts
}

# room -> the rooms (or modules) that it may import; what is not listed here is not allowed
BASE = {"autotrace", "autotrace.diagnostics", "autotrace.config.paths"}
FAULTS = {"autotrace.faults"}
CONFIG = {"autotrace.config"}
TRACE = BASE | {"autotrace.trace"}
PATCHING = BASE | FAULTS | {"autotrace.patching", "autotrace.trace.context", "autotrace.trace.failure"}
MAY_KNOW = {
    "autotrace": {"autotrace.api"},
    "autotrace.diagnostics": set(),
    "autotrace.faults": {"autotrace.diagnostics"},
    "autotrace.memory": set(),
    "autotrace.notes": set(),
    "autotrace.runs": {"autotrace.notes"},
    "autotrace.signals": set(),
    "autotrace.terminal": set(),
    "autotrace.hidden": {"autotrace.standard"},
    "autotrace.standard": set(),
    "autotrace.bootstrap": {"autotrace.agent", "autotrace.hidden"},
    "autotrace.config": BASE | CONFIG,
    "autotrace.trace": TRACE,
    "autotrace.propagation": TRACE | {"autotrace.propagation"},
    "autotrace.patching": PATCHING,
    "autotrace.conventions": TRACE | {"autotrace.conventions", "autotrace.memory"},
    "autotrace.families": TRACE | PATCHING | {"autotrace.conventions", "autotrace.propagation", "autotrace.families"},
    "autotrace.pipeline": TRACE | FAULTS | {"autotrace.pipeline", "autotrace.patching.model", "autotrace.signals"},
    "autotrace.application": {"autotrace.config.files", "autotrace.config.paths", "autotrace.patching.catalog"},
    "autotrace.export": TRACE | FAULTS | {"autotrace.export", "autotrace.memory", "autotrace.signals"},
    "autotrace.instrumentors": {"autotrace.patching", "autotrace.families"},
    "autotrace.api": TRACE | FAULTS | {"autotrace.families"},
    "autotrace.launch": BASE | CONFIG | {"autotrace.hidden", "autotrace.launch", "autotrace.patching"},
    "autotrace.store": BASE
    | CONFIG
    | {
        "autotrace.patching.catalog",
        "autotrace.patching.versions",
        "autotrace.patching.wellknown",
        "autotrace.runs",
        "autotrace.signals",
        "autotrace.store",
    },
    "autotrace.insights": {"autotrace.insights", "autotrace.store"},
    "autotrace.web": {"autotrace.insights", "autotrace.store", "autotrace.web"},
    "autotrace.cli": BASE
    | {"autotrace.terminal", "autotrace.cli", "autotrace.insights", "autotrace.store", "autotrace.web"},
    "autotrace.doctor": BASE
    | CONFIG
    | {
        "autotrace.doctor",
        "autotrace.export",
        "autotrace.launch",
        "autotrace.notes",
        "autotrace.patching",
        "autotrace.runs",
        "autotrace.signals",
        "autotrace.terminal",
    },
    "autotrace.testing": TRACE
    | PATCHING
    | {
        "autotrace.api",
        "autotrace.config",
        "autotrace.conventions",
        "autotrace.export",
        "autotrace.families",
        "autotrace.instrumentors",
        "autotrace.propagation",
        "autotrace.testing",
    },
    "autotrace.__main__": BASE | {"autotrace.cli", "autotrace.doctor", "autotrace.launch"},
}
LIBRARIES = [  # kafka and redis are also systems, which the conventions name
    "aiohttp",
    "aiosqlite",
    "asyncpg",
    "bottle",
    "celery",
    "cheroot",
    "cherrypy",
    "daphne",
    "django",
    "falcon",
    "fastapi",
    "flask",
    "granian",
    "gunicorn",
    "httpx",
    "hypercorn",
    "kafka-python",
    "aiokafka",
    "confluent",
    "litestar",
    "psycopg",
    "pymysql",
    "pyramid",
    "quart",
    "sqlalchemy",
    "starlette",
    "urllib3",
    "uvicorn",
    "waitress",
    "werkzeug",
]
# What wrapt imports, what the socket's first look for a name does, and what another of these stands upon.
INDIRECT = {"_struct", "encodings.idna", "operator"}
READER = ("autotrace.store", "autotrace.insights", "autotrace.web", "autotrace.cli", "autotrace.__main__")
# What no traced process imports.
OUTSIDE = (*READER, "autotrace.testing")


def imports(path):
    """Return every module that a file imports, wherever in it, except for type checking only."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            node.body = []
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} has a relative import"
            parts = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {part if part in MODULES else node.module for part in parts}
    return found


def room(name, rooms):
    """Return the innermost listed room that a module lies in; the package is no room for what is beneath it."""
    fitting = (known for known in rooms if name == known or (known != "autotrace" and name.startswith(f"{known}.")))
    return max(fitting, key=len, default=None)


def package(name):
    """Return the package of an instrumentor, where its parts have what they share; the instrumentor where it is a module."""
    return ".".join(name.split(".")[:3])


@pytest.mark.parametrize("name", sorted(MODULES))
def test_a_room_knows_only_whom_it_may(name):
    """Agent and wiring know everything on the traced side; nobody else does."""
    if name in ("autotrace.agent", "autotrace.wiring"):
        assert not [known for known in imports(MODULES[name]) if known.startswith(OUTSIDE)]
        return
    allowed = MAY_KNOW[room(name, MAY_KNOW)]
    if name.startswith("autotrace.instrumentors."):
        allowed = allowed | {package(name)}
    for known in imports(MODULES[name]):
        if known.startswith("autotrace"):
            assert room(known, allowed), f"{name} imports {known}"


def walls(path):
    """Return in how many places of a file what passes is caught, and a frame of ours hidden, by hand."""
    handlers = [
        node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.ExceptHandler)
    ]
    return sum(
        ast.unparse(handler.type or handler) == "BaseException" and "hide_frame(error)" in ast.unparse(handler)
        for handler in handlers
    )


def test_the_wall_is_written_in_few_places():
    """Everything else is made by ``patching.wrapping``, or has a ``with hiding_frame`` around what is the program's."""
    found = {name: walls(path) for name, path in MODULES.items()}
    assert {
        name: count for name, count in found.items() if count and not name.startswith("autotrace.families.db.")
    } == {
        "autotrace.families.execution.queues": 3,
        "autotrace.families.http.asgi": 1,
        "autotrace.families.http.wsgi": 1,
        "autotrace.patching.wrapping": 3,
    }
    assert sum(found.values()) <= 10


def test_to_know_the_package_is_to_know_none_of_its_rooms():
    """A list with the package in it allowed everything, once."""
    assert room("autotrace.store.schema", {"autotrace", "autotrace.stor"}) is None
    assert room("autotrace.store.schema", {"autotrace", "autotrace.store"}) == "autotrace.store"
    assert room("autotrace", {"autotrace"}) == "autotrace"


@pytest.mark.parametrize("name", sorted(name for name in MODULES if name.startswith("autotrace.instrumentors.")))
def test_an_instrumentor_is_small_and_speaks_no_convention(name):
    """Under 200 lines, no attribute name, no other library's instrumentor imported, no tracer called."""
    text = MODULES[name].read_text(encoding="utf-8")
    assert text.count("\n") < 200
    attribute = re.compile(
        r"""["'](?:http|url|server|client|db|messaging|network|error|exception|user_agent|rpc)\.[a-z_.]+["']"""
    )
    assert attribute.findall(text) == []
    assert "tracer." not in text
    others = {known for known in imports(MODULES[name]) if known.startswith("autotrace.instrumentors.")}
    assert not [known for known in others if package(known) != package(name)]


@pytest.mark.parametrize("name", sorted(name for name in MODULES if not name.startswith("autotrace.instrumentors")))
def test_outside_the_catalog_no_library_is_named(name):
    """Neither in code nor in prose: what is true for one library belongs into its instrumentor.

    The other table is that of the libraries which have none.
    """
    if name in ("autotrace.patching.catalog", "autotrace.patching.wellknown"):
        return
    text = MODULES[name].read_text(encoding="utf-8")
    assert re.findall(rf"\b({'|'.join(LIBRARIES)})\b", text, re.IGNORECASE) == []
    assert (
        re.findall(r"""[`"']requests\b|\brequests\.[A-Z]|import requests""", text) == []
    )  # else it is an English word


@pytest.mark.parametrize("name", sorted(MODULES))
def test_the_traced_side_needs_nothing_but_what_it_requires(name):
    """The reader side may use what serves it; an instrumentor may import its own library, which is there already."""
    if name.startswith((*OUTSIDE, "autotrace.instrumentors.")):
        return
    import sys

    standard = getattr(sys, "stdlib_module_names", None)
    if standard is None:
        pytest.skip("Python 3.9 does not list its standard library; newer ones hold this rule")
    foreign = {known.partition(".")[0] for known in imports(MODULES[name])} - {"autotrace"} - set(standard)
    assert foreign <= {"wrapt", "importlib_metadata", "sitecustomize", "tomli", "tomllib"}  # tomllib: from 3.11 on


def attributes(path):
    """Return every text in a file that may be the name of an attribute: words with dots between them."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    texts = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    return {text for text in texts if re.fullmatch(r"[a-z_]+(?:\.[a-z_]+)+", text)}


def test_names_of_attributes_stand_in_conventions_only():
    """So that whoever adds or renames one looks into one room; whoever reads them, after they were sent, has to name them."""
    known = set().union(
        *(attributes(path) for name, path in MODULES.items() if name.startswith("autotrace.conventions"))
    )
    assert len(known) >= 60
    for name, path in MODULES.items():
        if not name.startswith((*OUTSIDE, "autotrace.conventions", "autotrace.export.resource")):
            assert not known & attributes(path), name


def test_what_the_traced_side_needs_of_pythons_own_library_is_listed():
    """Else a program with a module of that name would have it executed for our sake."""
    import sys

    known = getattr(sys, "stdlib_module_names", None)
    if known is None:
        pytest.skip("Python 3.9 does not list its standard library; newer ones hold this rule")
    traced = [name for name in MODULES if not name.startswith((*OUTSIDE, "autotrace.doctor", "autotrace.standard"))]
    used = {one for name in traced for one in imports(MODULES[name]) if one.partition(".")[0] in {*known, "tomllib"}}
    used -= {"__future__", "_frozen_importlib", "sqlite3"} | set(sys.builtin_module_names)
    assert used - set(NEEDED) == set()
    assert set(NEEDED) - used - set(sys.builtin_module_names) <= INDIRECT


def test_a_context_variable_is_set_in_one_way():
    """Else it is set while the interpreter is in the middle of setting one: see ``trace.context``."""
    texts = {name: path.read_text(encoding="utf-8") for name, path in MODULES.items()}
    made = {name: re.findall(r"^(\w+)(?::.*)? = ContextVar\(", text, re.MULTILINE) for name, text in texts.items()}
    assert sum(map(len, made.values())) >= 3
    for name, variables in made.items():
        for variable in variables:
            assert f"setter({variable})" in texts[name], variable
            assert not [other for other, text in texts.items() if re.search(rf"\b{variable}\.(re)?set\b", text)], (
                variable
            )


@pytest.mark.parametrize("name", sorted(MODULES))
def test_modules_are_small(name):
    """At most 400 lines; most have a hundred."""
    assert MODULES[name].read_text(encoding="utf-8").count("\n") <= 400
