"""The settings table: three sources, precedence, and what happens to a wrong value."""

from __future__ import annotations

import ast
import os
from pathlib import Path

import pytest

from autotrace import propagation
from autotrace.config import settings
from autotrace.config.settings import TABLE


def load(environ, directory, **files):
    for name, content in files.items():
        (directory / f"{name}.toml").write_text(content)
    return settings.load(environ, str(directory))


def test_defaults_hold_where_nothing_is_set(tmp_path):
    """Without any set-up everything is on, kept on this machine, and always sampled."""
    read = load({"XDG_DATA_HOME": "/data"}, tmp_path)
    assert (read.enabled, read.exporters, read.instrumentors, read.sample_ratio) == (True, ("inbox",), ("all",), 1.0)
    assert read.data_dir == "/data/autotrace"
    assert read.warnings == ()
    assert read.file == ""


def test_environment_wins_over_file_and_file_over_default(tmp_path):
    """The nearest source of a value is the environment, then the file."""
    file = 'service_name = "file"\nsample_ratio = 0.5\n'
    read = load({"AUTOTRACE_SERVICE_NAME": "variable"}, tmp_path, autotrace=file)
    assert (read.service_name, read.sample_ratio) == ("variable", 0.5)
    assert read.file == str(tmp_path / "autotrace.toml")


def test_own_variable_wins_over_the_standard_one(tmp_path):
    """AUTOTRACE_X beats OTEL_X, and the per-signal OTLP variable beats the general one."""
    environ = {
        "AUTOTRACE_SERVICE_NAME": "own",
        "OTEL_SERVICE_NAME": "standard",
        "OTEL_EXPORTER_OTLP_TIMEOUT": "5",
        "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT": "7",
    }
    read = load(environ, tmp_path)
    assert (read.service_name, read.timeout_ms) == ("own", 7)


def test_file_is_found_upward_and_pyproject_needs_our_table(tmp_path):
    """A pyproject.toml without [tool.autotrace] is somebody else's; the search goes on above it."""
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    (inner / "pyproject.toml").write_text("[tool.other]\nx = 1\n")
    (tmp_path / "pyproject.toml").write_text('[tool.autotrace]\nservice_name = "above"\n')
    assert settings.load({}, str(inner)).service_name == "above"


@pytest.mark.parametrize(
    ("variable", "value", "field", "default", "reason"),
    [
        ("OTEL_TRACES_SAMPLER_ARG", "1.5", "sample_ratio", 1.0, "is not a ratio between 0 and 1"),
        ("OTEL_TRACES_SAMPLER", "jaeger_remote", "sampler", "parentbased_traceidratio", "is not one of: always_on"),
        ("AUTOTRACE_MAX_QUEUE_SIZE", "-3", "max_queue_size", 65_536, "is not a whole number of 1 or more"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "0", "max_queue_size", 65_536, "is not a whole number of 1 or more"),
        ("AUTOTRACE_INBOX_MAX_BYTES", "0", "inbox_max_bytes", 256 << 20, "is not a size between one byte"),
        ("AUTOTRACE_SCHEDULE_DELAY_MS", "9" * 30, "schedule_delay_ms", 1000, "is more than 10000000000"),
        ("AUTOTRACE_MAX_QUEUE_SIZE", "9" * 30, "max_queue_size", 65_536, "is more than 2147483647"),
        ("AUTOTRACE_TIMEOUT_MS", "9" * 5000, "timeout_ms", 10_000, "is "),
        ("AUTOTRACE_ENDPOINT", "localhost:4318", "endpoint", "", "is not an http:// or https:// URL"),
        ("AUTOTRACE_ENDPOINT", "http://host:99999", "endpoint", "", "is not an http:// or https:// URL"),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "brotli", "compression", "auto", "is not one of: gzip, none"),
        ("OTEL_TRACES_EXPORTER", "zipkin", "exporters", ("inbox",), "has 'zipkin', which is not one of: inbox, otlp"),
        ("OTEL_TRACES_EXPORTER", "jaeger", "exporters", ("inbox",), "has 'jaeger', which is not one of: inbox, otlp"),
        ("AUTOTRACE_EXPORTERS", "inbx", "exporters", ("inbox",), "has 'inbx', which is not one of: inbox, otlp"),
        ("AUTOTRACE_EXPORTERS", "inbx,console", "exporters", ("console",), "has 'inbx', which is not one of"),
        ("OTEL_PROPAGATORS", "ottrace", "propagators", ("tracecontext", "baggage"), "has 'ottrace', which is not one"),
        ("OTEL_PROPAGATORS", "ottrace,b3", "propagators", ("b3",), "has 'ottrace', which is not one of"),
        ("AUTOTRACE_DATA_DIR", "~nobody-here/x", "data_dir", "/data/autotrace", "names a home directory"),
        ("AUTOTRACE_ENABLED", "perhaps", "enabled", True, "is neither true nor false"),
        ("AUTOTRACE_INBOX_MAX_BYTES", "much", "inbox_max_bytes", 256 << 20, "is not a size such as 256MiB"),
    ],
)
def test_a_wrong_value_costs_one_clear_warning_and_gives_the_default(tmp_path, variable, value, field, default, reason):
    """The warning names the variable, the value, what is wrong with it, and what holds instead; an exporter is left."""
    read = load({variable: value, "XDG_DATA_HOME": "/data"}, tmp_path)
    assert getattr(read, field) == default
    (warning,) = read.warnings
    assert warning.startswith(f"{variable}={value!r} {reason}")
    holds = ",".join(default) if isinstance(default, tuple) else str(default).lower()
    assert warning.endswith(f"; using {holds}" if holds else "; it is passed over")


