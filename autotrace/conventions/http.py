"""What HTTP clients and servers share: methods, the parts of a URL, what of it must not be kept, excluded URLs.

Everything but ``excluded`` is meant for the export thread.  The parser splits, it does not validate: whatever it is given,
it returns something, and never more of a secret than a well-formed URL would hold.  Not handled: secrets in a URL's path
that are no parameters there.
"""

from __future__ import annotations

from autotrace import diagnostics

TYPE_CHECKING = False
if TYPE_CHECKING:
    import re
    from collections.abc import Callable, Iterable
    from typing import Any

# Semantic conventions 1.44, HTTP spans, "http.request.method".
KNOWN_METHODS = frozenset({"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "QUERY", "TRACE"})
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
        "X-Goog-Credential",
        "X-Goog-Signature",
        "sig",
    }
)
# The conventions leave these to the user; a password in a trace is worse than a value that is missing.  In any case, and
# with any lines between their words.
_SECRET_KEYS = frozenset(
    """accesskey accesstoken apikey apitoken auth authorization authtoken bearer clientsecret code credential credentials
    csrftoken idtoken jsessionid jwt key otp pass passphrase passwd password phpsessid privatekey pwd refreshtoken secret
    secretkey session sessionid sessiontoken sid signature token""".split()  # noqa: SIM905
)
_SECRET_ENDINGS = ("password", "passwd", "secret", "apikey", "accesskey", "secretkey", "privatekey", "authtoken")
# Secrets in a query, and often none in a text, or seen to as a header.
_WORDS = frozenset({"authorization", "code", "key", "session", "sid"})
# What a text must have in it to be looked at more closely, in lower case.
_STEMS = ("://", "pass", "pwd", "secret", "token", "key", "auth", "jwt", "cred", "sig", "bearer", "basic", "cookie", "eyj",
          "session", "private", "otp=", "code=", "sid=", "%")  # fmt: skip
_ONLY = "only"

# What has been looked at and was found to be nothing special; bounded.
_ORIGINS, _HARMLESS = 256, 1024
_origins: set[str] = set()
_harmless: set[str] = set()

_known_methods = KNOWN_METHODS
_exact_keys = _SIGNATURE_KEYS
_any_case_keys = _SECRET_KEYS
_endings: tuple[str, ...] = _SECRET_ENDINGS
_text_keys = _SECRET_KEYS - _WORDS
_stems: tuple[str, ...] = _STEMS
_patterns: tuple[str, ...] = ()
_compiled: tuple[re.Pattern[str], ...] | None = None


class Url:
    """The parts of a URL.

    Attributes:
        scheme: in lower case, or empty.
        host: without brackets and user information, or empty.
        port: the one that is given, else the scheme's default, else None.
        path: as written but for secret parameters, or empty.
        query: as written, without the question mark; not redacted.
        full: the URL as it may be kept, without user information and secrets.
    """

    __slots__ = ("full", "host", "path", "port", "query", "scheme")

    def __init__(self, scheme: str, host: str, port: int | None, path: str, query: str, full: str) -> None:
        self.scheme, self.host, self.port = scheme, host, port
        self.path, self.query, self.full = path, query, full


def configure(
    known_methods: Iterable[str] = (), redacted_query_keys: Iterable[str] = (), excluded_urls: Iterable[str] = ()
) -> None:
    """Set what the user chose; what is empty is as it is by default.

    Args:
        known_methods: in place of the standard's (OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS); case-sensitive.
        redacted_query_keys: beside the built-in ones, or with ``only`` among them in place of those; in any case.
        excluded_urls: regular expressions, searched for anywhere in a URL; compiled when the first URL is looked at.
    """
    global _known_methods, _exact_keys, _any_case_keys, _endings, _text_keys, _stems, _patterns, _compiled
    _known_methods = frozenset(known_methods) or KNOWN_METHODS
    keys = frozenset(_squeezed(key) for key in redacted_query_keys)
    own = keys - {_ONLY}
    only = own != keys
    _exact_keys = frozenset() if only else _SIGNATURE_KEYS
    _any_case_keys = own if only else own | _SECRET_KEYS
    _endings = () if only else _SECRET_ENDINGS
    _text_keys = own | (_SECRET_KEYS - _WORDS)
    _stems = (*_STEMS, *(key[:3] for key in own))
    _patterns = tuple(excluded_urls)
    _compiled = None
    _harmless.clear()


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
    from warnings import catch_warnings, simplefilter

    compiled = []
    with catch_warnings():
        simplefilter("ignore")  # of what an expression may come to mean: it would stand in the program's stderr
        for pattern in _patterns:
            try:
                compiled.append(re.compile(pattern))
            except (re.error, RecursionError, OverflowError) as error:
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
    origin, rest = divided(as_text(given))
    before, separator, authority = origin.partition("://")
    scheme = before.lower()
    userinfo, at, location = authority.rpartition("@")
    host, port = host_and_port(location, scheme)
    kept = f"{before}{separator}{f'{REDACTED}:{REDACTED}@' if at and userinfo else ''}{location}{redact_rest(rest)}"
    rest, _, _ = rest.partition("#")
    path, _, query = rest.partition("?")
    return Url(scheme, host, port, redact_path(path), query, kept)


