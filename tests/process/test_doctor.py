"""``autotrace doctor``: what it says of a command, a sink, the settings, the libraries and other agents."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import sysconfig
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from machine import AUTOTRACE

FEW = {"AUTOTRACE_INSTRUMENTORS": "flask"}
"""The others are off, and so are not imported: one test does them all."""


def examined(machine, *command, **environ):
    """Return the exit code and what it says as JSON, with one library switched on unless the environment says more."""
    done = machine.run(
        AUTOTRACE, "doctor", "--json", *(("--", *command) if command else ()), environ={**FEW, **environ}, timeout=170
    )
    assert done.stderr == b""
    return done.returncode, json.loads(done.stdout)


def warnings(found):
    """Return the warnings, without those of a library whose tested version does not work on the newest Python."""
    return [text for text in found["warnings"] if not text.startswith("eventlet")]


def fakes(machine, on):
    """Return the settings with which libraries of the test's own come before those that are installed."""
    return {"PYTHONPATH": str(machine.directory / "fakes"), "AUTOTRACE_INSTRUMENTORS": on}


def instrumentor(found, name):
    """Return what is said of one instrumentor."""
    return next(one for one in found["python"]["instrumentors"] if one["name"] == name)


def test_all_is_well(machine):
    """The libraries with their versions, the sink, the Python; the same in words; and nothing was written or run."""
    code, found = examined(machine, sys.executable, "no-such-script.py", AUTOTRACE_INSTRUMENTORS="all")
    assert (code, found["problems"], warnings(found)) == (0, [], [])
    assert found["python"]["running"]
    flask = instrumentor(found, "flask")
    assert (flask["state"], flask["version"][0].isdigit()) == ("on", True)
    states = {one["state"] for one in found["python"]["instrumentors"] if not one["name"].startswith("eventlet")}
    assert states <= {"on", "not installed"}
    assert found["sinks"] == [{"name": "inbox", "place": str(machine.data / "inbox"), "ok": True, "text": "writable"}]
    assert not [file for file in machine.data.glob("*") if not file.name.startswith("instrumentors-")]
    assert not (machine.directory / "no-such-script.py").exists()
    words = machine.run(AUTOTRACE, "doctor", environ=FEW, timeout=170)
    assert (words.returncode, words.stderr) == (0, b"")
    assert f"{sys.executable}: traced" in words.stdout.decode()
    assert f"flask {flask['version']}" in words.stdout.decode()


@pytest.mark.parametrize("flag", ["-I", "-E", "-S"])
def test_a_flag_that_keeps_us_out_is_a_problem(machine, flag):
    """One sentence, exit code 1."""
    code, found = examined(machine, sys.executable, flag, "app.py")
    assert (code, len(found["problems"]), found["python"]["running"]) == (1, 1, False)
    assert flag in found["problems"][0]


