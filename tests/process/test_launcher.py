"""autotrace-run: it becomes the command, and the command does not notice."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import pytest

from autotrace.launch.launcher import SITE
from machine import AUTOTRACE, RUN

SPAN = "import autotrace\nwith autotrace.span('work'):\n    pass\n"


@pytest.mark.parametrize("code", [0, 1, 3, 255])
def test_the_exit_code_is_the_commands(machine, code):
    """Whatever the program exits with."""
    assert machine.python("-c", f"raise SystemExit({code})").returncode == code


def test_an_unknown_command_is_one_clear_line_and_127(machine):
    """As shells do it."""
    done = machine.traced("no-such-command-here")
    assert (done.returncode, done.stdout) == (127, b"")
    assert done.stderr == b"autotrace-run: no-such-command-here: command not found\n"


def test_what_cannot_be_executed_is_126(machine):
    """A file without the right, a directory, a script whose interpreter is missing, no format at all."""
    plain = machine.write("plain.txt", "text")
    lost = machine.write("lost.sh", "#!/no/such/interpreter\n")
    os.chmod(lost, 0o755)
    for command, text in [
        (plain, b"permission denied"),
        (str(machine.directory), b"is a directory"),
        (lost, b"interpreter"),
    ]:
        done = machine.traced(command)
        assert done.returncode == 126, command
        assert text in done.stderr
        assert done.stderr.count(b"\n") == 1


@pytest.mark.parametrize(
    ("command", "code", "said"),
    [
        (["app.py", "a b"], 127, "app.py: command not found; did you mean: autotrace-run python app.py 'a b'"),
        (["-s", "shop", "app.py"], 127, "app.py: command not found; did you mean: autotrace-run ... python app.py"),
        (["./app.py"], 126, "./app.py: permission denied; did you mean: autotrace-run python ./app.py"),
        (["tool"], 127, "tool: command not found; did you mean: autotrace-run python tool"),
        (["./bare.py"], 126, "./bare.py: exec format error; did you mean: autotrace-run python ./bare.py"),
        (["pack"], 127, "pack: command not found; did you mean: autotrace-run python pack"),
        (["./pack"], 126, "./pack: is a directory; did you mean: autotrace-run python ./pack"),
        (["start.sh", "x"], 127, "start.sh: command not found; did you mean: autotrace-run ./start.sh x"),
        (["notes.txt"], 127, "notes.txt: command not found"),
        (["no.py"], 127, "no.py: command not found"),
        (["-m", "flask", "run"], 2, "there is no option -m; did you mean: autotrace-run python -m flask run"),
        (["--service", "x", "y"], 2, "there is no option --service; did you mean: --service-name"),
    ],
)
def test_the_command_that_was_meant_is_named(machine, command, code, said):
    """A program without its Python, a script without its path, an option misspelled; secrets in options are not said again."""
    machine.write("app.py", "")
    machine.write("tool", "#!/usr/bin/env python3\n")
    os.chmod(machine.write("bare.py", "print()\n"), 0o755)
    machine.write("pack/__main__.py", "")
    os.chmod(machine.write("start.sh", "#!/bin/sh\n"), 0o755)
    machine.write("notes.txt", "")
    path = os.path.dirname(sys.executable) + os.pathsep + machine.environ["PATH"]
    done = machine.run(RUN, *command, environ={"PATH": path})
    assert (done.returncode, done.stdout, done.stderr.decode()) == (code, b"", f"autotrace-run: {said}\n")


def test_no_command_and_unknown_options_are_usage_errors(machine):
    """Exit code 2 and one line that says what to write instead."""
    for arguments, text in [
        ((), b"no command to run"),
        (("--nope", "x"), b"there is no option --nope"),
        (("-s",), b"needs a value"),
    ]:
        done = machine.traced(*arguments)
        assert (done.returncode, done.stderr.count(b"\n")) == (2, 1)
        assert text in done.stderr


def test_it_execs(machine):
    """The command has the launcher's process id and dies of its signals."""
    script = machine.write("wait.py", "import os, signal\nprint(os.getpid(), flush=True)\nsignal.pause()\n")
    with subprocess.Popen(
        [RUN, sys.executable, script], stdout=subprocess.PIPE, env=machine.environ, cwd=machine.directory
    ) as process:
        assert int(process.stdout.readline()) == process.pid
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == -signal.SIGTERM


