"""Whatever comes in: nothing is raised, what comes out is bounded, and no parser looks at more than it must."""

from __future__ import annotations

import random
import sys
from itertools import chain

import pytest
from hypothesis import given
from hypothesis import strategies as st

import looking
from autotrace import propagation
from autotrace.config import settings as settings_
from autotrace.config import values
from autotrace.config.settings import TABLE
from autotrace.conventions import http, sql
from autotrace.conventions.http_server import describe_decoded
from autotrace.conventions.sql_shape import shape
from autotrace.families.http import http_server
from autotrace.launch.checks import checked
from autotrace.store import decode, inbox
from autotrace.trace.span import INTERNAL, UNSET, Operation
from autotrace.trace.tracer import tracer
from fuzz.mutation import Mutation
from unit.store.inboxes import MAGIC, MAGIC_1, Sent, record, record_1, request

T, S = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
HEADERS = {
    "traceparent": [f"00-{T}-{S}-01", f"cc-{T}-{S}-01-what-comes-later"],
    "tracestate": ["congo=t61rcWkgMzE,rojo=00f067aa0ba902b7", "fw529a3039@dt=FfAAAYAAAAG;x:y"],
    "baggage": ["key1=value1;property1;property2, key2 = value2, key3=value3; propertyKey=propertyValue", "a=%20%e4"],
    "b3": [f"{T}-{S}-1-{S}", f"{S}-{S}-d", "0"],
    "x-b3-traceid": [T, S],
    "x-b3-spanid": [S],
    "x-b3-sampled": ["1", "true"],
    "x-b3-flags": ["1"],
    "uber-trace-id": [f"{T}:{S}:0:1", f"{T}%3A{S}%3A0%3A1"],
    "x-amzn-trace-id": [f"Root=1-{T[:8]}-{T[8:]};Parent={S};Sampled=1"],
    "x-datadog-trace-id": ["8448927347592749274"],
    "x-datadog-parent-id": ["1234567890"],
    "x-datadog-sampling-priority": ["1", "-1"],
    "x-datadog-tags": [f"_dd.p.tid={T[:16]},_dd.p.dm=-1"],
}
STYLES = ("tracecontext", "b3", "jaeger", "xray", "datadog", "baggage")
_operation = Operation("fuzz", INTERNAL, "fuzz", lambda *_: ("", {}, UNSET, ""))


def through(headers):
    """Let headers in, and look at what would go out."""
    remote = propagation.incoming(headers.get)
    if remote is None:
        return
    if remote.trace_id:
        assert len(remote.trace_id) == 32
        assert int(remote.trace_id, 16)
        assert len(remote.span_id) == 16
        assert int(remote.span_id, 16)
        assert remote.flags in (0, 1, 2, 3)
    assert len(remote.tracestate) <= 512
    assert len(remote.baggage) <= 8192
    span = tracer.enter(_operation, (), remote, None)
    for name, value in propagation.outgoing(span):
        assert value.isascii(), name
        assert value.isprintable(), name
        assert len(value) <= 8192, name


