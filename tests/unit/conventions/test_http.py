"""The parts of HTTP that clients and servers share."""

from __future__ import annotations

import subprocess
import sys
import time
import timeit

import pytest

from autotrace import diagnostics
from autotrace.conventions import http


@pytest.fixture(autouse=True)
def defaults():
    """Put the defaults back after each test."""
    yield
    http.configure()
    diagnostics.messages.clear()


@pytest.mark.parametrize(
    ("url", "parts"),
    [
        ("http://example.com", ("http", "example.com", 80, "", "", "http://example.com")),
        ("HTTPS://Example.com/A?b=c#d", ("https", "Example.com", 443, "/A", "b=c", "HTTPS://Example.com/A?b=c#d")),
        ("http://example.com:8080/", ("http", "example.com", 8080, "/", "", "http://example.com:8080/")),
        ("http://[::1]:81/x", ("http", "::1", 81, "/x", "", "http://[::1]:81/x")),
        ("http://[::1]/x", ("http", "::1", 80, "/x", "", "http://[::1]/x")),
        ("http://u:p@h/x", ("http", "h", 80, "/x", "", "http://REDACTED:REDACTED@h/x")),
        ("http://u@h/x", ("http", "h", 80, "/x", "", "http://REDACTED:REDACTED@h/x")),
        ("http://u:p@x@h:1/", ("http", "h", 1, "/", "", "http://REDACTED:REDACTED@h:1/")),
        ("http://h?a=b@c", ("http", "h", 80, "", "a=b@c", "http://h?a=b@c")),
        ("http://h/a@b", ("http", "h", 80, "/a@b", "", "http://h/a@b")),
        ("http://h:port/", ("http", "h", 80, "/", "", "http://h:port/")),
        (
            "http+unix://%2Frun%2Fx.sock/v1",
            ("http+unix", "%2Frun%2Fx.sock", None, "/v1", "", "http+unix://%2Frun%2Fx.sock/v1"),
        ),
        ("/only/path?u=http://h/", ("", "", None, "/only/path", "u=http://h/", "/only/path?u=http://h/")),
        (b"http://h/\xe4", ("http", "h", 80, "/\xe4", "", "http://h/\xe4")),
        ("", ("", "", None, "", "", "")),
    ],
)
def test_parse(url, parts):
    """A URL is split into its parts, whatever it looks like, and its user information is redacted."""
    parsed = http.parse(url)
    assert (parsed.scheme, parsed.host, parsed.port, parsed.path, parsed.query, parsed.full) == parts


@pytest.mark.parametrize(
    ("query", "kept"),
    [
        ("a=1&sig=abc&b=2", "a=1&sig=REDACTED&b=2"),
        ("Signature=a&AWSAccessKeyId=b", "Signature=REDACTED&AWSAccessKeyId=REDACTED"),
        ("X-Amz-Signature=a&X-Amz-Credential=b&X-Amz-Security-Token=c&X-Goog-Signature=d",
         "X-Amz-Signature=REDACTED&X-Amz-Credential=REDACTED&X-Amz-Security-Token=REDACTED&X-Goog-Signature=REDACTED"),
        ("access_token=x&Api_Key=y&PASSWORD=z", "access_token=REDACTED&Api_Key=REDACTED&PASSWORD=REDACTED"),
        ("access%5Ftoken=x", "access%5Ftoken=REDACTED"),
        ("token=a=b==", "token=REDACTED"),
        ("token&tokens=3&token=", "token&tokens=3&token="),
        ("SIG=kept", "SIG=kept"),
        ("pwd=a&pass=b&jwt=c&session=d", "pwd=REDACTED&pass=REDACTED&jwt=REDACTED&session=REDACTED"),
        ("code=e&key=f&authorization=g&auth_token=h",
         "code=REDACTED&key=REDACTED&authorization=REDACTED&auth_token=REDACTED"),
        ("X-Goog-Credential=a", "X-Goog-Credential=REDACTED"),
        ("a=1;token=b", "a=1;token=REDACTED"),
        ("token=a;b&c=d;e=f", "token=REDACTED&c=d;e=f"),
        ("accessToken=a&x-api-key=b&monkey=d", "accessToken=REDACTED&x-api-key=REDACTED&monkey=d"),
        ("db_password=c&page=2", "db_password=REDACTED&page=2"),
        ("api+key=a&pass%77ord=b", "api+key=a&pass%77ord=REDACTED"),
        ("", ""),
    ],
)  # fmt: skip
def test_redact_query(query, kept):
    """Values of secret keys are replaced; keys, order and everything else stay."""
    assert http.redact_query(query) == kept


def test_fragment_is_redacted():
    """A token in the fragment, where OAuth puts it, is not kept."""
    assert http.parse("http://h/cb#access_token=x&state=1").full == "http://h/cb#access_token=REDACTED&state=1"