def test_options_are_environment_variables(machine):
    """Each option is the variable of the same setting; the last part of the command line is the command's own."""
    code = "import os; print({k: v for k, v in sorted(os.environ.items()) if k.startswith('AUTOTRACE_') and 'DATA' not in k})"
    options = [
        "-s",
        "shop",
        "--endpoint=http://127.0.0.1:1",
        "--off",
        "requests",
        "--sample",
        "0.5",
        "--set",
        "exit-timeout-ms=10",
    ]
    done = machine.python("-c", code, "-s", "not-ours", options=options)
    assert eval(done.stdout) == {
        "AUTOTRACE_ENDPOINT": "http://127.0.0.1:1",
        "AUTOTRACE_EXIT_TIMEOUT_MS": "10",
        "AUTOTRACE_INSTRUMENTORS_OFF": "requests",
        "AUTOTRACE_SAMPLE_RATIO": "0.5",
        "AUTOTRACE_SERVICE_NAME": "shop",
    }


def test_a_wrong_value_is_one_warning_and_the_program_runs(machine):
    """The launcher says it, once; the program's own output is untouched."""
    done = machine.python("-c", "print('ran')", environ={"OTEL_TRACES_SAMPLER_ARG": "1.5"})
    assert done.stdout == b"ran\n"
    assert done.stderr == b"autotrace-run: OTEL_TRACES_SAMPLER_ARG='1.5' is not a ratio between 0 and 1; using 1.0\n"


@pytest.mark.parametrize(
    ("options", "environ", "line"),
    [
        (
            (),
            {"OTEL_TRACES_EXPORTER": "zipkin"},
            "OTEL_TRACES_EXPORTER='zipkin' has 'zipkin', which is not one of",
        ),
        ((), {"AUTOTRACE_EXPORTERS": "inbx"}, "AUTOTRACE_EXPORTERS='inbx' has 'inbx', which is not one of"),
        ((), {"AUTOTRACE_INSTRUMENTORS": "flaks"}, "AUTOTRACE_INSTRUMENTORS='flaks' has 'flaks', which is no"),
        (
            ("--off", "flaks"),
            {},
            "--off='flaks' has 'flaks', which is no instrumentor, library or family (did you",
        ),
        (("--set", "nope=1"), {}, "--set nope is no setting of autotrace"),
        (
            ("--set=service-nam=x",),
            {},
            "--set service-nam is no setting of autotrace (did you mean AUTOTRACE_SERVICE",
        ),
        ((), {"AUTOTRACE_SERVIC_NAME": "x"}, "AUTOTRACE_SERVIC_NAME is no setting of autotrace (did you mean"),
        ((), {"OTEL_PROPAGATORS": "ottrace"}, "OTEL_PROPAGATORS='ottrace' has 'ottrace', which is not one of"),
        ((), {"AUTOTRACE_EXCLUDED_URLS": "("}, "AUTOTRACE_EXCLUDED_URLS has '(', which is no regular expression"),
        (
            (),
            {"OTEL_BSP_MAX_QUEUE_SIZE": "0"},
            "OTEL_BSP_MAX_QUEUE_SIZE='0' is not a whole number of 1 or more; using",
        ),
        (("-e", "me:SECRET@host"), {}, "-e is not an http:// or https:// URL; it is passed over"),
        ((), {"OTEL_EXPORTER_OTLP_HEADERS": "api-key: SECRET"}, "OTEL_EXPORTER_OTLP_HEADERS is not of the form"),
        (("-e", "http://127.0.0.1:9/v1/traces"), {}, "-e='http://127.0.0.1:9/v1/traces' ends in /v1/traces"),
    ],
)
def test_nothing_is_silently_nothing(machine, options, environ, line):
    """One line from the launcher; the program runs, and its spans are kept, also those that no receiver takes."""
    done = machine.python("-c", SPAN + "print('ran')", options=options, environ=environ)
    assert done.stdout == b"ran\n"
    said = done.stderr.decode()
    assert said.startswith(f"autotrace-run: {line}"), said
    assert (said.count("\n"), "SECRET" in said) == (1, False)
    assert machine.names() == ["work"]


def test_where_only_sitecustomize_switches_us_on_nothing_is_said(machine):
    """The program's standard error is its own; the doctor shows what the launcher would have said."""
    environ = {"AUTOTRACE_EXPORTERS": "inbx", "AUTOTRACE_NOPE": "1", "PYTHONPATH": SITE}
    done = machine.run(sys.executable, "-c", SPAN, environ=environ)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert machine.names() == ["work"]
    environ["AUTOTRACE_INSTRUMENTORS"] = "sqlite3"  # it would import all the others too
    doctor = machine.run(AUTOTRACE, "doctor", environ=environ).stdout.decode()
    assert "warning     AUTOTRACE_EXPORTERS='inbx' has 'inbx', which is not one of" in doctor
    assert "warning     AUTOTRACE_NOPE is no setting of autotrace" in doctor