def test_another_environment_is_a_problem(machine):
    """The interpreter is started, and does not know us."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", machine.directory / "bare"], check=True)
    python = str(machine.directory / "bare" / "bin" / "python")
    code, found = examined(machine, python, "app.py")
    assert (code, found["python"]["autotrace"], len(found["problems"])) == (1, "", 1)
    assert "not installed" in found["problems"][0]
    assert python in found["problems"][0]


def test_a_command_that_is_not_there_or_is_no_python(machine):
    """The first cannot be traced, the second perhaps."""
    assert examined(machine, "no-such-command")[1]["problems"] == ["no-such-command: command not found"]
    machine.write("app.py", "")
    (problem,) = examined(machine, "app.py")[1]["problems"]
    assert problem.startswith("app.py: command not found; did you mean: autotrace doctor -- python")
    (problem,) = examined(machine, "./app.py")[1]["problems"]
    assert problem.startswith("./app.py: permission denied; did you mean: autotrace doctor -- python")
    code, found = examined(machine, "/bin/sh", "start.sh")
    assert (code, found["problems"], len(found["warnings"])) == (0, [], 1)


def test_settings_are_said_with_their_source_and_without_secrets(machine):
    """A variable, a file, a value that cannot be read."""
    machine.write("autotrace.toml", 'service_name = "shop"\nheaders = {authorization = "verysecret"}\nnope = 1\n')
    environ = {
        "OTEL_TRACES_SAMPLER_ARG": "0.5",
        "AUTOTRACE_ENDPOINT": "http://me:alsosecret@127.0.0.1:9/?key=thirdsecret",
        "AUTOTRACE_TIMEOUT_MS": "x",
    }
    _, found = examined(machine, **environ)
    settings = {one["name"]: (one["value"], one["source"]) for one in found["settings"]}
    assert settings["sample_ratio"] == (0.5, "OTEL_TRACES_SAMPLER_ARG")
    assert settings["service_name"][0] == "shop"
    assert settings["service_name"][1].endswith("autotrace.toml")
    assert settings["event_count"] == (128, "")
    assert [text.partition(" ")[0] for text in found["warnings"]] == ["nope", "AUTOTRACE_TIMEOUT_MS='x'"]
    text = json.dumps(found)
    assert "verysecret" not in text
    assert "alsosecret" not in text
    assert "thirdsecret" not in text


def test_switched_off(machine):
    """The whole agent is a problem, one instrumentor is not."""
    code, found = examined(machine, AUTOTRACE_ENABLED="false")
    assert (code, found["problems"]) == (1, ["autotrace is switched off by AUTOTRACE_ENABLED"])
    code, found = examined(machine, AUTOTRACE_INSTRUMENTORS="flask,sqlite3", AUTOTRACE_INSTRUMENTORS_OFF="flask")
    assert (code, instrumentor(found, "flask")["state"], instrumentor(found, "sqlite3")["state"]) == (0, "off", "on")


def test_a_receiver_is_asked(machine):
    """One that takes spans, and one that is not there."""
    code, found = examined(machine, AUTOTRACE_ENDPOINT="http://127.0.0.1:9")
    assert (code, found["sinks"][0]["ok"], len(found["problems"])) == (1, False, 1)
    assert "cannot be reached" in found["problems"][0]
    with HTTPServer(("127.0.0.1", 0), Receiver) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        code, found = examined(machine, AUTOTRACE_ENDPOINT=f"http://127.0.0.1:{server.server_port}")
        server.shutdown()
        thread.join()
    assert (code, found["sinks"][0]["ok"], found["sinks"][0]["text"]) == (0, True, "takes spans")


class Receiver(BaseHTTPRequestHandler):
    """Takes whatever comes."""

    def do_POST(self):
        """Answer as an OTLP receiver does."""
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Type", "application/x-protobuf")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        """Say nothing."""


def test_a_data_directory_that_cannot_be_written_is_a_warning(machine):
    """With the place where the traces go instead."""
    place = machine.write("file", "")
    code, found = examined(machine, AUTOTRACE_DATA_DIR=place)
    assert (code, found["sinks"][0]["ok"]) == (0, False)
    assert place in found["warnings"][0]
    other = found["sinks"][0]["place"].removesuffix("/inbox")
    assert found["warnings"][0].endswith(f"traces go to {other}, where 'autotrace traces' looks, too")
    machine.python(
        "-c", "import sqlite3; sqlite3.connect(':memory:').execute('SELECT 1')", environ={"AUTOTRACE_DATA_DIR": place}
    )
    listed = machine.run(AUTOTRACE, "traces", "--json", environ={"AUTOTRACE_DATA_DIR": place})
    assert [one["root"] for one in json.loads(listed.stdout)] == ["SELECT"]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has /proc")
def test_a_place_where_permissions_lie_is_tried(machine):
    """Nobody may make a directory in /proc, whatever its mode says; and nothing is left where one may."""
    _, found = examined(machine, AUTOTRACE_DATA_DIR="/proc/nope")
    assert found["sinks"][0]["ok"] is False
    _, found = examined(machine, AUTOTRACE_DATA_DIR=str(machine.directory / "new" / "deep"))
    assert found["sinks"][0]["ok"] is True
    assert list(machine.directory.rglob(".autotrace-*")) == []


def test_nothing_of_the_working_directory_is_run(machine):
    """A file there that is called as a module of the standard library is none of the doctor's."""
    for name in ("re", "json", "signal", "flask", "opcode"):
        machine.write(f"{name}.py", f"open({str(machine.directory / name)!r} + '-was-run', 'w')\n")
    code, found = examined(machine)
    assert (code, instrumentor(found, "flask")["state"]) == (0, "on")
    assert [path.name for path in machine.directory.iterdir() if path.name.endswith("-was-run")] == []