@pytest.mark.parametrize(
    ("environ", "holds"),
    [
        ({"AUTOTRACE_SAMPLE_RATIO": "2", "OTEL_TRACES_SAMPLER_ARG": "0.25"}, "0.25"),
        ({"AUTOTRACE_EXPORTERS": "otpl", "AUTOTRACE_ENDPOINT": "http://c"}, "otlp"),
    ],
)
def test_what_holds_instead_is_what_the_next_source_says(tmp_path, environ, holds):
    """Not the default, where somebody else said something that can be read."""
    (warning,) = load(environ, tmp_path).warnings
    assert warning.endswith(f"; using {holds}")


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("OTEL_EXPORTER_OTLP_HEADERS", "api-key: SECRET"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "api-key: SECRET=="),
        ("AUTOTRACE_HEADERS", "a=SECRET\r\nb"),
        ("AUTOTRACE_ENDPOINT", "user:SECRET@host"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://user:SECRET@host:x/"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://user:SECRET@host/v1/traces"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "host/?key=SECRET"),
        ("OTEL_RESOURCE_ATTRIBUTES", "token SECRET"),
        ("AUTOTRACE_EXPORTERS", "http://user:SECRET@host"),
    ],
)
def test_a_malformed_value_that_may_be_secret_is_named_without_it(tmp_path, variable, value):
    """A terminal, a log of a deployment: a warning is seen by more people than the variable."""
    (warning,) = load({variable: value}, tmp_path).warnings
    assert warning.startswith(f"{variable} ")
    assert "SECRET" not in warning


def test_in_a_file_too_no_secret_is_told(tmp_path):
    """Neither a header that cannot be one, nor the value of a key that is mistyped."""
    file = 'headers = {"api key" = "SECRET"}\nheadrs = {a = "SECRET"}\n'
    warnings = load({}, tmp_path, autotrace=file).warnings
    assert len(warnings) == 2
    assert "SECRET" not in "".join(warnings)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("timeout_ms", "5.5"),
        ("sample_ratio", "true"),
        ("service_name", "[1]"),
        ("exporters", "5"),
        ("instrumentors_off", "[1, 2]"),
        ("headers", "{a = {b = 1}}"),
        ("data_dir", "5"),
        ("enabled", "[]"),
        ("batch_parent", "[]"),
        ("endpoint", "{}"),
    ],
)
def test_a_value_of_another_type_is_a_wrong_value(tmp_path, key, value):
    """TOML has types, and none of them is quietly made text."""
    (warning,) = load({}, tmp_path, autotrace=f"{key} = {value}\n").warnings
    assert warning.startswith(f"{key} in ")


def test_the_standards_exporter_has_the_standards_endpoint(tmp_path):
    """`otlp` without an endpoint is the receiver of this machine; Python's name for OTLP over HTTP is understood."""
    for name in ("otlp", "otlp_proto_http", "OTLP"):
        read = load({"OTEL_TRACES_EXPORTER": name}, tmp_path)
        assert (read.exporters, read.endpoint, read.warnings) == (("otlp",), "http://localhost:4318/v1/traces", ())


def test_a_timeout_of_nothing_is_no_limit(tmp_path):
    """OpenTelemetry: 0 means that there is none."""
    read = load({"OTEL_EXPORTER_OTLP_TIMEOUT": "0"}, tmp_path)
    assert (read.timeout_ms, read.warnings) == (0, ())


