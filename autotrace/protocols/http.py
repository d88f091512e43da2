"""What HTTP clients and servers share: methods, the parts of a URL, what of it must not be kept, excluded URLs.

Everything but ``excluded`` is meant for the export thread.  The parser splits, it does not validate: whatever it is given,
it returns something, and never more of a secret than a well-formed URL would hold.  Not handled: secrets in a URL's path.
"""

from __future__ import annotations

from autotrace import diagnostics

TYPE_CHECKING = False
if TYPE_CHECKING:
    import re
    from collections.abc import Callable, Iterable
    from typing import Any

# Semantic conventions 1.44, HTTP spans, "http.request.method".
KNOWN_METHODS = frozenset({"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"})
OTHER_METHOD = "_OTHER"
REDACTED = "REDACTED"
DEFAULT_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}

# Semantic conventions 1.44, "url.full" and "url.query"; case-sensitive there.
_SIGNATURE_KEYS = frozenset(
    {
        "AWSAccessKeyId",
        "Signature",
        "X-Amz-Credential",
        "X-Amz-Security-Token",
        "X-Amz-Signature",
        "X-Goog-Signature",
        "sig",
    }
)
# The conventions leave these to the user; a password in a trace is worse than a value that is missing.  In any case.
_SECRET_KEYS = frozenset(
    {
        "access_token",
        "api_key",
        "apikey",
        "api-key",
        "auth",
        "client_secret",
        "id_token",
        "passwd",
        "password",
        "refresh_token",
        "secret",
        "signature",
        "token",
    }
)

_known_methods = KNOWN_METHODS
_exact_keys = _SIGNATURE_KEYS
_any_case_keys: frozenset[str] = _SECRET_KEYS
_patterns: tuple[str, ...] = ()
_compiled: tuple[re.Pattern[str], ...] | None = None


class Url:
    """The parts of a URL.

    Attributes:
        scheme: in lower case, or empty.
        host: without brackets and user information, or empty.
        port: the one that is given, else the scheme's default, else None.
        path: as written, or empty.
        query: as written, without the question mark; not redacted.
        full: the URL as it may be kept, without user information and secrets.
    """

    __slots__ = ("full", "host", "path", "port", "query", "scheme")

    def __init__(self, scheme: str, host: str, port: int | None, path: str, query: str, full: str) -> None:
        self.scheme = scheme
        self.host = host
        self.port = port
        self.path = path
        self.query = query
        self.full = full


def configure(
    known_methods: Iterable[str] = (), redacted_query_keys: Iterable[str] = (), excluded_urls: Iterable[str] = ()
) -> None:
    """Set what the user chose; what is empty is as it is by default.

    Args:
        known_methods: in place of the standard's (OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS); case-sensitive.
        redacted_query_keys: in place of the built-in ones; case-sensitive.
        excluded_urls: regular expressions, searched for anywhere in a URL; compiled when the first URL is looked at.
    """
    global _known_methods, _exact_keys, _any_case_keys, _patterns, _compiled
    _known_methods = frozenset(known_methods) or KNOWN_METHODS
    keys = frozenset(redacted_query_keys)
    _exact_keys = keys or _SIGNATURE_KEYS
    _any_case_keys = frozenset() if keys else _SECRET_KEYS
    _patterns = tuple(excluded_urls)
    _compiled = None


def excludes() -> bool:
    """Tell whether the user excluded anything at all."""
    return bool(_patterns)


def excluded(url: Any, as_url: Callable[[Any], str] = str) -> bool:
    """Tell whether the user excluded a URL; costs next to nothing where no URL is excluded.

    Args:
        url: text, or what ``as_url`` makes text of.
        as_url: called only where there are patterns.
    """
    if not _patterns:
        return False
    text = as_url(url)
    return any(pattern.search(text) for pattern in (_compiled if _compiled is not None else _compile()))


