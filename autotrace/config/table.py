"""The table of settings: a row for each, with its default, how it is read, and by which variables of others it is known.

``docs/settings.md`` is generated from it.  OpenTelemetry specification, "Environment variable specification", for the
``OTEL_`` ones.
"""

from __future__ import annotations

from autotrace.config.values import (
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
    traces_endpoint,
    words,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


class Setting:
    """A row of the table.

    Args:
        name: the field, and the key in the configuration file.
        read: turns text (or a value of the configuration file) into the value; raises ValueError.
        default: what holds where nothing is set.
        help_: one sentence.
        also: further environment variables, each with its own ``read``, in the order of precedence; ``AUTOTRACE_<NAME>``
            comes before them.
        secret: a value, also a wrong one, is nobody's business.
    """

    __slots__ = ("also", "default", "help", "name", "read", "secret", "variable")

    def __init__(
        self,
        name: str,
        read: Callable[[Any], Any],
        default: Any,
        help_: str,
        also: tuple[tuple[str, Callable[[Any], Any]], ...] = (),
        secret: bool = False,
    ) -> None:
        self.name = name
        self.variable = f"AUTOTRACE_{name.upper()}"
        self.read = read
        self.default = default
        self.help = help_
        self.also = also
        self.secret = secret


_EXPORTERS = ("inbox", "otlp", "console", "none")
_PROPAGATORS = ("tracecontext", "baggage", "b3", "b3multi", "jaeger", "xray", "datadog", "none")
DEFAULT_ENDPOINT = "http://localhost:4318/v1/traces"  # OTLP exporter specification, "Configuration Options"
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
