"""Comparing two runs of somebody's test suite, test by test."""

from __future__ import annotations

import json
import subprocess
import sys
import tarfile
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

import checkout  # noqa: F401 - transparency.running imports the benchmarks
from autotrace.export import DELIVERED
from autotrace.export.inbox.writer import Inbox
from autotrace.signals import TRACES
from services.shared import Services
from transparency import running
from transparency.comparing import ENDS, Outcome, compare, outcomes
from transparency.libraries import BY_NAME, LIBRARIES, Library
from transparency.report import Row, page, table
from transparency.running import Suite, _add
from transparency.trees import requests_in, spans_in
from unit.export.making import settings


def report(**tests):
    """Return a JUnit report of tests that are called so and ended so."""
    tags = {
        "passed": "",
        "failed": "<failure message='no'/>",
        "skipped": "<skipped/>",
        "error": "<error message='oh'/>",
    }
    cases = "".join(
        f"<testcase classname='tests.test_it' name='{name}'>{tags[end]}</testcase>" for name, end in tests.items()
    )
    return f"<testsuites><testsuite>{cases}</testsuite></testsuites>"


def run(**tests):
    return outcomes(report(**tests))


def test_a_difference_is_what_all_runs_agree_in():
    """What differs between bare runs, or between traced ones, is unsteady."""
    bare = [
        run(same="passed", ours="passed", flaky="passed", once="passed"),
        run(same="passed", ours="passed", flaky="failed"),
    ]
    traced = [run(same="passed", ours="failed", flaky="failed", once="failed"), run(once="passed", ours="failed")]
    found = compare(bare, traced)
    assert (found.tests, found.passed) == (4, 4)
    assert found.unsteady == {"tests.test_it::flaky", "tests.test_it::once"}
    assert set(found.differences) == found.defects == {"tests.test_it::ours"}


@pytest.mark.parametrize("end", ["failed", "error", "skipped"])
def test_every_other_end_is_a_difference(end):
    """A test that is skipped only under autotrace is hidden, not well."""
    assert compare([run(it="passed")], [run(it=end)]).defects


def test_a_test_that_is_not_there_is_a_difference():
    """In either run."""
    assert compare([run(it="passed")], [{}]).defects
    assert compare([{}], [run(it="passed")]).defects


def test_what_is_gone_without_propagation_is_told_apart():
    """An added header is what tracing is; nothing else is excused by it."""
    found = compare([run(header="passed", ours="passed")], [run(header="failed", ours="failed")])
    found.without_headers(run(header="passed", ours="failed"))
    assert found.by_header == {"tests.test_it::header"}
    assert found.defects == {"tests.test_it::ours"}


def test_numbers_that_vary_are_blanked_out():
    """Addresses and ports in the names of tests; two tests that are then called the same are counted."""
    first = outcomes(
        "<a><testcase classname='t' name='x[0x7f01-:8081]'/><testcase classname='t' name='x[0x7f02-:9]'/></a>"
    )
    second = outcomes(
        "<a><testcase classname='t' name='x[0x8a01-:5999]'/><testcase classname='t' name='x[0x8a02-:9]'/></a>"
    )
    assert first.keys() == second.keys()
    assert len(first) == 2


def test_a_report_keeps_the_lines_of_what_did_not_run():
    """The page's own text stays, a library's line is replaced, its order is the table's."""
    before = "text\n<!-- report -->\n| flask 1.0 | 3.9 | then | 1 |\n| requests 1.0 | 3.9 | then | 2 |\n<!-- end of the report -->\nmore\n"
    row = Row(BY_NAME["flask"], "3.1.3", compare([run(it="passed")], [run(it="passed")]), 7, {"faults": {"flask": 2}})
    after = page(before, [row], "3.11", "today")
    assert "| flask 3.1.3 | 3.11 | today | 1 | 1 | 0 | 0 | 0 | 7 | 2 |" in after
    assert "| requests 1.0 | 3.9 | then | 2 |" in after
    assert "flask 1.0" not in after
    assert (after.startswith("text\n"), after.endswith("\nmore\n")) == (True, True)
    assert after.index("requests 1.0") < after.index("flask 3.1.3")
    assert page(after, [row], "3.11", "today") == after
    gone = Row(BY_NAME["flask"], failure="no network")
    assert "did not run: no network" in table([gone])
    assert page(after, [gone], "3.11", "tomorrow") == after


def test_every_library_is_named_once():
    """And has tests to run."""
    assert len(BY_NAME) == len(LIBRARIES)
    assert all(library.paths for library in LIBRARIES)