def test_parameters_of_a_path_are_redacted():
    """A session's number in a path is as good as one in a cookie."""
    url = http.parse("http://h/a;v=1/b;jsessionid=x;y?n=1")
    assert (url.path, url.full) == ("/a;v=1/b;jsessionid=REDACTED", "http://h/a;v=1/b;jsessionid=REDACTED?n=1")


@pytest.mark.parametrize(
    ("location", "host", "port"),
    [
        ("[::1", "::1", 80),
        ("[::1]", "::1", 80),
        ("[::1]:8080", "::1", 8080),
        ("[fe80::1%25eth0]:1", "fe80::1%25eth0", 1),
        ("[::1]8080", "::1", 80),
        ("[::1]:", "::1", 80),
        ("::1", "::1", 80),
        ("::1]", "::1", 80),
        ("fe80::1:8080", "fe80::1:8080", 80),
        ("shop:8080", "shop", 8080),
        ("shop:", "shop", 80),
        ("[", "", 80),
        (":1", "", 1),
        ("", "", 80),
    ],
)
def test_host_and_port(location, host, port):
    """A bracket that is missing makes no port of an address, and no address of a bracket."""
    assert http.host_and_port(location, "http") == (host, port)


def test_redacted_keys_of_the_user():
    """The user's keys are redacted beside the built-in ones, in any case; with `only` they replace them."""
    query = "who=a&Who=b&my-id=c&token=d&sig=e&db_password=f"
    http.configure(redacted_query_keys=("who", "my_id"))
    redacted = "who=REDACTED&Who=REDACTED&my-id=REDACTED&token=REDACTED&sig=REDACTED&db_password=REDACTED"
    assert http.redact_query(query) == redacted
    assert http.scrub("who: you, password=S") == "who: REDACTED, password=REDACTED"
    http.configure(redacted_query_keys=("only", "who"))
    assert http.redact_query(query) == "who=REDACTED&Who=REDACTED&my-id=c&token=d&sig=e&db_password=f"
    assert http.scrub("who: you, password=S") == "who: REDACTED, password=REDACTED"
    http.configure(redacted_query_keys=("only",))
    assert http.redact_query(query) == query


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("GET", ("GET", "GET", None)),
        (b"POST", ("POST", "POST", None)),
        ("get", ("_OTHER", "HTTP", "get")),
        ("PROPFIND", ("_OTHER", "HTTP", "PROPFIND")),
        ("QUERY", ("QUERY", "QUERY", None)),
    ],
)
def test_method(given, told):
    """A method that is not known is _OTHER, and HTTP in the span's name."""
    assert http.method(given) == told


def test_known_methods_of_the_user():
    """The user's methods replace the standard's."""
    http.configure(known_methods=("PROPFIND",))
    assert http.method("PROPFIND") == ("PROPFIND", "PROPFIND", None)
    assert http.method("GET") == ("_OTHER", "HTTP", "GET")


def test_excluded():
    """A URL is excluded when any pattern is found in it."""
    assert not http.excluded("http://h/healthz")
    http.configure(excluded_urls=("healthz", "^http://metrics[.]"))
    assert http.excluded("http://h/healthz?x=1")
    assert http.excluded("http://metrics.local/")
    assert not http.excluded("http://h/?of=http://metrics.local/")
    http.configure()
    assert not http.excluded("http://h/healthz")


@pytest.mark.filterwarnings("error")
def test_excluded_warns_the_program_of_nothing():
    """Python warns of brackets that may mean something else one day."""
    http.configure(excluded_urls=("/[[x]health",))
    assert http.excluded("http://h/xhealth")


def test_excluded_says_which_pattern_is_wrong(monkeypatch):
    """A pattern that is no regular expression is passed over with a warning; the others hold."""
    monkeypatch.setattr(diagnostics, "messages", [])
    http.configure(excluded_urls=("(", "(" * 20_000 + ")" * 20_000, "a{99999999999999999999}", "healthz"))
    assert http.excluded("http://h/healthz")
    assert not http.excluded("http://h/(")
    assert len(diagnostics.messages) == 3
    assert "'('" in diagnostics.messages[0]