def test_a_table_that_is_a_list_is_one_warning(machine):
    """[[tool.autotrace]] in a pyproject.toml: the program runs."""
    machine.write("pyproject.toml", "[[tool.autotrace]]\nservice_name = 'x'\n")
    done = machine.python("-c", SPAN + "print('ran')")
    assert (done.returncode, done.stdout, done.stderr.count(b"\n")) == (0, b"ran\n", 1)
    assert b"tool.autotrace is not a table: write [tool.autotrace]" in done.stderr
    assert machine.names() == ["work"]


def test_a_path_is_absolute_from_the_start(machine):
    """A home that no shell has put in, and a program that goes elsewhere before it starts others."""
    machine.environ["HOME"] = str(machine.directory / "home")
    code = "import os, subprocess, sys\nos.mkdir('deeper')\nos.chdir('deeper')\n"
    code += f"subprocess.run([sys.executable, '-c', {SPAN!r}], check=True)\n"
    for number, (option, variable, place) in enumerate(
        [
            ("--data-dir=~/traces", "", "home/traces"),
            ("--data-dir=traces", "", "traces"),
            ("", "~/again", "home/again"),
            ("", "again", "again"),
        ]
    ):
        machine.data = machine.directory / place
        machine.environ["AUTOTRACE_DATA_DIR"] = variable or "elsewhere"
        done = machine.python("-c", code.replace("deeper", f"deeper{number}"), options=[option] if option else [])
        assert (done.returncode, done.stderr) == (0, b"")
        machine.environ["AUTOTRACE_DATA_DIR"] = str(machine.data)
        assert machine.names() == ["work"]
    assert not (machine.directory / "~").exists()


@pytest.mark.parametrize("way", ["script", "module", "command", "stdin", "shell", "nested", "autotrace", "python-m"])
def test_every_way_of_starting_python_is_traced(machine, way):
    """A script, -m, -c, standard input, a shell script that starts Python later, and the other spellings of the launcher."""
    script = machine.write("app.py", SPAN)
    shell = machine.write("start.sh", f"#!/bin/sh\ncd /\n{sys.executable} {script}\n")
    os.chmod(shell, 0o755)
    done = {
        "script": lambda: machine.python(script),
        "module": lambda: machine.python("-m", "app"),
        "command": lambda: machine.python("-c", SPAN),
        "stdin": lambda: machine.python(input=SPAN.encode()),
        "shell": lambda: machine.traced(shell),
        "nested": lambda: machine.traced(RUN, sys.executable, script),
        "autotrace": lambda: machine.run(AUTOTRACE, "run", "-s", "x", sys.executable, script),
        "python-m": lambda: machine.run(sys.executable, "-m", "autotrace", "run", sys.executable, script),
    }[way]()
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert machine.names() == ["work"]


def test_children_are_traced_too(machine):
    """A Python that a traced Python starts finds the agent as well."""
    parent = machine.write(
        "parent.py", "import subprocess, sys\nsubprocess.run([sys.executable, 'child.py'], check=True)\n"
    )
    machine.write("child.py", SPAN)
    assert machine.python(parent).returncode == 0
    assert machine.names() == ["work"]


def test_the_users_sitecustomize_still_runs(machine):
    """Wherever it is on the path; what it raises is reported as without us.

    The launcher is a Python program too, so theirs runs there as well, as it would for any other.
    """
    theirs = "import sys\nif 'autotrace.bootstrap' in sys.modules: print('theirs', sys.modules['sitecustomize'].__file__ == __file__)\n"
    machine.write("theirs/sitecustomize.py", theirs)
    path = {"PYTHONPATH": str(machine.directory / "theirs")}
    done = machine.python("-c", SPAN, environ=path)
    assert (done.stdout, done.stderr) == (b"theirs True\n", b"")
    assert machine.names() == ["work"]
    machine.write("theirs/sitecustomize.py", "raise ValueError('theirs')\n")
    bare = machine.run(sys.executable, "-c", "", environ=path)
    assert bare.stderr
    assert machine.python("-c", "", environ=path).stderr == bare.stderr * 2