def test_a_suite_that_may_run_apart_is_split_by_the_length_of_its_files(tmp_path):
    """Each file is in one part, what is ignored in none; a library that does not allow it stays whole."""
    library = BY_NAME["urllib3"]
    suite = Suite(library, tmp_path, "python", tmp_path / "wheel", jobs=3)
    folder = suite._tree = tmp_path / "sources"
    sizes = {"test/test_a.py": 50, "test/deep/test_b.py": 30, "test/test_c.py": 30, "test/test_d.py": 10}
    for name, size in {**sizes, "test/contrib/emscripten/test_e.py": 70, "test/helper.py": 70}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("#" * size)
    assert suite._parts(["test"]) == [["test/test_a.py"], ["test/deep/test_b.py", "test/test_d.py"], ["test/test_c.py"]]
    assert suite._parts(["test/test_c.py"]) == [["test/test_c.py"]]
    whole = Suite(BY_NAME["flask"], tmp_path, "python", tmp_path / "wheel", jobs=3)
    assert whole._parts(["tests"]) == [["tests"]]


def test_what_autotrace_said_in_the_processes_of_one_run_is_added_up():
    """Faults are counted together, messages stand one after the other."""
    said = {}
    _add(said, {"faults": {"urllib3": 1}, "messages": ["one"]})
    _add(said, {})
    _add(said, {"faults": {"urllib3": 2, "threads": 1}, "messages": ["two"]})
    assert said == {"faults": {"urllib3": 3, "threads": 1}, "messages": ["one", "two"]}


def session(tmp_path, code):
    """Run a stand-in for pytest that is told where its report goes; returns what is known of its tests."""
    python = tmp_path / "python"
    python.write_text(
        f"#!{sys.executable}\nimport sys, threading\nreport = sys.argv[sys.argv.index('--junitxml') + 1]\n{code}"
    )
    python.chmod(0o755)
    suite = SimpleNamespace(library=BY_NAME["flask"], python=python, tree=tmp_path)
    begun = running._Session(suite, tmp_path / "run", ["tests"], False, "", {})
    try:
        return begun.outcomes(time.monotonic() + 60)
    finally:
        begun.end()


def test_the_spans_of_a_run_are_counted_in_what_the_writer_writes(tmp_path):
    """In all of its files, however many requests they hold."""
    span = {"name": "x", "kind": 1}
    scopes = [{"scope": {"name": "a"}, "spans": [span, span]}, {"scope": {"name": "b"}, "spans": [span]}]
    request = ExportTraceServiceRequest(resource_spans=[{"scope_spans": scopes}]).SerializeToString()
    assert spans_in(tmp_path / "inbox") == 0
    for _ in range(2):
        inbox = Inbox(settings(data_dir=str(tmp_path)))
        for _ in range(2):
            assert inbox.export(TRACES, request, time.monotonic() + 10) is DELIVERED
        inbox.close()
    assert spans_in(tmp_path / "inbox") == 12


def test_the_spans_of_each_request_are_counted(tmp_path):
    """Its own and all beneath it, up to the next request; what is beneath none is counted for none."""

    def span(number, parent=0, kind=1, trace=1):
        return {
            "trace_id": bytes([trace] * 16),
            "span_id": bytes([number] * 8),
            "parent_span_id": bytes([parent] * 8) if parent else b"",
            "name": "x",
            "kind": kind,
            "start_time_unix_nano": 1,
            "flags": 257,
        }

    spans = [
        span(3, 2),
        span(2, 1, kind=2),
        span(1, kind=3),
        span(4, 3),
        span(5, 3, kind=2),
        span(6, 5),
        span(7, 9, kind=2),
    ]
    spans += [span(2, 1, trace=2), span(1, trace=2)]
    request = ExportTraceServiceRequest(resource_spans=[{"scope_spans": [{"spans": spans}]}]).SerializeToString()
    inbox = Inbox(settings(data_dir=str(tmp_path)))
    assert inbox.export(TRACES, request, time.monotonic() + 10) is DELIVERED
    inbox.close()
    assert requests_in(tmp_path / "inbox") == [1, 2, 3]


