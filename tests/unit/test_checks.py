"""What the launcher and the doctor say of the settings: each wrong thing once, with what was meant and what holds."""

from __future__ import annotations

import pytest

from autotrace.launch.checks import checked


def said(tmp_path, **environ):
    """Return what is wrong with an environment."""
    return checked({"XDG_DATA_HOME": str(tmp_path / "data"), **environ}, str(tmp_path))[1]


@pytest.mark.parametrize(
    ("variable", "value", "line"),
    [
        (
            "AUTOTRACE_EXPORTERS",
            "inbx",
            "='inbx' has 'inbx', which is not one of: inbox, otlp, console, none (did you mean inbox?); using inbox",
        ),
        (
            "AUTOTRACE_INSTRUMENTORS",
            "flaks",
            "='flaks' has 'flaks', which is no instrumentor, library or family (did you mean flask?); using all",
        ),
        (
            "AUTOTRACE_INSTRUMENTORS_OFF",
            "redis,flaks",
            "='redis,flaks' has 'flaks', which is no instrumentor, library or family (did you mean flask?); it is passed over",
        ),
        (
            "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS",
            "sqlalchmy",
            "='sqlalchmy' has 'sqlalchmy', which is no instrumentor, library or family (did you mean sqlalchemy?); it is passed over",
        ),
        ("AUTOTRACE_SERVIC_NAME", "SECRET", " is no setting of autotrace (did you mean AUTOTRACE_SERVICE_NAME?); it is passed over"),
        ("AUTOTRACE_NOPE", "SECRET", " is no setting of autotrace; it is passed over"),
        ("OTEL_SERVIC_NAME", "SECRET", " is not read by autotrace (did you mean OTEL_SERVICE_NAME?); it is passed over"),
        ("OTEL_BSP_EXPORT_TIMEOUT", "5", ": not read by autotrace; passed over"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc", "='grpc' is not spoken by autotrace; using http/protobuf"),
        (
            "OTEL_TRACES_SAMPLER",
            "parentbased_alwayson",
            "='parentbased_alwayson' is not one of: always_on, always_off, traceidratio, or one of these after parentbased_ (did you mean parentbased_always_on?); using parentbased_traceidratio",
        ),
        (
            "AUTOTRACE_EXCLUDED_URLS",
            "(",
            " has '(', which is no regular expression (missing ), unterminated subpattern at position 0); it is passed over",
        ),
        (
            "AUTOTRACE_CERTIFICATE",
            "/no/such.pem",
            "='/no/such.pem' is not a file that can be read; nothing can be sent over TLS",
        ),
    ],
)  # fmt: skip
def test_one_line_says_what_is_wrong_what_was_meant_and_what_holds(tmp_path, variable, value, line):
    """Also of what no value is wrong with: names that nobody has, variables that nobody reads, never with their value."""
    assert said(tmp_path, **{variable: value}) == [f"{variable}{line}"]


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("OTEL_METRICS_EXPORTER", "none"),
        ("OTEL_LOGS_EXPORTER", "otlp"),
        ("OTEL_LOG_LEVEL", "info"),
        ("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "http://h"),
        ("OTEL_SEMCONV_STABILITY_OPT_IN", "http"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"),
        ("OTEL_LINK_ATTRIBUTE_COUNT_LIMIT", "128"),
        ("OTEL_PYTHON_DISABLED_INSTRUMENTATIONS", "asyncio,psycopg2,aiohttp-client,kafka-python,threading,urllib"),
        ("AUTOTRACE_INSTRUMENTORS", "All, REDIS, confluent-kafka, http_client, *"),
        ("OTEL_COLLECTOR_SERVICE_HOST", "10.0.0.1"),
        ("OTEL_COLLECTOR_PORT_4317_TCP_ADDR", "10.0.0.1"),
        ("AUTOTRACE_WEB_SERVICE_PORT_HTTP", "80"),
        ("AUTOTRACE_NOPE", " "),
        ("AUTOTRACE_CONFIG", ""),
    ],
)
def test_nothing_is_said_of_what_is_right_or_not_ours(tmp_path, variable, value):
    """Other signals, OpenTelemetry's names of libraries that we leave alone, links that Kubernetes sets, empty variables."""
    assert said(tmp_path, **{variable: value}) == []


def test_many_variables_of_others_are_one_line(tmp_path):
    """A deployment that is set up for another SDK is not scolded for each of its variables."""
    line = "OTEL_BSP_EXPORT_TIMEOUT, OTEL_EXPORTER_ZIPKIN_ENDPOINT: not read by autotrace; passed over"
    assert said(tmp_path, OTEL_EXPORTER_ZIPKIN_ENDPOINT="http://z", OTEL_BSP_EXPORT_TIMEOUT="1") == [line]


def test_in_a_file_the_file_is_named(tmp_path):
    """With what a key and a word were meant to be."""
    file = tmp_path / "autotrace.toml"
    file.write_text('servicename = "x"\ninstrumentors_off = ["flaks"]\n')
    key, word = said(tmp_path)
    assert key == f"servicename in {file} is no setting of autotrace (did you mean service_name?); it is passed over"
    assert word.startswith(f"instrumentors_off in {file}='flaks' has 'flaks', which is no instrumentor,")
    assert word.endswith("(did you mean flask?); it is passed over")