def test_foreign_text_reaches_no_terminal_as_it_is(machine):
    """The name of a library, of a file, or a setting may hold what moves the cursor."""
    machine.write("fakes/robyn-5\x1b[31m.dist-info/METADATA", "Metadata-Version: 2.1\nName: robyn\n")
    machine.write("auto\x1b[32m.toml", "service_name = 'a\\u001b[33mb'")
    environ = {**fakes(machine, "flask"), "AUTOTRACE_CONFIG": str(machine.directory / "auto\x1b[32m.toml")}
    done = machine.run(AUTOTRACE, "doctor", environ=environ, timeout=170)
    assert b"\x1b" not in done.stdout + done.stderr
    assert b"robyn 5\\x1b[31m" in done.stdout


def test_a_library_that_does_not_fit_is_said_with_the_reason(machine):
    """A target that is missing, and a library that cannot be imported."""
    machine.write("fakes/aiosqlite/__init__.py", "")
    machine.write("fakes/waitress/__init__.py", "print('noise')\nraise SystemExit('broken waitress')\n")
    code, found = examined(machine, **fakes(machine, "aiosqlite,waitress,flask"))
    assert code == 0
    assert "does not exist" in instrumentor(found, "aiosqlite")["why"]
    assert "broken waitress" in instrumentor(found, "waitress")["why"]
    assert instrumentor(found, "flask")["state"] == "on"
    assert len(warnings(found)) == 2


def test_what_is_installed_and_not_supported_is_named(machine):
    """Before there is an instrumentor, from one table of well-known names, with its version; other names are nobody's."""
    for name, version in (("robyn", "5.1.2"), ("google_cloud_pubsub", "9.1.0"), ("acme", "1.0")):
        machine.write(f"fakes/{name}-{version}.dist-info/METADATA", f"Metadata-Version: 2.1\nName: {name}\n")
    environ = fakes(machine, "flask")
    code, found = examined(machine, **environ)
    named = {one["name"]: one["version"] for one in found["python"]["unsupported"]}
    assert (code, named["robyn"], named["google-cloud-pubsub"], "acme" in named) == (0, "5.1.2", "9.1.0", False)
    words = machine.run(AUTOTRACE, "doctor", environ=environ, timeout=170).stdout.decode()
    assert re.search("^unsupported .*robyn 5.1.2, ", words, re.MULTILINE)


