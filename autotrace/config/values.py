"""How a setting's text is read: each function returns the value or raises ValueError with the end of a sentence.

Values of the configuration file come with TOML's types and are read by the same functions.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Advise = Callable[[str, tuple[str, ...]], str]

_UNITS = {"": 1, "b": 1, "kb": 1000, "kib": 1 << 10, "mb": 10**6, "mib": 1 << 20, "gb": 10**9, "gib": 1 << 30}
_SAMPLERS = ("always_on", "always_off", "traceidratio")
_MOST = (1 << 31) - 1  # what any container can be told to hold
_LONGEST_MS = 10**10  # what any wait can be told to last: four months
_MOST_BYTES = 1 << 60
_HEADER_SIGNS = "!#$%&'*+-.^_`|~"  # RFC 9110, section 5.6.2


class WrongError(ValueError):
    """A value can only be taken in part, or names something that is not known.

    Args:
        text: the end of a sentence that begins with the value.
        instead: what holds of it; None where nothing does.
        word: what is not known.
        words: what is, so that the nearest can be proposed.
    """

    def __init__(self, text: str, instead: Any = None, word: str = "", words: tuple[str, ...] = ()) -> None:
        super().__init__(text)
        self.instead = instead
        self.word = word
        self.words = words


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


def told(source: str, given: Any, error: Exception, value: Any, advise: Advise | None) -> str:
    """Return one sentence: what is wrong with a value, and what holds instead.

    Args:
        source: where it was said.
        given: the value; empty where it is nobody's business.
        error: what reading it raised.
        value: what holds.
        advise: returns what a word may have meant, of several; None where nobody is told.
    """
    # A URL may have a password in it, and so may whatever was put into a wrong variable.
    shown = "" if given == "" or "@" in str(given) or "?" in str(given) else f"={given!r}"
    hint = advise(getattr(error, "word", ""), getattr(error, "words", ())) if advise is not None else ""
    if isinstance(value, (tuple, bool)):
        value = ",".join(value) if isinstance(value, tuple) else str(value).lower()
    if shown and value not in ("", None):
        return f"{source}{shown} {error}{hint}; using {value}"
    return f"{source}{shown} {error}{hint}{'' if getattr(error, 'instead', None) else '; it is passed over'}"


def text(given: Any) -> str:
    """Read any text."""
    if isinstance(given, (bool, list, dict)):
        raise ValueError("is not a text")  # noqa: TRY004
    return str(given)


def path(given: Any) -> str:
    """Read the path of a file or directory, as it was said; see ``located`` for where that is."""
    if not isinstance(given, str):
        raise ValueError("is not a path")  # noqa: TRY004
    return given


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
    """Read a boolean that switches off; what is neither true nor false counts as false, and is to be said."""
    word = str(given).strip().lower()
    if word not in ("true", "false"):
        raise WrongError("is neither true nor false", True)
    return word == "false"


def count(given: Any) -> int:
    """Read a whole number that is not negative."""
    return _whole(given, 0, _MOST)


def positive(given: Any) -> int:
    """Read a whole number that is not 0 either."""
    return _whole(given, 1, _MOST)


def milliseconds(given: Any) -> int:
    """Read a time; 0 is one."""
    return _whole(given, 0, _LONGEST_MS)


def _whole(given: Any, least: int, most: int) -> int:
    try:
        number = int(given)
    except (TypeError, ValueError, OverflowError):
        raise ValueError("is not a whole number") from None
    if isinstance(given, (bool, float)) and (isinstance(given, bool) or given != number):
        raise ValueError("is not a whole number")
    if number < least:
        raise ValueError(f"is not a whole number of {least} or more")
    if number > most:
        raise ValueError(f"is more than {most}")
    return number


def limit(given: Any) -> int | None:
    """Read a whole number of characters; a missing limit is None."""
    return count(given)


def size(given: Any) -> int:
    """Read a number of bytes, such as ``256MiB`` or ``1000000``."""
    word = str(given).strip().lower()
    digits = word.rstrip("bikmg ")
    unit = word[len(digits) :].strip()
    if not (digits.isascii() and digits.isdigit()) or unit not in _UNITS or len(digits) > 20:
        raise ValueError("is not a size such as 256MiB")
    number = int(digits) * _UNITS[unit]
    if not 0 < number <= _MOST_BYTES:
        raise ValueError("is not a size between one byte and 2^60")
    return number


def ratio(given: Any) -> float:
    """Read a number between 0 and 1."""
    try:
        number = -1.0 if isinstance(given, bool) else float(given)
    except (TypeError, ValueError):
        number = -1.0
    if not 0.0 <= number <= 1.0:
        raise ValueError("is not a ratio between 0 and 1")
    return number


def names(given: Any) -> tuple[str, ...]:
    """Read a list, or text separated by commas."""
    parts = given.split(",") if isinstance(given, str) else given
    if not isinstance(parts, (list, tuple)) or not all(isinstance(part, str) for part in parts):
        raise ValueError("is not a list of words")
    return tuple(part for part in (part.strip() for part in parts) if part)


def words(*known: str, also: dict[str, str] | None = None) -> Callable[[Any], tuple[str, ...]]:
    """Read a list of words that are known, in any case; what is left of it without the others holds.

    Args:
        known: the words.
        also: other spellings, and the word that each means.
    """
    other = also or {}

    def read(given: Any) -> tuple[str, ...]:
        meant = [other.get(name.lower(), name.lower()) for name in names(given)]
        for name in meant:
            if name not in known:
                kept = tuple(one for one in meant if one in known)
                raise WrongError(f"has {name!r}, which is not one of: {', '.join(known)}", kept or None, name, known)
        return tuple(dict.fromkeys(meant))

    return read


def pairs(given: Any) -> dict[str, str]:
    """Read a table, or ``key=value,key=value`` with percent-encoded values (OTEL_RESOURCE_ATTRIBUTES)."""
    if isinstance(given, dict):
        if any(isinstance(value, (dict, list)) for value in given.values()):
            raise ValueError("is not a table of texts")
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


def headers(given: Any) -> dict[str, str]:
    """Read pairs that can be headers of HTTP: a name is a token, and a value is on one line."""
    result = pairs(given)
    for name, value in result.items():
        token = name.isascii() and all(sign.isalnum() or sign in _HEADER_SIGNS for sign in name)
        if not name or not token or any(sign in value for sign in "\r\n\0"):
            raise ValueError("is not of the form key=value,key=value")
    return result


def choice(*known: str) -> Callable[[Any], str]:
    """Read one of several words, in any case."""

    def read(given: Any) -> str:
        word = str(given).strip().lower()
        if word not in known:
            raise WrongError(f"is not one of: {', '.join(known)}", None, word, known)
        return word

    return read


def sampler(given: Any) -> str:
    """Read a sampler's name (OTEL_TRACES_SAMPLER)."""
    word = str(given).strip().lower()
    if word[len("parentbased_") :] in _SAMPLERS if word.startswith("parentbased_") else word in _SAMPLERS:
        return word
    every = (*_SAMPLERS, *(f"parentbased_{name}" for name in _SAMPLERS))
    raise WrongError(f"is not one of: {', '.join(_SAMPLERS)}, or one of these after parentbased_", None, word, every)


def endpoint(given: Any) -> str:
    """Read a base URL, and add the path for traces (OTLP exporter specification, "Endpoint URLs")."""
    url = traces_endpoint(given).rstrip("/")
    if url.endswith("/v1/traces"):
        raise WrongError("ends in /v1/traces, which is not added once more", url)
    return url + "/v1/traces"


def traces_endpoint(given: Any) -> str:
    """Read a URL that is used as it is; an empty path is ``/``."""
    url = str(given).strip()
    scheme, separator, rest = url.partition("://")
    authority = rest.partition("/")[0].partition("?")[0].rpartition("@")[2]
    host, colon, port = authority.rpartition(":")
    if not colon or port.endswith("]"):  # the colons of an IPv6 address
        host, port = authority, ""
    usable = not port or (port.isascii() and port.isdigit() and int(port[:6]) <= 0xFFFF)
    blank = any(sign.isspace() or sign < " " for sign in url)
    if not separator or scheme.lower() not in ("http", "https") or not host or not usable or blank:
        raise ValueError("is not an http:// or https:// URL")
    return url if "/" in rest else url + "/"