def test_what_a_sitecustomize_puts_into_the_environment_is_there_once(machine):
    """It runs in the launcher, too, which hands on the environment that it was given; isolated, the launcher runs none."""
    code = "import os, sys\nos.environ['MANY'] = os.environ.get('MANY', '') + 'x'\nos.environ.pop('LESS', '')\nprint('theirs')\n"
    machine.write("theirs/sitecustomize.py", code)
    environ = {"PYTHONPATH": str(machine.directory / "theirs"), "LESS": "1", "ODD": "a=b\nc\udcff"}
    code = "import os; print(os.environ['MANY'], ascii(os.environ['ODD']))"
    bare = machine.run(sys.executable, "-c", code, environ=environ)
    done = machine.python("-c", code, environ=environ)
    assert (done.returncode, done.stdout) == (0, b"theirs\n" + bare.stdout)
    isolated = machine.run(sys.executable, "-I", "-m", "autotrace", "run", sys.executable, "-c", code, environ=environ)
    assert (isolated.returncode, isolated.stdout, isolated.stderr) == (0, bare.stdout, bare.stderr)


OTHER = """\
import os, shutil, sys
if __name__ != "__main__":
    os.environ.setdefault("OTEL_TRACES_EXPORTER", "otlp_proto_http")
else:
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [HERE, os.environ.get("PYTHONPATH")]))
    os.execv(shutil.which(sys.argv[1]), sys.argv[1:])
"""


@pytest.fixture
def other(machine):
    """Another agent, which switches itself on as OpenTelemetry's does; returns the search path for commands."""
    theirs = machine.directory / "other"
    code = OTHER.replace("HERE", repr(str(theirs)))
    machine.write("other/sitecustomize.py", code)
    os.chmod(machine.write("bin/opentelemetry-instrument", f"#!{sys.executable} -S\n{code}"), 0o755)
    return {"PATH": os.pathsep.join([str(machine.directory / "bin"), os.path.dirname(RUN), machine.environ["PATH"]])}


def test_an_agent_that_hides_ours_is_said_in_one_line(machine, other):
    """By the launcher, and by the doctor, who asks the Python that would really be started."""
    command = ["opentelemetry-instrument", "python", "-c", SPAN]
    done = machine.traced(*command, environ=other)
    assert (done.returncode, done.stdout, done.stderr.count(b"\n")) == (0, b"", 1)
    assert done.stderr.startswith(b"autotrace-run: opentelemetry-instrument puts a sitecustomize of its own before")
    assert machine.names() == []
    told = machine.run(AUTOTRACE, "doctor", "--json", "--", *command, environ=other, timeout=170)
    found = json.loads(told.stdout)
    assert (told.returncode, found["python"]["running"]) == (1, False)
    assert "sitecustomize of its own" in found["problems"][0]


def test_beneath_another_agent_ours_is_there_with_its_own_settings(machine, other):
    """What theirs put into the environment of the launcher is not taken for the user's choice."""
    done = machine.run("opentelemetry-instrument", "autotrace-run", "python", "-c", SPAN, environ=other)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert machine.names() == ["work"]


def test_a_context_whose_spans_are_not_delivered_does_not_travel(machine):
    """Neither by HTTP nor into another process: the receiver would have a trace without a beginning."""
    code = """
import autotrace, http.client, http.server, subprocess, sys, threading
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        print(self.headers.get("traceparent"), flush=True)
        self.send_response(204)
        self.end_headers()
    def log_message(self, *_): pass
with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
    threading.Thread(target=server.handle_request).start()
    with autotrace.span("work"):
        connection = http.client.HTTPConnection("127.0.0.1", server.server_port)
        connection.request("GET", "/")
        connection.getresponse().read()
        subprocess.run([sys.executable, "-c", "import os; print(os.environ.get('TRACEPARENT'))"])
"""
    quiet = machine.python("-c", code, environ={"OTEL_TRACES_EXPORTER": "none"})
    assert (quiet.returncode, quiet.stdout, quiet.stderr) == (0, b"None\nNone\n", b"")
    assert b"None" not in machine.python("-c", code).stdout


@pytest.mark.parametrize("wrapper", [["env", "A=1"], ["nice", "-n", "1"], ["timeout", "60"]])
def test_a_python_within_another_command_is_looked_at(machine, wrapper):
    """Its flags keep us out there, too."""
    done = machine.traced(*wrapper, sys.executable, "-I", "-c", "print('ran')")
    assert (done.returncode, done.stdout) == (0, b"ran\n")
    assert done.stderr.startswith(b"autotrace-run: python -I ")