@pytest.mark.process
def test_regular_expressions_are_imported_only_when_needed():
    """Without excluded URLs the module does not bring `re` into the process."""
    code = (
        "import sys; before = 're' in sys.modules; sys.modules.pop('re', None)\n"
        "from autotrace.conventions import http; http.configure(); http.excluded('http://h/')\n"
        "http.parse('http://u:p@h/?token=1'); print('re' in sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "False"


@pytest.mark.parametrize(
    ("text", "scrubbed"),
    [
        ("url: /orders?token=abc&n=1 (Caused by x)", "url: /orders?token=REDACTED&n=1 (Caused by x)"),
        ("GET http://me:pw@host/a?sig=1", "GET http://REDACTED:REDACTED@host/a?sig=REDACTED"),
        ("('http://h/?password=a', 'b')", "('http://h/?password=REDACTED', 'b')"),
        ("nothing = here @ all", "nothing = here @ all"),
        ("http://me:p@ss@host/a", "http://REDACTED:REDACTED@host/a"),
        ("host=db password=pw dbname=shop", "host=db password=REDACTED dbname=shop"),
        ("connect(user='me', password=pw)", "connect(user='me', password=REDACTED)"),
        ("Authorization: Bearer abc.def-1=", "Authorization: Bearer REDACTED"),
        ("'Basic bWU6cHc=' is refused", "'Basic REDACTED' is refused"),
        ("plain", "plain"),
        ("mysqldump --password=S -u me", "mysqldump --password=REDACTED -u me"),
        ("mysqldump --password S -u me", "mysqldump --password REDACTED -u me"),
        ("['mysqldump', '--password', 'S', '-u']", "['mysqldump', '--password', 'REDACTED', '-u']"),
        ("connect(password='S', port=5)", "connect(password='REDACTED', port=5)"),
        ("{'password': 'S', 'port': 5}", "{'password': 'REDACTED', 'port': 5}"),
        ("{b'password': b'S S'}", "{b'password': b'REDACTED'}"),
        (r'{"token": "S \" S", "n": 1}', '{"token": "REDACTED", "n": 1}'),
        (r'"{\"token\": \"S\", \"n\": 1}"', r'"{\"token\": \"REDACTED\", \"n\": 1}"'),
        ("DB_PASSWORD=S PGPASSWORD=S MYSQL_PWD=S", "DB_PASSWORD=REDACTED PGPASSWORD=REDACTED MYSQL_PWD=REDACTED"),
        ("aws_secret_access_key=S/+S= is wrong", "aws_secret_access_key=REDACTED is wrong"),
        ("api_key: S", "api_key: REDACTED"),
        ("X-Api-Key: S", "X-Api-Key: REDACTED"),
        ("Authorization: Token S", "Authorization: Token REDACTED"),
        ("{'HTTP_AUTHORIZATION': 'Token S', 'a': 'b'}", "{'HTTP_AUTHORIZATION': 'Token REDACTED', 'a': 'b'}"),
        ("[('Authorization', 'Token S'), ('a', 'b')]", "[('Authorization', 'Token REDACTED'), ('a', 'b')]"),
        ('authorization: Digest username="me", response="S"', "authorization: Digest REDACTED"),
        ("Cookie: a=S; session=S\nHost: h", "Cookie: REDACTED\nHost: h"),
        ("bearer S", "bearer REDACTED"),
        ("password: 'it never ends S", "password: 'REDACTED'"),
        ("settings.DB.password := 'S'", "settings.DB.password := 'REDACTED'"),
        ("Server=db;Uid=me;Pwd=S;", "Server=db;Uid=me;Pwd=REDACTED"),
        ("sent eyJhbGciOi.eyJzdWIiOi.c2ln in vain", "sent REDACTED in vain"),
        ("-----BEGIN RSA PRIVATE KEY-----\nS\n-----END RSA PRIVATE KEY-----", "REDACTED"),
        ("    self.password = password", "    self.password = password"),
        ("    token = fetch_token(5)", "    token = fetch_token(5)"),
        ("password=None, token: null", "password=None, token: null"),
        ("error code: 404, key: 'b', session = 5", "error code: 404, key: 'b', session = 5"),
        ("KeyError: 'basic usage of max_tokens=5'", "KeyError: 'basic usage of max_tokens=5'"),
    ],
)
def test_a_text_that_quotes_secrets_is_scrubbed(text, scrubbed):
    """Error messages quote the URL, the command, the settings that failed; their secrets must not travel with them."""
    assert http.scrub(text) == scrubbed
    assert http.scrub(scrubbed) == scrubbed


@pytest.mark.parametrize(
    "piece",
    [
        "a",
        "a ",
        "eyJ-",
        "--a ",
        "://",
        "password=",
        "password: '",
        "cookie",
        "token\\\\",
        "-----BEGIN ",
        "basic ",
        ";a=",
        "'",
    ],
)
def test_any_text_is_scrubbed_in_a_time_that_grows_with_it(piece):
    """Thirty times as long takes less than three hundred times, whatever it repeats; squared it would be a thousand."""

    def seconds(count):
        """Of the processor, since others may be busy."""
        text = "password " + piece * count
        return min(timeit.repeat(lambda: http.scrub(text), timer=time.thread_time, number=1, repeat=3))

    seconds(1)
    assert seconds(9_000) < 300 * seconds(300)
