"""How a setting's text is read: each function returns the value or raises ValueError with the end of a sentence.

Values of the configuration file come with TOML's types and are read by the same functions.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_UNITS = {"": 1, "b": 1, "kb": 1000, "kib": 1 << 10, "mb": 10**6, "mib": 1 << 20, "gb": 10**9, "gib": 1 << 30}
_SAMPLERS = ("always_on", "always_off", "traceidratio")


def text(given: Any) -> str:
    """Read any text."""
    return str(given)


def boolean(given: Any) -> bool:
    """Read ``true`` or ``false``, in any case; only ``true`` is true (OpenTelemetry, "Boolean value")."""
    if isinstance(given, bool):
        return given
    word = str(given).strip().lower()
    if word in ("true", "1", "yes", "on"):
        return True
    if word in ("false", "0", "no", "off"):
        return False
    raise ValueError("is neither true nor false")


def negated(given: Any) -> bool:
    """Read a boolean that switches off."""
    return str(given).strip().lower() != "true"


def count(given: Any) -> int:
    """Read a whole number that is not negative."""
    try:
        number = int(given)
    except (TypeError, ValueError):
        raise ValueError("is not a whole number") from None
    if number < 0 or isinstance(given, bool):
        raise ValueError("is not a whole number of 0 or more")
    return number


def limit(given: Any) -> int | None:
    """Read a whole number of characters; a missing limit is None."""
    return count(given)


def size(given: Any) -> int:
    """Read a number of bytes, such as ``256MiB`` or ``1000000``."""
    word = str(given).strip().lower()
    digits = word.rstrip("bikmg ")
    unit = word[len(digits) :].strip()
    if not digits.isdigit() or unit not in _UNITS:
        raise ValueError("is not a size such as 256MiB")
    return int(digits) * _UNITS[unit]


def ratio(given: Any) -> float:
    """Read a number between 0 and 1."""
    try:
        number = float(given)
    except (TypeError, ValueError):
        number = -1.0
    if not 0.0 <= number <= 1.0:
        raise ValueError("is not a ratio between 0 and 1")
    return number


def names(given: Any) -> tuple[str, ...]:
    """Read a list, or text separated by commas."""
    parts = given if isinstance(given, (list, tuple)) else str(given).split(",")
    return tuple(part for part in (str(part).strip() for part in parts) if part)


def pairs(given: Any) -> dict[str, str]:
    """Read a table, or ``key=value,key=value`` with percent-encoded values (OTEL_RESOURCE_ATTRIBUTES)."""
    if isinstance(given, dict):
        return {str(key): str(value) for key, value in given.items()}
    result = {}
    for pair in names(given):
        key, equals, value = pair.partition("=")
        if not equals or not key.strip():
            raise ValueError("is not of the form key=value,key=value")
        if "%" in value:
            from urllib.parse import unquote

            value = unquote(value)
        result[key.strip()] = value.strip()
    return result


def choice(*words: str) -> Callable[[Any], str]:
    """Read one of several words."""

    def read(given: Any) -> str:
        if given not in words:
            raise ValueError(f"is not one of: {', '.join(words)}")
        return str(given)

    return read


def sampler(given: Any) -> str:
    """Read a sampler's name (OTEL_TRACES_SAMPLER)."""
    word = str(given).strip().lower()
    if word[len("parentbased_") :] in _SAMPLERS if word.startswith("parentbased_") else word in _SAMPLERS:
        return word
    raise ValueError(f"is not one of: {', '.join(_SAMPLERS)}, or one of these after parentbased_")


def endpoint(given: Any) -> str:
    """Read a base URL, and add the path for traces (OTLP exporter specification, "Endpoint URLs")."""
    return traces_endpoint(given).rstrip("/") + "/v1/traces"


def traces_endpoint(given: Any) -> str:
    """Read a URL that is used as it is; an empty path is ``/``."""
    url = str(given).strip()
    scheme, separator, rest = url.partition("://")
    if not separator or scheme.lower() not in ("http", "https") or not rest.strip("/"):
        raise ValueError("is not an http:// or https:// URL")
    return url if "/" in rest else url + "/"