def test_without_autotrace_in_the_interpreter_the_program_runs_untouched(machine):
    """Another environment's Python finds our sitecustomize, and nothing to import; the launcher says so in one line."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", machine.directory / "bare"], check=True)
    python = str(machine.directory / "bare" / "bin" / "python")
    done = machine.traced(python, "-c", "import sys; print('autotrace' in sys.modules)")
    assert (done.returncode, done.stdout) == (0, b"False\n")
    said = f"autotrace-run: autotrace is not installed in the environment of {python}: it runs, and is not traced\n"
    assert done.stderr.decode() == said


@pytest.mark.parametrize("flag", ["-I", "-E", "-S"])
def test_flags_that_keep_us_out_are_said_in_one_line(machine, flag):
    """By the launcher, before the program starts; nothing where tracing is switched off anyway."""
    done = machine.python(flag, "-c", SPAN.replace("pass", "print('ran')") if flag != "-S" else "print('ran')")
    assert (done.returncode, done.stdout) == (0, b"ran\n")
    assert done.stderr.startswith(f"autotrace-run: python {flag} ".encode())
    assert done.stderr.count(b"\n") == 1
    assert machine.spans() == []
    off = machine.python(flag, "-c", "print('ran')", environ={"AUTOTRACE_ENABLED": "false"})
    assert (off.stdout, off.stderr) == (b"ran\n", b"")


def test_sys_path_is_the_bare_ones(machine):
    """Our directory is taken off again."""
    code = "import sys; print(sys.path, sys.argv, sys.flags, sys.excepthook)"
    environ = {"PYTHONPATH": str(machine.directory)}
    bare = machine.run(sys.executable, "-c", code, environ=environ)
    assert machine.python("-c", code, environ=environ).stdout == bare.stdout


@pytest.mark.parametrize("name", ["wrapt", "instrumentors", "settings", "http_client"])
def test_a_module_of_the_programs_own_stays_theirs(machine, name):
    """Names that we use too are looked up as without us, and sqlite3's built-in function is still traced."""
    machine.write(f"{name}.py", "mine = True\n")
    code = f"import {name}, sqlite3\nprint({name}.mine)\nsqlite3.connect(':memory:').execute('SELECT 1')\nimport sys; print({name}.__file__)\n"
    script = machine.write("app.py", code)
    bare = machine.run(sys.executable, script)
    assert machine.python(script).stdout == bare.stdout
    assert machine.names() == ["SELECT"]


def test_switched_off_is_off(machine):
    """AUTOTRACE_ENABLED=false: nothing is imported, nothing written."""
    code = "import sys; print([name for name in sys.modules if name.startswith('autotrace.trace')])"
    done = machine.python("-c", code, environ={"AUTOTRACE_ENABLED": "false"})
    assert done.stdout == b"[]\n"
    assert not machine.data.exists()


def test_help_and_version(machine):
    """They go to standard output."""
    assert b"usage: autotrace-run" in machine.traced("--help").stdout
    assert machine.traced("--version").stdout.startswith(b"autotrace 0.")


@pytest.mark.parametrize(
    ("command", "service"),
    [
        (["-m", "flask", "--app", "shop.web", "routes"], "shop.web"),
        (["-m", "flask", "routes"], "pizza"),
        (["-m", "gunicorn", "--print-config", "-w", "1", "shop.web:app"], "shop.web"),
        (["-m", "celery", "-A", "shop.web:queue", "report"], "shop.web"),
    ],
)
def test_a_service_is_called_after_its_application(machine, command, service):
    """Not after what runs it, nor where the application has no name of its own and its project has one."""
    code = "import autotrace, celery, flask\nwith autotrace.span('work'): pass\napp, queue = flask.Flask('x'), celery.Celery('x')\n"
    machine.write("shop/web.py", code)
    machine.write("shop/__init__.py", "")
    machine.write("app.py", code)
    machine.write("pyproject.toml", "[project]\nname = 'pizza'\n")
    done = machine.python(*command, environ={"AUTOTRACE_INSTRUMENTORS_OFF": "all"})
    assert done.returncode == 0, done.stderr
    assert machine.names() == ["work"]
    assert [trace["services"] for trace in machine.traces()] == [[service]]
    named = machine.python(*command, environ={"AUTOTRACE_INSTRUMENTORS_OFF": "all", "AUTOTRACE_SERVICE_NAME": "mine"})
    assert named.returncode == 0
    assert sorted(name for trace in machine.traces() for name in trace["services"]) == sorted(["mine", service])