@pytest.mark.parametrize("variable", ["AUTOTRACE_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"])
@pytest.mark.parametrize("url", ["http://h:4318/v1/traces", "http://h:4318/v1/traces/"])
def test_a_base_url_that_ends_in_the_path_for_traces_gets_none_more(tmp_path, variable, url):
    """Nobody listens at /v1/traces/v1/traces; the line says what is used."""
    read = load({variable: url}, tmp_path)
    assert read.endpoint == "http://h:4318/v1/traces"
    (warning,) = read.warnings
    assert warning == (
        f"{variable}={url!r} ends in /v1/traces, which is not added once more; using http://h:4318/v1/traces"
    )


def test_paths_are_made_absolute_where_they_are_said(tmp_path, monkeypatch):
    """A home, the working directory for a variable, the file's own for a file; the program may go elsewhere then."""
    monkeypatch.setenv("HOME", "/home/me")
    monkeypatch.chdir(tmp_path)
    for variable, field in (("DATA_DIR", "data_dir"), ("CERTIFICATE", "certificate"), ("CLIENT_KEY", "client_key")):
        assert getattr(load({f"AUTOTRACE_{variable}": "~/traces"}, tmp_path), field) == "/home/me/traces"
        assert getattr(load({f"AUTOTRACE_{variable}": "x/../y"}, tmp_path), field) == str(tmp_path / "y")
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    (tmp_path / "autotrace.toml").write_text('data_dir = "traces"\ncertificate = "~/ca.pem"\n')
    read = settings.load({}, str(inner))
    assert (read.data_dir, read.certificate) == (str(tmp_path / "traces"), "/home/me/ca.pem")


@pytest.mark.parametrize("text", ["[[tool.autotrace]]\nx = 1\n", "[tool]\nautotrace = 5\n", 'tool.autotrace = "x"\n'])
def test_something_else_where_the_table_should_be_is_one_warning(tmp_path, text):
    """A list of tables, a number, a text: the program runs with the defaults."""
    read = load({"XDG_DATA_HOME": "/data"}, tmp_path, pyproject=text)
    (warning,) = read.warnings
    assert "tool.autotrace is not a table: write [tool.autotrace]" in warning
    assert (read.file, read.exporters) == ("", ("inbox",))


@pytest.mark.parametrize(
    "text",
    [
        '[tool.autotrace]\nservice_name = "mine"\n',
        '[ tool . "autotrace" ]\nservice_name = "mine"\n',
        '[tool]\nautotrace = {service_name = "mine"}\n',
        'tool.autotrace.service_name = "mine"\n',
        '[tool]\nautotrace.service_name = "mine"\n',
        '[project]\ndate = 2024-01-01\n[[tool.other]]\nx = """\na\n"""\n[tool.autotrace]\nservice_name = """\nmine"""\n',
    ],
)
def test_every_spelling_of_toml_means_the_same_on_every_python(tmp_path, text):
    """What another reader finds in the file, ours finds."""
    assert load({}, tmp_path, pyproject=text).service_name == "mine"


def test_a_pyproject_that_only_requires_autotrace_is_somebody_elses(tmp_path):
    """It is not even read as TOML, and the search goes on above it."""
    inner = tmp_path / "inner"
    inner.mkdir()
    (inner / "pyproject.toml").write_text('[project]\ndependencies = [\n  "autotrace",\n] this is no TOML\n')
    (tmp_path / "autotrace.toml").write_text('service_name = "above"\n')
    read = settings.load({}, str(inner))
    assert (read.service_name, read.warnings) == ("above", ())


@pytest.mark.parametrize("name", ["autotrace.toml", "pyproject.toml"])
@pytest.mark.parametrize("open_", ["file", "directory"])
def test_a_file_that_others_may_write_does_not_count_unless_it_is_named(tmp_path, name, open_):
    """It would decide where all spans go; the search goes on above it, and one line says so."""
    inner = tmp_path / "inner"
    inner.mkdir()
    file = inner / name
    text = 'service_name = "theirs"\n'
    file.write_text(text if name == "autotrace.toml" else f"[tool.autotrace]\n{text}")
    (tmp_path / "autotrace.toml").write_text('service_name = "above"\n')
    (file if open_ == "file" else inner).chmod(0o666 if open_ == "file" else 0o1777)
    read = settings.load({}, str(inner))
    assert read.service_name == "above"
    (warning,) = read.warnings
    assert warning.startswith(f"{file} ")
    assert "others may write; it is passed over: name it with --config" in warning
    assert settings.load({"AUTOTRACE_CONFIG": str(file)}, "/").service_name == "theirs"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