def test_what_metadata_says_or_nobody_wants_is_not_imported(machine):
    """A version that is not supported is told by its metadata; what is switched off is not looked at."""
    for name in ("flask", "waitress"):
        machine.write(f"fakes/{name}/__init__.py", f"open({str(machine.directory / name)!r} + '-was-imported', 'w')\n")
        machine.write(f"fakes/{name}-1.0.dist-info/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    code, found = examined(machine, **fakes(machine, "flask"))
    flask = {"name": "flask", "family": "http_server", "state": "not applied", "version": "1.0"}
    assert (code, instrumentor(found, "flask")) == (0, {**flask, "why": "flask 1.0 is not >=2.0"})
    assert found["warnings"] == ["flask is not applied: flask 1.0 is not >=2.0"]
    assert instrumentor(found, "waitress")["state"] == "off"
    assert sorted(path.name for path in machine.directory.iterdir()) == ["fakes"]


def test_a_library_that_ends_its_process_is_named_and_the_others_are_told(machine):
    """Another process goes on with the rest."""
    machine.write("fakes/waitress/__init__.py", "import os\nos._exit(3)\n")
    on = "flask,sqlite3,waitress,werkzeug"
    code, found = examined(machine, **fakes(machine, on))
    assert (code, instrumentor(found, "waitress")["state"]) == (0, "unknown")
    assert found["warnings"] == [
        "waitress could not be looked at: importing its library ended its process with exit code 3"
    ]
    assert {name: instrumentor(found, name)["state"] for name in on.split(",")} == {
        "flask": "on",
        "sqlite3": "on",
        "waitress": "unknown",
        "werkzeug": "on",
    }


def test_it_says_what_it_knows_while_it_waits(machine):
    """What takes time keeps no line back that is known already."""
    gate = machine.directory / "gate"
    os.mkfifo(gate)
    machine.write("fakes/waitress/__init__.py", f"open({str(gate)!r}).read()\n")
    machine.write("fakes/waitress/server.py", "")
    environ = {**machine.environ, **fakes(machine, "sqlite3,waitress")}
    with subprocess.Popen([AUTOTRACE, "doctor"], env=environ, stdout=subprocess.PIPE, text=True) as process:
        known = []
        while not known or not known[-1].startswith("traced"):
            known.append(process.stdout.readline())
            assert known[-1], known
        with gate.open("w"):
            pass  # the import goes on now
        rest = process.stdout.read()
    words = [line.split()[0] for line in known]
    assert [word for word in words if word != "unsupported"] == [  # of which the newest Pythons' tests have one
        "autotrace", "setting", "setting", "sink", "python", "off", "traced"
    ]  # fmt: skip
    assert known[-1] == "traced      db_client: sqlite3\n"
    assert rest.startswith("warning     waitress is not applied: ")
    assert process.returncode == 0


def test_ctrl_c_ends_it_and_what_it_has_started(machine):
    """At once, although a library does not answer."""
    gate = machine.directory / "gate"
    os.mkfifo(gate)
    machine.write("fakes/waitress/__init__.py", f"held = open({str(gate)!r}, 'w')\nopen({str(gate)!r}).read()\n")
    environ = {**machine.environ, **fakes(machine, "waitress")}
    with subprocess.Popen(
        [AUTOTRACE, "doctor"], env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        with gate.open() as held:  # it is being imported now
            process.send_signal(signal.SIGINT)
            assert held.read() == ""  # and nobody is left who holds it
        _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (130, b"")


def test_what_holds_a_function_from_before_is_named(machine):
    """Here a `.pth` file made a partial of it before autotrace was there."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", machine.directory / "other"], check=True)
    python = str(machine.directory / "other" / "bin" / "python")
    paths = [sysconfig.get_path("purelib"), sysconfig.get_path("platlib")]
    (packages,) = (machine.directory / "other" / "lib").glob("python*/site-packages")
    early = "import functools, sqlite3; sqlite3.held = functools.partial(sqlite3.connect)"
    (packages / "early.pth").write_text("\n".join([*dict.fromkeys(paths), early, ""]))
    code, found = examined(machine, python, "app.py", AUTOTRACE_INSTRUMENTORS="sqlite3")
    assert (code, found["problems"], instrumentor(found, "sqlite3")["state"]) == (0, [], "on")
    assert found["python"]["left"] == ["partial of connect"]
    assert found["warnings"] == [
        "partial of connect holds a function from before it was patched; what it calls is not traced"
    ]


@pytest.mark.parametrize("options", [("doctor",), ("doctor", "--json"), ("doctor", "--help"), ("--version",)])
def test_nobody_reads_on(machine, options):
    """A pipe that is closed at once ends it without a word, whatever it was about to say."""
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [AUTOTRACE, *options],
        env={**machine.environ, **FEW},
        stdout=write,
        stderr=subprocess.PIPE,
        check=False,
        timeout=60,
    )
    os.close(write)
    assert (done.returncode, done.stderr) == (1, b"")


def test_whoever_has_read_enough_goes(machine):
    """`| head -3` ends it without a word."""
    with subprocess.Popen(
        [AUTOTRACE, "doctor"], env={**machine.environ, **FEW}, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        for _ in range(3):
            assert process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(60) == 1


def test_another_agent_is_named(machine):
    """Installed is a fact, running is a warning; the program works."""
    machine.write("fakes/ddtrace/__init__.py", "")
    machine.write("fakes/sentry_sdk/__init__.py", "")
    machine.write("fakes/sitecustomize.py", "import ddtrace\n")
    _, found = examined(machine, **fakes(machine, "flask"))
    agents = found["python"]["agents"]
    assert (agents["Datadog"], agents["Sentry"]) == ("running", "installed")
    assert [text for text in found["warnings"] if "Datadog" in text]
    assert not [text for text in found["warnings"] if "Sentry" in text]


def test_options(machine):
    """Help on standard output; an unknown one is one line and 2; every spelling of the command has it."""
    assert b"usage: autotrace doctor" in machine.run(AUTOTRACE, "doctor", "--help").stdout
    wrong = machine.run(AUTOTRACE, "doctor", "--nope")
    assert (wrong.returncode, wrong.stdout, wrong.stderr.count(b"\n")) == (2, b"", 1)
    assert b"doctor" in machine.run(AUTOTRACE, "--help").stdout
    assert machine.run(sys.executable, "-m", "autotrace", "doctor", "--help").returncode == 0