@pytest.mark.parametrize("style", STYLES)
def test_hostile_headers_of_each_style(style):
    """What is left of them is well-formed and bounded, alone and together with valid ones of the same style."""
    propagation.configure(("baggage",) if style == "baggage" else (style, "baggage"))
    fields = [name for name in propagation.fields() if name in HEADERS]
    assert fields
    mutation, chance = Mutation(seed=1), random.Random(1)
    good = {name: HEADERS[name][0] for name in fields}
    for text in mutation.texts(*[text for name in fields for text in HEADERS[name]]):
        through({**good, chance.choice(fields): text})


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("piece", ["a=b,", "a", ",", ";", "=", "-", "0" * 32 + "-", ":", "%", "é", "a=b;"])
def test_endless_headers_are_not_read_to_their_end(style, piece):
    """A megabyte costs no more than what is within the limits: a server limits what comes, brokers and environments do not."""
    propagation.configure((style,))
    huge = looking.text(piece * (1_000_000 // len(piece)))
    through(dict.fromkeys(propagation.fields(), huge))
    assert huge.looked <= 100_000


def test_hostile_headers_of_messages():
    """Bytes of any kind, names of any type, pairs that are none."""
    propagation.configure(STYLES)
    chance = random.Random(2)
    for text in Mutation(seed=2).texts(*[text for texts in HEADERS.values() for text in texts]):
        coded = text.encode("utf-8", "surrogatepass")
        name = chance.choice(list(HEADERS))
        for headers in (
            [(name, coded)],
            [(name, text)] * 3,
            {name: coded},
            [(text, coded), (name,), None, (name, None)],
        ):
            remote = propagation.incoming_bytes(headers)
            assert remote is None or len(remote.baggage) <= 8192


URLS = [
    "https://user:pass@example.com:8443/a/b?token=abc&n=1#access_token=x",
    "http://[::1]:80/",
    "/orders?password=x",
    "postgresql://me:secret@db/shop",
]


def test_hostile_urls():
    """They are split and redacted: what stood before the @ of the authority is gone."""
    for text in Mutation(seed=3).texts(*URLS):
        url = http.parse(text)
        assert url.port is None or 0 <= url.port <= 65_535
        assert len(url.full) <= len(text) + 20 + 9 * text.count("=")
        http.scrub(text)


@given(st.text(alphabet="user:pass", min_size=1, max_size=9), st.text(alphabet="abc.:/?#@[]", max_size=20))
def test_user_information_is_never_kept(user, rest):
    """However odd the host is that follows."""
    assert "hush" not in http.parse(f"http://{user}hush@{rest}").full


@given(st.text(max_size=200))
def test_any_text_is_a_url_and_a_host(text):
    """Something is returned, with a port that is one."""
    http.parse(text)
    http.scrub(text)
    _, port = http.host_and_port(text, "http")
    assert port is None or 0 <= port <= 65_535


@given(st.lists(st.text(max_size=50), min_size=9, max_size=9), st.booleans())
def test_any_request_can_be_described(texts, decoded):
    """Method, path, Host, X-Forwarded-For, User-Agent and the rest, whatever they hold."""
    method, scheme, path, query, host, server, client, forwarded, agent = texts
    facts = (method, scheme, path, query if decoded else None, host, (server, agent), client, forwarded, agent, "1.1")
    for describe in (http_server.describe, describe_decoded):
        name, attributes, _, _ = describe(facts, (200, None, None), None)
        assert name
        assert 0 <= attributes.get("server.port", 0) <= 65_535


def test_hostile_hosts_and_forwards():
    """Of a list the first counts; a port is a port."""
    for text in Mutation(seed=4).texts(
        "10.0.0.1, 10.0.0.2", "[2001:db8::1]:4711", "example.com:80", 'for="[2001:db8::1]"'
    ):
        facts = ("GET", "http", "/", "", text, None, "10.0.0.9", text, text, "1.1")
        _, attributes, _, _ = http_server.describe(facts, (200, None, None), None)
        assert 0 <= attributes.get("server.port", 0) <= 65_535


def test_hostile_resource_attributes():
    """They are read, or refused with a ValueError, which costs a warning."""
    for text in Mutation(seed=5).texts("service.name=shop,deployment.environment=production", "a=%20b,c=d"):
        try:
            read = values.pairs(text)
        except ValueError:
            continue
        assert all(isinstance(key, str) and isinstance(value, str) for key, value in read.items())
        assert settings_.load({"OTEL_RESOURCE_ATTRIBUTES": text}, "/").resource_attributes in (read, {})


def test_hostile_values_of_every_setting(tmp_path):
    """Loading never raises; what cannot be read is passed over."""
    variables = [variable for row in TABLE for variable in (row.variable, *(name for name, _ in row.also))]
    chance = random.Random(6)
    for text in Mutation(seed=6).texts(
        "true", "100", "256MiB", "0.5", "inbox,otlp", "http://localhost:4318", "a=b,c=d"
    ):
        checked({chance.choice(variables): text, "XDG_DATA_HOME": str(tmp_path)}, "/")


TOML = [
    'service_name = "shop"\nresource_attributes = { a = "b", "c.d" = 1 }\n[tool.autotrace]\nenabled = true',
    "excluded_urls = [\n'a', # comment\n\"b\\u00e4\"]\nsample_ratio = 0.5",
]


def test_hostile_configuration(tmp_path):
    """Loading never raises, whether a file is named or found, and whatever stands in it."""
    file, found = tmp_path / "autotrace.toml", tmp_path / "found" / "pyproject.toml"
    found.parent.mkdir()
    deep = ["a = " + "[" * 100_000, "a = " + "{a=" * 50_000, "[" + "a." * 300 + "b]"]
    for text in chain(deep, Mutation(seed=7).texts(*TOML)):
        file.write_bytes(text.encode("utf-8", "surrogatepass"))
        found.write_bytes(b"[tool.autotrace]\n" + text.encode("utf-8", "surrogatepass"))
        for environ in ({"AUTOTRACE_CONFIG": str(file)}, {}):
            loaded = settings_.load(environ, str(found.parent))
            assert loaded.enabled in (True, False)


SQL = [
    "SELECT name, 'secret' FROM pizzas WHERE id IN (1, 2, 3) AND note = E'it\\'s' -- comment",
    "WITH x AS (SELECT * FROM a JOIN b ON a.i = b.i) INSERT INTO c VALUES ($1, $$body$$)",
    "/* hint */ CALL do_it(?, :name, @p)",
]


SYSTEMS = ("postgresql", "mysql", "sqlite", "microsoft.sql_server", "other_sql")
QUOTING = ("'", '"', "/*", "--", "$a$")


@pytest.mark.parametrize("system", SYSTEMS)
def test_hostile_statements(system):
    """They are summarised, in a bounded length."""
    for text in Mutation(seed=8).texts(*SQL, share=2):
        read = sql.read(text, system)
        assert len(read.text) <= 4 * len(text) + 100
        of_shape = sql.read(shape(text), system)
        assert [getattr(of_shape, part) for part in read.__slots__] == [getattr(read, part) for part in read.__slots__]


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize("piece", ["(", "'", '"', "/*", "--", "SELECT ", "a.", "$a$", "\\", "[", "1,"])
def test_reading_a_statement_takes_steps_in_proportion_to_its_length(system, piece):
    """Twice the length, twice the calls; what a pattern does in one would not end if it tried every place with every other."""
    short, long = (calls(sql.read, (piece * length)[:length], system) for length in (5_000, 10_000))
    assert long <= 2.2 * short + 100
    if piece in QUOTING:
        assert sql.read((piece * (1 << 19))[: 1 << 19], system)
        assert shape((piece * (1 << 19))[: 1 << 19])


def calls(function, *arguments):
    """Return how many functions, of Python and of C, are called while one runs."""
    count = 0

    def counting(_frame, event, _argument):
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(counting)
    try:
        function(*arguments)
    finally:
        sys.setprofile(before)
    return count


@pytest.fixture(scope="module")
def chunk_of(tmp_path_factory):
    """A function that reads bytes as a file of the inbox."""
    path = tmp_path_factory.mktemp("inbox") / "1-1-1.spans"

    def read(content):
        path.write_bytes(content)
        with path.open("rb") as file:
            return inbox.read_chunk(file, 0, 1 << 20)

    return read


@given(magic=st.sampled_from([MAGIC_1, MAGIC]), data=st.binary(max_size=300))
def test_any_bytes_in_the_inbox(chunk_of, magic, data):
    """Reading ends, and never beyond what is there."""
    chunk = chunk_of(magic + data)
    assert chunk.offset <= len(data) + 8
    assert sum(map(len, chunk.payloads)) <= len(data)


@pytest.mark.parametrize(("magic", "made"), [(MAGIC_1, record_1), (MAGIC, record)], ids=["1", "2"])
def test_hostile_records(chunk_of, magic, made):
    """A good file with changed bytes: whole records before the change are read, requests are decoded or refused."""
    good = request(Sent("GET /", 0, 10, attributes={"a": "b", "n": 1, "list": [1, "x"]}, error=("ValueError", "no")))
    content = magic + made(good) * 3
    chance = random.Random(9)
    for _ in range(300):
        changed = bytearray(content)
        for _ in range(chance.randint(1, 8)):
            changed[chance.randrange(len(changed))] = chance.randrange(256)
        chunk = chunk_of(bytes(changed))
        assert len(chunk.payloads) <= 3
        payload = bytearray(good)
        for _ in range(chance.randint(1, 8)):
            payload[chance.randrange(len(payload))] = chance.randrange(256)
        decode.decode(bytes(payload)[: chance.randint(0, len(payload))])
