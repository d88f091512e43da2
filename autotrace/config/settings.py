"""The settings: one table, three sources, one frozen object.

The environment wins over the configuration file (``autotrace.toml``, or ``[tool.autotrace]`` in ``pyproject.toml``, found
upward from the working directory), and that over the defaults.  A value that cannot be read costs one warning, which says
what holds instead; the program runs.  OpenTelemetry specification, "Environment variable specification": an empty variable
counts as not set.

A path is absolute once it has been read, and relative to where it was said: a file's are to its directory.
"""

from __future__ import annotations

import os

from autotrace.config.paths import configuration_files, default_directory, located
from autotrace.config.values import (
    Setting,
    boolean,
    choice,
    count,
    endpoint,
    headers,
    limit,
    milliseconds,
    names,
    negated,
    pairs,
    path,
    positive,
    ratio,
    sampler,
    size,
    text,
    told,
    traces_endpoint,
    words,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from autotrace.config.values import Advise

    Wrong = tuple[Setting, str, Any, Exception]  # of what, where it is said, what, and why not


_EXPORTERS = ("inbox", "otlp", "console", "none")
_PROPAGATORS = ("tracecontext", "baggage", "b3", "b3multi", "jaeger", "xray", "datadog", "none")
_DEFAULT_ENDPOINT = "http://localhost:4318/v1/traces"  # OTLP exporter specification, "Configuration Options"
_OTLP = "OTEL_EXPORTER_OTLP_"


def _otlp(name: str, read: Callable[[Any], Any]) -> tuple[tuple[str, Callable[[Any], Any]], ...]:
    return ((f"{_OTLP}TRACES_{name}", read), (f"{_OTLP}{name}", read))


TABLE = (
    Setting("enabled", boolean, True, "Whether anything is traced.", (("OTEL_SDK_DISABLED", negated),)),
    Setting(
        "service_name",
        text,
        "",
        "The service's name; by default the application's, else the program's.",
        (("OTEL_SERVICE_NAME", text),),
    ),
    Setting(
        "resource_attributes",
        pairs,
        {},
        "Attributes of the whole process, as `key=value,key=value`.",
        (("OTEL_RESOURCE_ATTRIBUTES", pairs),),
        secret=True,
    ),
    Setting("instrumentors", names, ("all",), "Instrumentors and families that are switched on."),
    Setting(
        "instrumentors_off",
        names,
        (),
        "Instrumentors and families that are switched off; `all` for all that are not named in `instrumentors`.",
        (("OTEL_PYTHON_DISABLED_INSTRUMENTATIONS", names),),
    ),
    Setting(
        "exporters",
        words(*_EXPORTERS),
        (),
        "Where traces go: `inbox` (this machine), `otlp` (to `http://localhost:4318` where no endpoint is set), `console` "
        "(standard error), `none`. By default `otlp` where an endpoint is set, else `inbox`.",
        (("OTEL_TRACES_EXPORTER", words(*_EXPORTERS, also={"otlp_proto_http": "otlp"})),),
    ),
    Setting(
        "endpoint",
        endpoint,
        "",
        "The base URL of an OTLP receiver, which is spoken to by `http/protobuf`; `/v1/traces` is added. "
        "`OTEL_EXPORTER_OTLP_TRACES_ENDPOINT` is used as it is.",
        ((f"{_OTLP}TRACES_ENDPOINT", traces_endpoint), (f"{_OTLP}ENDPOINT", endpoint)),
    ),
    Setting(
        "headers",
        headers,
        {},
        "Headers of OTLP requests, as `key=value,key=value`.",
        _otlp("HEADERS", headers),
        secret=True,
    ),
    Setting(
        "compression",
        choice("auto", "gzip", "none"),
        "auto",
        "How OTLP requests are compressed: `gzip`, `none`, or `auto`: gzip, except to this machine.",
        _otlp("COMPRESSION", choice("gzip", "none")),
    ),
    Setting(
        "timeout_ms",
        milliseconds,
        10_000,
        "How long one OTLP request may take, in ms; 0: as long as it likes.",
        _otlp("TIMEOUT", milliseconds),
    ),
    Setting("certificate", path, "", "A file of CA certificates to trust.", _otlp("CERTIFICATE", path)),
    Setting("client_key", path, "", "The private key's file for mTLS.", _otlp("CLIENT_KEY", path)),
    Setting(
        "client_certificate", path, "", "The client certificate's file for mTLS.", _otlp("CLIENT_CERTIFICATE", path)
    ),
    Setting("insecure", boolean, False, "Do not verify the receiver's certificate."),
    Setting(
        "sampler",
        sampler,
        "parentbased_traceidratio",
        "`always_on`, `always_off`, `traceidratio`, or one of these with `parentbased_` before it.",
        (("OTEL_TRACES_SAMPLER", sampler),),
    ),
    Setting(
        "sample_ratio",
        ratio,
        1.0,
        "The share of traces that is kept, 0 to 1; for the samplers `traceidratio` and `parentbased_traceidratio`.",
        (("OTEL_TRACES_SAMPLER_ARG", ratio),),
    ),
    Setting(
        "propagators",
        words(*_PROPAGATORS),
        ("tracecontext", "baggage"),
        "How context travels: `tracecontext`, `baggage`, `b3`, `b3multi`, `jaeger`, `xray`, `datadog`, or `none`.",
        (("OTEL_PROPAGATORS", words(*_PROPAGATORS)),),
    ),
    Setting(
        "parent_from_environment",
        boolean,
        True,
        "Whether the process is beneath the span that `TRACEPARENT` (with `TRACESTATE` and `BAGGAGE`) names in its "
        "environment; requests that it serves and messages that it receives never are.",
    ),
    Setting(
        "batch_parent",
        choice("producer", "ambient"),
        "producer",
        "Beneath what the handling of each message of a batch is: its `producer`, or `ambient`: the span around the "
        "consumer, or where there is none the pull's, with a link to the producer.",
    ),
    Setting(
        "receive_spans",
        choice("auto", "always", "never"),
        "auto",
        "Whether a pull that brought messages is a span, linked to their producers: `always`, `never`, or `auto`: where it "
        "brought several, or another span is current around it.",
    ),
    Setting(
        "sql_comments",
        boolean,
        False,
        "Whether statements are sent to PostgreSQL, MySQL and MariaDB with a comment that says which span sent them: "
        "`/*traceparent='...'*/`. What is prepared, or otherwise remembered by its text, is sent as it is.",
    ),
    Setting(
        "excluded_urls",
        names,
        (),
        "Regular expressions, separated by commas; a request whose URL matches one is not traced, nor is anything beneath.",
        (("OTEL_PYTHON_EXCLUDED_URLS", names),),
    ),
    Setting(
        "known_methods",
        names,
        (),
        "The HTTP methods that count as known, in place of the standard's.",
        (("OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS", names),),
    ),
    Setting(
        "redacted_query_keys",
        names,
        (),
        "Keys of URL queries whose values are redacted, beside the built-in list; with `only` among them in its place. "
        "In any case, with or without `-` and `_`.",
    ),
    Setting(
        "attribute_value_length",
        limit,
        None,
        "The longest attribute value, in characters; no limit by default.",
        (("OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", limit), ("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", limit)),
    ),
    Setting(
        "attribute_count",
        count,
        128,
        "The most attributes of a span.",
        (("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", count), ("OTEL_ATTRIBUTE_COUNT_LIMIT", count)),
    ),
    Setting("event_count", count, 128, "The most events of a span.", (("OTEL_SPAN_EVENT_COUNT_LIMIT", count),)),
    Setting("link_count", count, 128, "The most links of a span.", (("OTEL_SPAN_LINK_COUNT_LIMIT", count),)),
    Setting(
        "event_attribute_count",
        count,
        128,
        "The most attributes of an event.",
        (("OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", count),),
    ),
    Setting("data_dir", path, "", "Where traces are kept on this machine; by default in the user's data directory."),
    Setting("inbox_max_bytes", size, 256 << 20, "The most that spans not yet read may take on disk: `256MiB`."),
    Setting(
        "schedule_delay_ms",
        milliseconds,
        1000,
        "How long a finished span may wait to be sent, in ms.",
        (("OTEL_BSP_SCHEDULE_DELAY", milliseconds),),
    ),
    Setting(
        "max_queue_size",
        positive,
        65_536,
        "The most finished spans that wait while nobody takes them, of about 500 bytes each; then the oldest are dropped.",
        (("OTEL_BSP_MAX_QUEUE_SIZE", positive),),
    ),
    Setting(
        "max_queue_bytes",
        size,
        40 << 20,
        "The most memory that finished spans may hold which wait while nobody takes them, an estimate: `40MiB`; then the "
        "oldest that did not fail are dropped. While somebody takes them it may be four times as much.",
    ),
    Setting(
        "max_export_batch_size",
        positive,
        8192,
        "The most spans of one delivery.",
        (("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", positive),),
    ),
    Setting(
        "exit_timeout_ms", milliseconds, 1500, "How long the end of the program may wait for the last spans, in ms."
    ),
    Setting(
        "fault_limit",
        count,
        100,
        "How many faults of autotrace's own an instrumentor may have before it switches itself off; 0: any number.",
    ),
    Setting("verbose", boolean, False, "Say on standard error what is patched and what goes wrong."),
)


class Settings:
    """The settings as they hold; a field for each row of the table, and what had to be warned of.

    Attributes:
        warnings: one sentence for each value that was passed over.
        file: the configuration file that was read, or empty.
    """

    __slots__ = (*(setting.name for setting in TABLE), "file", "warnings")

    def __init__(self, values: dict[str, Any], warnings: tuple[str, ...], file: str) -> None:
        for name, value in values.items():
            object.__setattr__(self, name, value)
        object.__setattr__(self, "warnings", warnings)
        object.__setattr__(self, "file", file)

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"settings are read once and never change; {name!r} was not set")

    if TYPE_CHECKING:  # a test holds these against the table
        enabled: bool
        service_name: str
        resource_attributes: Mapping[str, str]
        instrumentors: tuple[str, ...]
        instrumentors_off: tuple[str, ...]
        exporters: tuple[str, ...]
        endpoint: str
        headers: Mapping[str, str]
        compression: str
        timeout_ms: int
        certificate: str
        client_key: str
        client_certificate: str
        insecure: bool
        sampler: str
        sample_ratio: float
        propagators: tuple[str, ...]
        parent_from_environment: bool
        batch_parent: str
        receive_spans: str
        sql_comments: bool
        excluded_urls: tuple[str, ...]
        known_methods: tuple[str, ...]
        redacted_query_keys: tuple[str, ...]
        attribute_value_length: int | None
        attribute_count: int
        event_count: int
        link_count: int
        event_attribute_count: int
        data_dir: str
        inbox_max_bytes: int
        schedule_delay_ms: int
        max_queue_size: int
        max_queue_bytes: int
        max_export_batch_size: int
        exit_timeout_ms: int
        fault_limit: int
        verbose: bool
        warnings: tuple[str, ...]
        file: str


