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
from autotrace.config.table import DEFAULT_ENDPOINT, TABLE
from autotrace.config.values import path, told

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from autotrace.config.table import Setting
    from autotrace.config.values import Advise

    Wrong = tuple[Setting, str, Any, Exception]  # of what, where it is said, what, and why not


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
        values["endpoint"] = DEFAULT_ENDPOINT
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
