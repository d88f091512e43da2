"""Libraries are imported side by side; one that does not answer is named, and keeps nobody waiting."""

from __future__ import annotations

import os
import sys

import pytest

from autotrace.doctor.child import Child, NoAnswerError, SlowError
from autotrace.doctor.parts import look

SCRIPT = """
import json, os, sys, time
def tell(answer):
    print("noise" + sys.argv[1] + json.dumps(answer), flush=True)
print("a library may say something, too")
tell("here")
for question in sys.stdin:
    what, _, name = question.strip().partition(" ")
    if name.startswith("ends"):
        os._exit(3)
    if name.startswith("dies"):
        os.kill(os.getpid(), 9)
    if name.startswith("hangs"):
        sys.stdin.read()
    if name.startswith("meets"):
        _, many, place = name.split(" ")
        open(os.path.join(place, str(os.getpid())), "w").close()
        while len(os.listdir(place)) < int(many):
            time.sleep(0.01)
    tell({"state": "on", "why": str(os.getpid())} if what == "import" else [what])
"""
LONG = 60.0  # s; what answers at all does so in less


class Started:
    """Starts children, and remembers them."""

    def __init__(self):
        self.children = []

    def __call__(self):
        """Start one."""
        self.children.append(Child([sys.executable, "-c", SCRIPT], os.environ))
        return self.children[-1]

    def first(self):
        """Start one that has said that it is there."""
        child = self()
        assert child.answer(LONG) == "here"
        return child


@pytest.fixture
def started():
    """The children of one test; they are ended with it."""
    children = Started()
    yield children
    for child in children.children:
        child.end()


def told(started, names, patience=LONG, cores=1):
    """Return what becomes of libraries, each a part of its own."""
    facts = []
    look([{"name": name, "part": name} for name in names], started.first(), started, facts.append, patience, cores)
    return facts


def states(facts):
    """Return the state of each library, in the order in which they were told."""
    return [(fact["name"], fact["state"]) for kind, fact in facts if kind == "instrumentor"]


def test_one_after_the_other_and_then_what_is_left(started):
    """One process answers all, whatever it prints between."""
    facts = told(started, ["a", "b", "c"])
    assert states(facts) == [("a", "on"), ("b", "on"), ("c", "on")]
    assert facts[-1] == ("left", ["left"])
    assert len(started.children) == 1


@pytest.mark.parametrize(("parts", "cores", "processes"), [(9, 3, 3), (2, 9, 2), (30, 30, 8)])
def test_as_many_processes_as_cores_and_no_more_than_parts(started, tmp_path, parts, cores, processes):
    """They work at the same time, else nobody would get on here; each is asked for what it holds from before."""
    rows = [{"name": f"meets {processes} {tmp_path}", "part": str(number)} for number in range(parts)]
    facts = []
    look(rows, started.first(), started, facts.append, LONG, cores)
    assert [state for _, state in states(facts)] == ["on"] * parts
    assert [fact for fact in facts if fact[0] == "left"] == [("left", ["left"])] * processes
    assert len(started.children) == processes


def test_what_belongs_together_is_asked_of_one_process(started):
    """Parts of one distribution share what they import."""
    rows = [{"name": f"{part}{number}", "part": part} for number in range(5) for part in "xyz"]
    facts = []
    look(rows, started.first(), started, facts.append, LONG, 3)
    processes = {}
    for kind, fact in facts:
        if kind == "instrumentor":
            processes.setdefault(fact["part"], set()).add(fact["why"])
    assert {part: len(ids) for part, ids in processes.items()} == {"x": 1, "y": 1, "z": 1}


@pytest.mark.parametrize(("name", "how"), [("ends", "with exit code 3"), ("dies", "by SIGKILL")])
def test_one_that_ends_its_process_is_named(started, name, how):
    """The rest is asked of another one, also the rest of its own part."""
    rows = [{"name": one, "part": "p"} for one in ("a", name, "b")]
    facts = []
    look([*rows, {"name": "c", "part": "c"}], started.first(), started, facts.append, LONG, 1)
    assert states(facts) == [("a", "on"), (name, "unknown"), ("b", "on"), ("c", "on")]
    assert facts[1][1]["why"] == f"importing its library ended its process {how}"
    assert len(started.children) == 2


def test_one_that_takes_too_long_is_named(started):
    """Its process is ended."""
    facts = told(started, ["hangs"], patience=0.0)
    assert states(facts) == [("hangs", "unknown")]
    assert facts[0][1]["why"] == "importing its library did not answer within 0 s"
    with pytest.raises(NoAnswerError):
        started.children[0].answer(LONG)


def test_a_process_that_cannot_be_started_again_is_no_end(started):
    """What cannot be asked is told as such."""
    first = started.first()

    def another():
        raise OSError("too many processes")

    facts = []
    look([{"name": name, "part": name} for name in ("ends", "b")], first, another, facts.append, LONG, 1)
    assert states(facts) == [("ends", "unknown"), ("b", "unknown")]
    assert facts[1][1]["why"] == "importing its library too many processes"


def test_what_a_process_said_last():
    """Where there is no answer, its standard error tells why."""
    child = Child([sys.executable, "-c", "import sys; sys.exit('first\\nno such thing')"], os.environ)
    with pytest.raises(NoAnswerError, match="ended its process with exit code 1"):
        child.answer(LONG)
    assert child.last_words() == "no such thing"
    with pytest.raises(NoAnswerError):
        child.ask("anything", LONG)
    child.end()


def test_no_answer_in_time():
    """That is another thing than an end."""
    child = Child([sys.executable, "-c", "import sys; sys.stdin.read()"], os.environ)
    with pytest.raises(SlowError, match="did not answer within 0 s"):
        child.ask("anything", 0.0)
    child.end()


def test_a_fault_of_ours_is_heard(started):
    """It is raised where the examination was asked for, not lost in a thread."""

    def tell(fact):
        raise ZeroDivisionError(fact)

    with pytest.raises(ZeroDivisionError):
        look([{"name": "a", "part": "a"}], started.first(), started, tell, LONG, 1)