def load(
    environ: Mapping[str, str] | None = None, directory: str | None = None, advise: Advise | None = None
) -> Settings:
    """Read all sources.

    Args:
        environ: in place of ``os.environ``.
        directory: where the search for a configuration file begins; the working directory by default.
        advise: returns what a word may have meant, of several, or an empty string; None where nobody is told.
    """
    environ = os.environ if environ is None else environ
    warnings: list[str] = []
    wrong: list[Wrong] = []
    file, configured = _configuration(environ, directory, warnings, advise)
    values = {setting.name: _value(setting, environ, configured, file, wrong)[0] for setting in TABLE}
    if not values["exporters"]:
        values["exporters"] = ("otlp",) if values["endpoint"] else ("inbox",)
    elif not values["endpoint"] and "otlp" in values["exporters"]:
        values["endpoint"] = _DEFAULT_ENDPOINT
    values["data_dir"] = values["data_dir"] or default_directory(environ)
    for setting, source, given, error in wrong:
        warnings.append(told(source, "" if setting.secret else given, error, values[setting.name], advise))
    return Settings(values, tuple(warnings), file)


def sources(environ: Mapping[str, str] | None = None, directory: str | None = None) -> dict[str, str]:
    """Return where each setting that is not at its default comes from: a variable's name, or a file's.

    The arguments are those of ``load``.
    """
    environ = os.environ if environ is None else environ
    file, configured = _configuration(environ, directory, [])
    found = {setting.name: _value(setting, environ, configured, file, [])[1] for setting in TABLE}
    return {name: source for name, source in found.items() if source}