@pytest.mark.process
@pytest.mark.parametrize(("after", "kind"), [("", "passed"), ("threading.Event().wait()", "failed")])
def test_whether_the_process_ends_is_compared_like_a_test(tmp_path, monkeypatch, after, kind):
    """Who has written its report and still runs is not waited for."""
    monkeypatch.setattr(running, "_END", 2)
    found = session(
        tmp_path,
        f"import os\nopen(report + '.new', 'w').write({report(it='passed')!r})\nos.rename(report + '.new', report)\n{after}\n",
    )
    assert {name: outcome.kind for name, outcome in found.items()} == {
        "tests.test_it::it": "passed",
        f"tests::{ENDS}": kind,
    }
    difference = compare([{**found, f"tests::{ENDS}": Outcome("passed")}], [found])
    assert (difference.tests, bool(difference.defects)) == (1, kind == "failed")


@pytest.mark.process
def test_a_process_that_leaves_no_report_is_said_so(tmp_path):
    """With its exit code."""
    with pytest.raises(running.SuiteError, match="ended with 3 and left no report"):
        session(tmp_path, "sys.exit(3)\n")


class Acme:
    """A service that runs at once, under another address each time."""

    starts = stops = 0

    def start(self):
        Acme.starts += 1
        self.address = f"127.0.0.1:{9000 + Acme.starts}"

    def stop(self):
        Acme.stops += 1


RUNNER = f"""\
import json, os, sys
open(os.environ["TRANSPARENCY_REPORT"] + ".part", "w").write({report(it="passed")!r})
print(json.dumps([os.getcwd(), sys.argv[1:], os.environ["ACME"], open("port").read()]))
os.rename(os.environ["TRANSPARENCY_REPORT"] + ".part", os.environ["TRANSPARENCY_REPORT"])
"""


@pytest.mark.process
def test_a_suite_is_given_its_services_anew_in_each_run(tmp_path):
    """They run when its first program does; a runner of its own stands where the row says, and takes modules."""
    library = Library(
        "acme",
        "1.0",
        paths=("one", "two/test_it.py"),
        services=("acme",),
        environ=(("ACME", "{acme.host} {acme.port}"),),
        before="import os; open('tests/port', 'w').write(os.environ['ACME'].split()[1])",
        runner=("run.py", "--quick"),
        within="tests",
    )
    suite = Suite(library, tmp_path, "python", tmp_path / "wheel", services=lambda: Services({"acme": Acme}))
    suite.python, suite._tree = Path(sys.executable), tmp_path / "sources"
    (suite._tree / "tests").mkdir(parents=True)
    (suite._tree / "tests" / "run.py").write_text(RUNNER)
    for number in (1, 2):
        assert suite.run(traced=False).outcomes["tests.test_it::it"].kind == "passed"
        said = json.loads((tmp_path / "acme" / f"run{number}" / "1" / "log").read_text())
        port = str(9000 + number)
        assert said == [str(suite.tree / "tests"), ["--quick", "one", "two.test_it"], f"127.0.0.1 {port}", port]
        assert (Acme.starts, Acme.stops) == (number, number)


@pytest.mark.process
def test_a_suite_in_which_nothing_passes_did_not_run(tmp_path):
    """That its process ends is no test of its own."""
    suite = Suite(Library("acme", "1.0", runner=("run.py",)), tmp_path, "python", tmp_path / "wheel")
    suite.python, suite._tree = Path(sys.executable), tmp_path / "sources"
    suite._tree.mkdir()
    program = f"import os; open(os.environ['TRANSPARENCY_REPORT'], 'w').write({report(it='error')!r})"
    (suite._tree / "run.py").write_text(program)
    with pytest.raises(running.SuiteError, match="no test of acme passes"):
        suite.run(traced=False)


@pytest.mark.process
def test_the_sources_come_from_a_clone_at_the_tag_where_only_the_repository_has_tests(tmp_path):
    """Without a clone the row says what is wanted."""
    library = Library("acme", "1.0", tag="v1.0")
    sources = tmp_path / "sources"
    with pytest.raises(running.SuiteError, match=r"--checkouts names a folder with a clone .* called acme"):
        Suite(library, tmp_path / "a", "python", tmp_path / "wheel")._archive(sources)
    clone = tmp_path / "clones" / "acme"
    clone.mkdir(parents=True)
    (clone / "test_it.py").write_text("tagged")
    git = ("git", "-C", str(clone), "-c", "user.name=a", "-c", "user.email=a@example.com")
    for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "one"], ["tag", "v1.0"]):
        subprocess.run([*git, *command], check=True)
    (clone / "test_it.py").write_text("newer")
    suite = Suite(library, tmp_path / "b", "python", tmp_path / "wheel", checkouts=tmp_path / "clones")
    with tarfile.open(suite._archive(sources)) as archive:
        assert archive.extractfile("acme-1.0/test_it.py").read() == b"tagged"