def _compile() -> tuple[re.Pattern[str], ...]:
    global _compiled
    import re

    compiled = []
    for pattern in _patterns:
        try:
            compiled.append(re.compile(pattern))
        except re.error as error:
            diagnostics.warn(f"excluded_urls: {pattern!r} is not a regular expression ({error}); it is passed over")
    _compiled = tuple(compiled)
    return _compiled


def method(given: Any) -> tuple[str, str, str | None]:
    """Return the method as an attribute, as a part of the span's name, and the original one where it is not known.

    Semantic conventions 1.44, HTTP spans: ``http.request.method``, ``http.request.method_original`` and "Name".
    """
    text = as_text(given)
    if text in _known_methods:
        return text, text, None
    return OTHER_METHOD, "HTTP", text


def as_text(given: Any) -> str:
    """Return text as it is, and the bytes of an HTTP message as text."""
    return given.decode("latin-1") if isinstance(given, bytes) else str(given)


def parse(given: Any) -> Url:
    """Split a URL and make the form of it that may be kept.

    Args:
        given: text, bytes, or an object whose ``str()`` is the URL.
    """
    text = as_text(given)
    before, separator, rest = text.partition("://")
    if not separator or not before.replace("+", "").replace("-", "").replace(".", "").isalnum():
        before, separator, rest = "", "", text
    scheme = before.lower()
    rest, hash_, fragment = rest.partition("#")
    rest, question, query = rest.partition("?")
    authority, slash, path = rest.partition("/") if separator else ("", rest[:1], rest[1:])
    userinfo, at, location = authority.rpartition("@")
    host, port = host_and_port(location, scheme)
    kept = f"{before}{separator}{f'{REDACTED}:{REDACTED}@' if at and userinfo else ''}{location}{slash}{path}"
    if question:
        kept += f"?{redact_query(query)}"
    if hash_:
        kept += f"#{redact_query(fragment)}"
    return Url(scheme, host, port, slash + path, query, kept)


def host_and_port(location: str, scheme: str = "") -> tuple[str, int | None]:
    """Split ``host``, ``host:port`` or ``[address]:port``, as in a URL or a ``Host`` header.

    Args:
        location: without user information.
        scheme: in lower case; its default port is taken where none is given.
    """
    host, colon, port = location.rpartition(":")
    if not colon or port.endswith("]"):  # the colons of an IPv6 address
        host, port = location, ""
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    number = port_number(port)
    return host, DEFAULT_PORTS.get(scheme) if number is None else number


def port_number(given: str) -> int | None:
    """Return a port that is one; None for any other text."""
    if len(given) <= 5 and given.isascii() and given.isdigit() and int(given) <= 65_535:
        return int(given)
    return None


def redact_query(query: str) -> str:
    """Replace the values of secret keys; the keys stay."""
    if "=" not in query:
        return query
    return "&".join(map(_redact_pair, query.split("&")))


def _redact_pair(pair: str) -> str:
    written, equals, value = pair.partition("=")
    if not equals or not value:
        return pair
    key = written
    if "%" in key:
        from urllib.parse import unquote

        key = unquote(key)
    return f"{written}={REDACTED}" if key in _exact_keys or key.lower() in _any_case_keys else pair


def scrub(text: str) -> str:
    """Take secrets out of a text that may quote URLs and headers, such as an error message.

    These are user information, values of secret keys (also in a list of ``key=value``), and credentials of HTTP.
    """
    if "=" not in text and "@" not in text and "Bearer " not in text and "Basic " not in text:
        return text
    import re

    text = re.sub(r"(://)[^/\s'\"]+@", rf"\1{REDACTED}:{REDACTED}@", text)
    text = re.sub(r"\b(Bearer|Basic)( +)[\w.~+/=-]+", rf"\1\2{REDACTED}", text)
    return re.sub(r"(?<![^?&;,(\s'\"])[^=&?;,(\s'\"<>]+=[^&;\s'\"<>)]+", lambda found: _redact_pair(found[0]), text)
