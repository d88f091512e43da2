"""What GitHub and git's hooks are told to do exists, covers what we promise, and may do no more than it must."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from makefile import TARGETS

CHECKOUT = Path(__file__).resolve().parents[2]
GITHUB = CHECKOUT / ".github"
WORKFLOWS = sorted((GITHUB / "workflows").glob("*.yml"))
FORMS = sorted(path for path in (GITHUB / "ISSUE_TEMPLATE").glob("*.yml") if path.name != "config.yml")
workflows = pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
forms = pytest.mark.parametrize("path", FORMS, ids=lambda path: path.name)


def load(path):
    """Return the content of a YAML file."""
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def jobs(path):
    """Return the jobs of a workflow by their names."""
    return load(path)["jobs"]


def steps(path):
    """Return every step of a workflow."""
    return [step for job in jobs(path).values() for step in job["steps"]]


def supported():
    """Return the Pythons that the classifiers name."""
    text = (CHECKOUT / "pyproject.toml").read_text(encoding="utf-8")
    return re.findall(r'"Programming Language :: Python :: (3\.\d+)"', text)


def pythons(path):
    """Return the Pythons that the steps of a workflow set up."""
    return {version for step in steps(path) for version in str(step.get("with", {}).get("python", "")).split()}


def test_there_are_workflows_and_forms():
    """The other tests of this file have something to look at."""
    assert [path.name for path in WORKFLOWS] == ["ci.yml", "nightly.yml", "release.yml"]
    assert [path.name for path in FORMS] == ["bug.yml", "library.yml"]


@workflows
def test_a_workflow_makes_what_the_makefile_can_make(path):
    """Every `make X` of a step has its target."""
    named = [target for step in steps(path) for target in re.findall(r"\bmake ([a-z-]+)", step.get("run", ""))]
    assert named
    assert set(named) <= TARGETS


@workflows
def test_a_workflow_may_only_read_unless_a_job_says_otherwise(path):
    """What the token may do is said, and no job may write but by PyPI's trust in the one that publishes."""
    assert load(path)["permissions"] in ({}, {"contents": "read"})
    for name, job in jobs(path).items():
        more = {key for key, value in job.get("permissions", {}).items() if value != "read"}
        assert more == ({"id-token"} if name == "publish" else set()), name


@workflows
def test_a_workflow_ends_and_does_not_pile_up(path):
    """Each job has a limit of time, and a newer run of the same waits or replaces."""
    assert "group" in load(path)["concurrency"]
    assert [name for name, job in jobs(path).items() if "timeout-minutes" not in job] == []


@workflows
def test_what_a_step_uses_is_ours_or_at_a_major_version(path):
    """No action follows a branch, except the one whose releases are one."""
    used = [step["uses"] for step in steps(path) if "uses" in step]
    pinned = re.compile(r"\./\.github/actions/\w+|actions/[\w-]+@v\d+|pypa/gh-action-pypi-publish@release/v1")
    assert [name for name in used if not pinned.fullmatch(name)] == []
    assert [name for name in used if name.startswith("./") and not (CHECKOUT / name / "action.yml").is_file()] == []


@workflows
def test_a_checkout_leaves_no_token_behind(path):
    """What the tests start finds no credentials in the checkout."""
    checkouts = [step for step in steps(path) if step.get("uses", "").startswith("actions/checkout")]
    assert [step for step in checkouts if step["with"]["persist-credentials"] is not False] == []


def test_every_supported_python_is_tested():
    """Each change on all of them in a matrix, and each night all of them at once."""
    ci, nightly = (GITHUB / "workflows" / f"{name}.yml" for name in ("ci", "nightly"))
    assert jobs(ci)["test"]["strategy"]["matrix"]["python"] == supported()
    assert pythons(nightly) == set(supported())


def test_a_release_is_tested_and_its_version_checked_before_it_is_published():
    """Nothing reaches PyPI unless the tests of that commit passed and the tag is the version."""
    release = jobs(GITHUB / "workflows" / "release.yml")
    assert sorted(release["publish"]["needs"]) == ["build", "test"]
    assert release["publish"]["environment"] == "pypi"
    assert "GITHUB_REF_NAME" in str(release["build"]["steps"])


@forms
def test_a_form_is_one_that_github_takes(path):
    """Name, description and a body whose questions have ids of their own and labels."""
    form = load(path)
    assert set(form) <= {"name", "description", "title", "labels", "assignees", "projects", "type", "body"}
    assert form["name"]
    assert form["description"]
    asked = [item for item in form["body"] if item["type"] != "markdown"]
    assert {item["type"] for item in asked} <= {"input", "textarea", "dropdown", "checkboxes"}
    assert all(item["attributes"]["label"] for item in asked)
    assert len({item["id"] for item in asked}) == len(asked)


def test_whoever_reports_a_failure_is_asked_what_the_doctor_says_and_what_was_run():
    """Both must be filled in: without them most answers begin with a question."""
    form = load(GITHUB / "ISSUE_TEMPLATE" / "bug.yml")
    required = {item["id"] for item in form["body"] if item.get("validations", {}).get("required")}
    assert {"command", "doctor"} <= required
    assert "autotrace doctor --json" in str(form["body"])


def test_the_hooks_are_our_own_tools():
    """A hook calls what is in .venv, git or make, so that it says what CI says, and downloads nothing."""
    config = load(CHECKOUT / ".pre-commit-config.yaml")
    hooks = [hook for repository in config["repos"] for hook in repository["hooks"]]
    assert {repository["repo"] for repository in config["repos"]} == {"local"}
    assert {hook["language"] for hook in hooks} == {"system"}
    assert {hook["entry"].split()[0] for hook in hooks} <= {".venv/bin/ruff", "git", "bash", "make"}
    assert [hook["entry"] for hook in hooks if hook["entry"].startswith("make")] == ["make lint"]