def divided(url: str) -> tuple[str, str]:
    """Split a URL into scheme and authority, which programs repeat, and the rest, which is seldom the same twice.

    The first is empty where the URL does not begin with a scheme and ``://``.
    """
    start = url.find("://")
    slash = url.find("/", start + 3)
    origin = url if slash < 0 else url[:slash]
    if origin in _origins:  # PERF: most programs know few
        return origin, url[len(origin) :]
    for end in "?#":
        origin = origin.partition(end)[0]
    before, separator, _ = origin.partition("://")
    if not separator or not before.replace("+", "").replace("-", "").replace(".", "").isalnum():
        return "", url
    if len(_origins) >= _ORIGINS:
        _origins.clear()
    _origins.add(origin)
    return origin, url[len(origin) :]


def redact_rest(rest: str) -> str:
    """Replace the secrets in what follows the authority of a URL: in path, query and fragment."""
    if "?" not in rest and "#" not in rest:
        return redact_path(rest)
    rest, hash_, fragment = rest.partition("#")
    path, question, query = rest.partition("?")
    kept = redact_path(path)
    if question:
        kept += f"?{redact_query(query)}"
    if hash_:
        kept += f"#{redact_query(fragment)}"
    return kept


def host_and_port(location: str, scheme: str = "") -> tuple[str, int | None]:
    """Split ``host``, ``host:port`` or ``[address]:port``, as in a URL or a ``Host`` header.

    An address of several colons without its brackets, or with one of them, is one without a port.

    Args:
        location: without user information.
        scheme: in lower case; its default port is taken where none is given.
    """
    if location.startswith("["):
        host, closed, port = location[1:].partition("]")
        port = port[1:] if closed and port.startswith(":") else ""
    else:
        host, colon, port = location.rpartition(":")
        if not colon or ":" in host:
            host, port = location.rstrip("]"), ""
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
    return "&".join(map(_redact_pair, query.split("&"))) if "&" in query else _redact_pair(query)


def redact_path(path: str) -> str:
    """Replace the values of secret parameters in a path, as ``;jsessionid=...`` (RFC 3986, section 3.3)."""
    if ";" not in path:
        return path
    return "/".join(map(_redact_pair, path.split("/")))


def _redact_pair(pair: str) -> str:
    """Redact what follows a secret key to the end: a semicolon divides pairs for some servers, and for others does not."""
    if ";" in pair:
        pieces = pair.split(";")
        for number, piece in enumerate(pieces):
            redacted = _redact_pair(piece)
            if redacted != piece:
                return ";".join([*pieces[:number], redacted])
        return pair
    written, equals, value = pair.partition("=")
    if not equals or not value or written in _harmless:
        return pair
    key = written
    if "%" in key or "+" in key:
        from urllib.parse import unquote_plus

        key = unquote_plus(key)
    if key in _exact_keys:
        return f"{written}={REDACTED}"
    word = _squeezed(key)
    if word in _any_case_keys or (_endings and word.endswith(_endings)):
        return f"{written}={REDACTED}"
    if len(_harmless) < _HARMLESS and len(written) <= 64:
        _harmless.add(written)
    return pair


def _squeezed(key: str) -> str:
    return key.strip().lower().replace("_", "").replace("-", "")


def scrub(text: str) -> str:
    """Take secrets out of a text that may quote URLs, headers and settings, such as an error message."""
    if not _may_tell(text):
        return text
    from autotrace.conventions.scrubbing import keys_removed, scrubbed

    # PERF: a stack has many lines, few of which name anything secret.
    lines = keys_removed(text).split("\n")
    return "\n".join([scrubbed(line, _promises, redact_query) if _may_tell(line) else line for line in lines])


def _may_tell(text: str) -> bool:
    lower = text.lower()
    return any(stem in lower for stem in _stems)


def _promises(name: str) -> bool:
    """Tell whether what a text says of a name is a secret; the user's own choice concerns URLs, and adds to this."""
    return name in _SIGNATURE_KEYS or _squeezed(name) in _text_keys
