"""What is wrong with the settings, for whoever can say it to the user: the launcher and the doctor.

Never loaded in a traced process, where every import counts and nobody listens.  It adds to what reading the settings
finds: variables that nothing reads, names of instrumentors that nobody has, what the one value would need of others.
"""

from __future__ import annotations

import os

from autotrace.config import settings
from autotrace.config.settings import TABLE
from autotrace.patching.catalog import OTHERS, parts, unknown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from autotrace.config.settings import Settings

_PREFIXES = ("AUTOTRACE_", "OTEL_")
# Of OpenTelemetry: what is about its other signals, its own parts, or is so in any case (we speak one protocol, have no
# attributes of links, know the stable conventions only).
_NOT_OURS = (
    "OTEL_BLRP_",
    "OTEL_EXPORTER_OTLP_INSECURE",
    "OTEL_EXPORTER_OTLP_LOGS_",
    "OTEL_EXPORTER_OTLP_METRICS_",
    "OTEL_EXPORTER_OTLP_PROFILES_",
    "OTEL_EXPORTER_OTLP_TRACES_INSECURE",
    "OTEL_EXPORTER_PROMETHEUS_",
    "OTEL_LINK_ATTRIBUTE_COUNT_LIMIT",
    "OTEL_LOG",
    "OTEL_METRIC",
    "OTEL_PYTHON_CONFIGURATOR",
    "OTEL_PYTHON_CONTEXT",
    "OTEL_PYTHON_DISTRO",
    "OTEL_PYTHON_ID_GENERATOR",
    "OTEL_PYTHON_LOG",
    "OTEL_PYTHON_METER_PROVIDER",
    "OTEL_PYTHON_TRACER_PROVIDER",
    "OTEL_SEMCONV_STABILITY_OPT_IN",
)
_PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
# Kubernetes sets some for each service, and one may be called `otel-collector`.
_LINKS = ("_SERVICE_HOST", "_SERVICE_PORT", "_PORT_", "_PORT")
_FILES = ("certificate", "client_key", "client_certificate")


def checked(environ: Mapping[str, str] | None = None, directory: str | None = None) -> tuple[Settings, list[str]]:
    """Return the settings as a traced process reads them, and a sentence for each thing that is wrong with them.

    The arguments are those of ``settings.load``.
    """
    environ = os.environ if environ is None else environ
    loaded = settings.load(environ, directory, nearest)
    found = settings.sources(environ, directory)
    said = [*loaded.warnings, *_unread(environ), *_protocol(environ), *_instrumentors(loaded, found)]
    return loaded, [*said, *_patterns(loaded, found), *_files(loaded, found)]


def nearest(word: str, known: tuple[str, ...], prefix: str = "", alike: float = 0.7) -> str:
    """Return what a word may have been meant to be, as a question in brackets; empty where nothing is near.

    Args:
        word: what was said.
        known: what could have been.
        prefix: what all begin with, which makes them no more alike.
        alike: how near they have to be, 0 to 1.
    """
    if not word:
        return ""
    from difflib import get_close_matches

    rests = {one[len(prefix) :].lower(): one for one in known if one.startswith(prefix)}
    found = get_close_matches(word[len(prefix) :].lower(), rests, 1, alike)
    return f" (did you mean {rests[found[0]]}?)" if found else ""


def _unread(environ: Mapping[str, str]) -> Iterator[str]:
    """Yield a sentence for each variable that is none of ours, and one for OpenTelemetry's that nobody mistyped."""
    known = {"AUTOTRACE_CONFIG", *_PROTOCOLS}
    for setting in TABLE:
        known |= {setting.variable, *(variable for variable, _ in setting.also)}
    listed = tuple(sorted(known))
    others = []
    for name in sorted(environ):
        if not name.startswith(_PREFIXES) or name in known or not environ[name].strip() or _is_link(name):
            continue
        if name.startswith("AUTOTRACE_"):
            hint = nearest(name, listed, "AUTOTRACE_")
            yield f"{name} is no setting of autotrace{hint}; it is passed over"
        elif not name.startswith(_NOT_OURS):
            hint = nearest(name, listed, "OTEL_", 0.85)
            if hint:
                yield f"{name} is not read by autotrace{hint}; it is passed over"
            else:
                others.append(name)
    if others:
        yield f"{', '.join(others)}: not read by autotrace; passed over"


def _is_link(name: str) -> bool:
    return name.endswith(_LINKS) or "_SERVICE_PORT_" in name or any(f"_PORT_{digit}" in name for digit in "123456789")


def _protocol(environ: Mapping[str, str]) -> Iterator[str]:
    for variable in _PROTOCOLS:
        given = environ.get(variable, "").strip()
        if given and given.lower() != "http/protobuf":
            yield f"{variable}={given!r} is not spoken by autotrace; using http/protobuf"


def _instrumentors(loaded: Settings, found: Mapping[str, str]) -> Iterator[str]:
    given = [name for name in ("instrumentors", "instrumentors_off") if name in found]
    if not given:
        return
    from autotrace.patching.third_party import third_party

    candidates = (*parts(), *third_party(loaded.data_dir))
    for name in given:
        value = getattr(loaded, name)
        wrong, known = unknown(value, candidates)
        if found[name].startswith("OTEL_"):  # theirs for libraries that we leave alone anyway
            wrong = [word for word in wrong if word.lower().replace("-", "_") not in OTHERS.split()]
        instead = "using all" if name == "instrumentors" and len(wrong) == len(value) else "it is passed over"
        for word in wrong:
            yield (
                f"{found[name]}={','.join(value)!r} has {word!r}, which is no instrumentor, library or family"
                f"{nearest(word, known)}; {instead}"
            )


def _patterns(loaded: Settings, found: Mapping[str, str]) -> Iterator[str]:
    import re
    from warnings import catch_warnings, simplefilter

    for pattern in loaded.excluded_urls:
        try:
            with catch_warnings():
                simplefilter("ignore")
                re.compile(pattern)
        except (re.error, RecursionError, OverflowError) as error:
            yield (
                f"{found['excluded_urls']} has {pattern!r}, which is no regular expression ({error}); it is passed over"
            )


def _files(loaded: Settings, found: Mapping[str, str]) -> Iterator[str]:
    for name in _FILES:
        file = getattr(loaded, name)
        if file and not (os.path.isfile(file) and os.access(file, os.R_OK)):
            yield f"{found[name]}={file!r} is not a file that can be read; nothing can be sent over TLS"