def _value(
    setting: Setting, environ: Mapping[str, str], configured: dict[str, Any], file: str, wrong: list[Wrong]
) -> tuple[Any, str]:
    """Return a setting's value and where it is said; what is not taken of what is said is added to ``wrong``."""
    sources = []
    for variable, read in ((setting.variable, setting.read), *setting.also):
        given = environ.get(variable)
        if given is not None and given.strip():
            sources.append((variable, given.strip(), read, ""))
    if setting.name in configured:
        sources.append((f"{setting.name} in {file}", configured[setting.name], setting.read, os.path.dirname(file)))
    for source, given, read, base in sources:
        try:
            value = read(given)
            return (located(value, base) if read is path else value), source
        except (TypeError, ValueError, OSError) as error:
            wrong.append((setting, source, given, error))
            if getattr(error, "instead", None) is not None:
                return error.instead, source  # type: ignore[union-attr]
    return setting.default, ""


def _configuration(
    environ: Mapping[str, str], directory: str | None, warnings: list[str], advise: Advise | None = None
) -> tuple[str, dict[str, Any]]:
    """Return the configuration file that counts, and what it says; its name is empty where there is none."""
    named = environ.get("AUTOTRACE_CONFIG", "").strip()
    try:
        candidates = iter((located(named),)) if named else configuration_files(directory or os.getcwd())
        for first in candidates:
            from autotrace.config import files

            known = tuple(setting.name for setting in TABLE)
            return files.read(first, () if named else candidates, known, warnings, advise)
    except (OSError, ValueError) as error:
        where = named or "above the working directory"
        warnings.append(f"the configuration file {where} cannot be found ({error}); it is passed over")
    return "", {}
