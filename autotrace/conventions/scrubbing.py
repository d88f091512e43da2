"""Taking secrets out of a text that a program wrote for people: the message of an exception, a line of its stack.

What is looked for is a name that promises a secret with its value behind it, in every spelling that languages, shells and
headers have, and what is a secret by its own looks.  A secret without either (a password in a sentence) is not found.
Loaded with the first text that may hold one; each expression looks at a character a bounded number of times.
"""

from __future__ import annotations

import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

REDACTED = "REDACTED"

# The ends of names, without their lines and in lower case: DB_PASSWORD, PGPASSWORD, aws_secret_access_key, X-Api-Key.
ENDINGS = (
    "accesskey",
    "accesskeyid",
    "accountkey",
    "apikey",
    "credential",
    "credentials",
    "jwt",
    "passphrase",
    "passwd",
    "password",
    "privatekey",
    "pwd",
    "secret",
    "secretkey",
    "sessionid",
    "token",
)
_NOTHING = ("none", "null", "true", "false", "undefined")  # as a value

_USER = re.compile(r"(://)[^/\s'\"]+@")
_BEARER = re.compile(r"\b(bearer)( +)[\w.~+/=-]+", re.IGNORECASE)
_BASIC = re.compile(r"\b([Bb]asic)( +)(?=\S*[A-Z0-9=])[\w+/=-]{2,}")
# A header's value ends with its quotes, or with the line.
_HEADER = re.compile(
    r"""(?<![\w-])([\w-]*(?:authorization|cookie))(\\?["']?\s*(?:[:=]|(?<=["']),)\s*)"""
    r"""(?:([bur]?\\?(["']))((?:(?!\4)[^\\\r\n])+)|([^\s"'][^\r\n]*))""",
    re.IGNORECASE,
)
_QUERY = re.compile(r"(?<=[?&;])[^=&?\s'\"<>()]+=[^\s'\"<>)]+")
_WEB_TOKEN = re.compile(r"(?<![\w-])eyJ[\w-]{4,}\.[\w-]{4,}\.[\w-]*")  # RFC 7519: a JSON object in base64
_PRIVATE_KEY = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----[^-]*(?:-----END [A-Z ]*PRIVATE KEY-----)?")
_KEY = r"(?<![\w.-])([\w.-]+)"
_BETWEEN = r"(\\?[\"']?\s*(?:=>|:=|==?|:)\s*(?:[bur](?=\\?[\"']))?)"
_VALUE = (
    r"(?:(\\\")(?:(?!\\\")[^\r\n])*(?:\\\")?"  # quoted within quotes
    r"|(\")(?:[^\"\\\r\n]|\\.)*\"?"
    r"|(')(?:[^'\\\r\n]|\\.)*'?"
    r"|([^\s,;&)}\]'\"<>(\\]+)(?![\w(]))"  # bare; what is called is no secret
)
_NAMED = re.compile(_KEY + _BETWEEN + _VALUE)
_OPTION = re.compile(r"(?<![\w-])(--?[A-Za-z][\w-]*)([\"'],\s*[\"']|\s+)([^\s\"',\]-][^\s\"',\]]*)")


def keys_removed(text: str) -> str:
    """Return a text without private keys, which are the one secret of several lines."""
    return _PRIVATE_KEY.sub(REDACTED, text) if "PRIVATE KEY" in text else text


def scrubbed(text: str, is_secret: Callable[[str], bool], query: Callable[[str], str]) -> str:
    """Return a line without secrets.

    Args:
        text: the line.
        is_secret: tells of a name whether it promises a secret, beside those that end as most do.
        query: redacts the query of a URL, where more names count.
    """

    def promises(name: str) -> bool:
        last = name.rpartition(".")[2].strip("-")
        return last.lower().replace("_", "").replace("-", "").endswith(ENDINGS) or is_secret(last)

    def named(found: re.Match[str]) -> str:
        name, between, escaped, double, single, bare = found.groups()
        if not promises(name) or (bare is not None and _says_nothing(name, bare)):
            return found[0]
        quote = escaped or double or single or ""
        return f"{name}{between}{quote}{REDACTED}{quote}"

    def option(found: re.Match[str]) -> str:
        return f"{found[1]}{found[2]}{REDACTED}" if promises(found[1]) else found[0]

    text = _USER.sub(rf"\1{REDACTED}:{REDACTED}@", text)
    text = _WEB_TOKEN.sub(REDACTED, text)
    text = _BEARER.sub(rf"\1\2{REDACTED}", text)
    text = _BASIC.sub(rf"\1\2{REDACTED}", text)
    text = _HEADER.sub(_header, text)
    text = _QUERY.sub(lambda found: query(found[0]), text)
    text = _OPTION.sub(option, text)
    return _NAMED.sub(named, text)


def _says_nothing(name: str, bare: str) -> bool:
    """Tell whether a value is none, has been seen to, or is what a line of code calls it: ``password=self.password``."""
    last = name.rpartition(".")[2]
    return bare.startswith(REDACTED) or bare.lower() in _NOTHING or bare.rpartition(".")[2] == last


def _header(found: re.Match[str]) -> str:
    """Keep of a header how somebody says who they are, and no more."""
    name, between, opening, _, quoted, bare = found.groups()
    scheme, space, rest = (quoted or bare).partition(" ")
    kept = f"{scheme} " if space and rest and scheme.isalpha() and not name.lower().endswith("cookie") else ""
    return f"{name}{between}{opening or ''}{kept}{REDACTED}"
