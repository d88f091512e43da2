"""The settings table: three sources, precedence, and what happens to a wrong value."""

from __future__ import annotations

import pytest

from autotrace import settings


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
        ("AUTOTRACE_MAX_QUEUE_SIZE", "-3", "max_queue_size", 65_536, "is not a whole number of 0 or more"),
        ("AUTOTRACE_ENDPOINT", "localhost:4318", "endpoint", "", "is not an http:// or https:// URL"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc", "protocol", "http/protobuf", "is not one of: http/protobuf"),
        ("AUTOTRACE_ENABLED", "perhaps", "enabled", True, "is neither true nor false"),
        ("AUTOTRACE_INBOX_MAX_BYTES", "much", "inbox_max_bytes", 256 << 20, "is not a size such as 256MiB"),
        ("OTEL_RESOURCE_ATTRIBUTES", "nonsense", "resource_attributes", {}, "is not of the form"),
    ],
)
def test_a_wrong_value_costs_one_clear_warning_and_gives_the_default(tmp_path, variable, value, field, default, reason):
    """The warning names the variable, the value and what is wrong with it."""
    read = load({variable: value}, tmp_path)
    assert getattr(read, field) == default
    (warning,) = read.warnings
    assert warning.startswith(f"{variable}={value!r} {reason}")


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
    assert load({"OTEL_SDK_DISABLED": "1"}, tmp_path).enabled is True
