"""What a service is called that a server's or a queue's command runs."""

from __future__ import annotations

import os

import pytest

from autotrace.application import named, project
from autotrace.patching.catalog import RUNNERS


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("gunicorn web:app", "web"),
        ("gunicorn -w 4 -b 0.0.0.0:8000 shop.wsgi:application --reload", "shop"),
        ("gunicorn -b localhost:8000 -k gevent shop.api", "shop.api"),
        ("gunicorn shop.api -k gevent", "shop.api"),
        ("gunicorn --config python:conf.prod --bind unix:/run/a.sock --reload web:create_app()", "web"),
        ("gunicorn web:create_app(name='x')", "web"),
        ("gunicorn -c conf.py", "gunicorn"),
        ("gunicorn --paste production.ini", "gunicorn"),
        ("uvicorn --host 127.0.0.1 --port 8000 orders.main:app", "orders"),
        ("uvicorn orders.main:app --log-level info --factory", "orders"),
        ("uvicorn main:app", "main"),
        ("hypercorn --bind :8000 kitchen:app", "kitchen"),
        ("waitress-serve --port=8041 --call shop.web:create_app", "shop.web"),
        ("waitress --listen=*:80 shop:app", "shop"),
        ("uwsgi --http :8000 --master --module shop.wsgi:application", "shop"),
        ("uwsgi --ini shop.ini --wsgi-file=web/wsgi.py", "web"),
        ("uwsgi --ini shop.ini", "uwsgi"),
        ("daphne -p 1 shop.asgi:application", "shop"),
        ("flask --app web run", "web"),
        ("flask --app=src/web.py:create_app run --debug", "src.web"),
        ("flask -A web:app run -p 80", "web"),
        ("flask run", "flask"),
        ("celery -A proj worker -l INFO", "proj"),
        ("celery -Aproj.celery:app beat", "proj"),
        ("celery --app=proj.tasks worker", "proj.tasks"),
        ("celery worker", "celery"),
        ("manage runserver --settings=shop.settings.local", "shop"),
        ("django-admin check --settings shop.conf", "shop.conf"),
        ("rq worker high", "rq"),
        ("fastapi run shop/main.py --port 80", "shop"),
        ("dramatiq shop.tasks", "shop.tasks"),
        ("app web:app", "app"),
    ],
)
def test_the_application_names_the_service(tmp_path, line, name):
    """By the command line alone; where that says nothing, by what runs it."""
    runner, *arguments = line.split()
    assert (named(runner, arguments, {}, str(tmp_path)) or runner) == name


@pytest.mark.parametrize(
    ("runner", "variable", "value", "name"),
    [
        ("flask", "FLASK_APP", "web.py", "web"),
        ("flask", "FLASK_APP", "shop.web:app", "shop.web"),
        ("litestar", "LITESTAR_APP", "shop:app", "shop"),
        ("quart", "QUART_APP", "shop:app", "shop"),
        ("uvicorn", "UVICORN_APP", "shop:app", "shop"),
        ("manage", "DJANGO_SETTINGS_MODULE", "shop.settings", "shop"),
        ("manage", "DJANGO_SETTINGS_MODULE", "shop.settings.production", "shop"),
        ("manage", "DJANGO_SETTINGS_MODULE", "config.settings.local", "local"),
        ("gunicorn", "FLASK_APP", "web", ""),
    ],
)
def test_a_variable_names_it_where_its_runner_reads_it(tmp_path, runner, variable, value, name):
    """An option beats it."""
    assert named(runner, [], {variable: value}, str(tmp_path)) == name


def test_the_project_names_what_has_a_name_that_says_nothing(tmp_path):
    """The nearest at or above the directory; the application's own name beats it, and it beats the runner's."""
    (tmp_path / "pyproject.toml").write_text(
        '[build-system]\nname = "no"\n[project]\nversion = "1"\nname = "pizza-shop" # x\n'
    )
    inner = tmp_path / "src" / "a"
    inner.mkdir(parents=True)
    for line in ("uvicorn main:app", "gunicorn wsgi", "flask run", "rq worker", "celery worker", "gunicorn -c conf.py"):
        runner, *arguments = line.split()
        assert named(runner, arguments, {}, str(inner)) == "pizza-shop", line
    assert named("manage", [], {"DJANGO_SETTINGS_MODULE": "config.settings.local"}, str(inner)) == "pizza-shop"
    assert named("uvicorn", ["kitchen:app"], {}, str(inner)) == "kitchen"
    assert named("app", [], {}, str(inner)) == ""
    (inner / "pyproject.toml").write_text("[tool.ruff]\n")
    assert named("rq", [], {}, str(inner)) == ""


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("[project]\nname='a'", "a"),
        ('[ project ]\r\nname = "b"\r\n', "b"),
        ("[tool.poetry]\nname = 'c'\n", "c"),
        ("[project]\nname = 7\n", ""),
        ("[project]\nname\n", ""),
        ("[[project]]\nrename = 'x'\n", ""),
        ("\0\xff", ""),
        ("", ""),
    ],
)
def test_only_the_projects_name_is_read(tmp_path, text, name):
    """Whatever else is in the file."""
    (tmp_path / "pyproject.toml").write_bytes(text.encode("latin-1"))
    assert project(str(tmp_path)) == name


def test_what_a_stranger_may_write_names_nothing(tmp_path):
    """Neither the file nor its directory may be writable for everybody."""
    file = tmp_path / "pyproject.toml"
    file.write_text("[project]\nname = 'a'\n")
    for path, mode in ((file, 0o666), (tmp_path, 0o777)):
        before = path.stat().st_mode
        os.chmod(path, mode)
        assert project(str(tmp_path)) == ""
        os.chmod(path, before)
    assert project(str(tmp_path)) == "a"


def test_no_command_line_is_too_strange():
    """Whatever stands there, nothing is raised."""
    for runner in RUNNERS:
        for arguments in (
            ["-A"],
            ["--app"],
            ["-"],
            [""],
            [":"],
            ["::"],
            ["a:"],
            [":a"],
            ["a.b.:c"],
            ["é:ü"],
            ["--settings="],
        ):
            assert isinstance(named(runner, arguments, {}, "/"), str)