@pytest.mark.parametrize("given", ["file", "directory", "target of a link"])
def test_a_file_of_another_user_does_not_count(tmp_path, given):
    """Nor does one in a directory of theirs, nor one that a link leads to."""
    inner, elsewhere = tmp_path / "inner", tmp_path / "elsewhere"
    inner.mkdir()
    elsewhere.mkdir()
    file = inner / "autotrace.toml"
    target = elsewhere / "any.toml"
    target.write_text('service_name = "theirs"\n')
    if given == "target of a link":
        file.symlink_to(target)
    else:
        file.write_text('service_name = "theirs"\n')
    os.chown({"file": file, "directory": inner, "target of a link": target}[given], 12345, 12345)
    read = settings.load({}, str(inner))
    assert read.service_name == ""
    (warning,) = read.warnings
    assert "belongs to another user" in warning


def test_a_file_that_cannot_be_read_and_an_unknown_key_are_warned_of(tmp_path):
    """A broken file is passed over whole, an unknown key alone."""
    (warning,) = load({}, tmp_path, autotrace="service_name = \n").warnings
    assert "cannot be read" in warning
    (warning,) = load({}, tmp_path, autotrace="servicename = 'x'\n").warnings
    assert warning.startswith("servicename in ")


@pytest.mark.parametrize(
    ("environ", "endpoint"),
    [
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318"}, "http://c:4318/v1/traces"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318/base/"}, "http://c:4318/base/v1/traces"),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://c:4318"}, "http://c:4318/"),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://c/own"}, "http://c/own"),
        ({"AUTOTRACE_ENDPOINT": "https://c"}, "https://c/v1/traces"),
    ],
)
def test_the_endpoint_follows_the_rules_of_otlp(tmp_path, environ, endpoint):
    """A base URL gets the signal's path, a signal's own URL is used as it is; either switches the exporter."""
    read = load(environ, tmp_path)
    assert (read.endpoint, read.exporters) == (endpoint, ("otlp",))


def test_an_empty_variable_counts_as_not_set(tmp_path):
    """OpenTelemetry: an empty value is treated as unset."""
    assert load({"OTEL_TRACES_SAMPLER_ARG": ""}, tmp_path).warnings == ()


def test_settings_never_change(tmp_path):
    """The object is frozen."""
    with pytest.raises(AttributeError, match="never change"):
        load({}, tmp_path).enabled = False


def test_lists_tables_and_sizes_of_a_file_have_their_types(tmp_path):
    """TOML's own types and the text forms of the environment mean the same."""
    file = (
        'instrumentors_off = ["requests", "db_client"]\nheaders = {a = "b"}\ninbox_max_bytes = "1MiB"\nverbose = true\n'
    )
    read = load({}, tmp_path, autotrace=file)
    assert read.instrumentors_off == ("requests", "db_client")
    assert (read.headers, read.inbox_max_bytes, read.verbose) == ({"a": "b"}, 1 << 20, True)
    text = {
        "AUTOTRACE_INSTRUMENTORS_OFF": "requests, db_client",
        "AUTOTRACE_HEADERS": "a=b",
        "AUTOTRACE_INBOX_MAX_BYTES": "1MiB",
        "AUTOTRACE_VERBOSE": "true",
    }
    same = settings.load(text, str(tmp_path))
    for field in ("instrumentors_off", "headers", "inbox_max_bytes", "verbose"):
        assert getattr(same, field) == getattr(read, field)


def test_the_standards_way_of_switching_off_is_understood(tmp_path):
    """OTEL_SDK_DISABLED: only a case-insensitive 'true' switches off."""
    assert load({"OTEL_SDK_DISABLED": "TRUE"}, tmp_path).enabled is False
    read = load({"OTEL_SDK_DISABLED": "1"}, tmp_path)
    assert read.enabled is True
    assert read.warnings == ("OTEL_SDK_DISABLED='1' is neither true nor false; using true",)


def test_the_styles_of_the_table_are_those_that_there_are():
    """Two rooms that may not know each other have the same list."""
    (row,) = [setting for setting in TABLE if setting.name == "propagators"]
    assert row.read(",".join(propagation.KNOWN)) == propagation.KNOWN


def test_the_fields_are_those_of_the_table():
    """A type checker knows each, so that a name that is mistyped is told before anything runs."""
    tree = ast.parse(Path(settings.__file__).read_text(encoding="utf-8"))
    (made,) = [node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "Settings"]
    fields = [node.target.id for node in ast.walk(made) if isinstance(node, ast.AnnAssign)]
    assert fields == [*(setting.name for setting in TABLE), "warnings", "file"]
