"""redis-py: the contract of command clients, and the ways in which programs use them."""

from __future__ import annotations

import asyncio
import threading

import pytest
import redis
import redis.asyncio
import redis.client
import redis.cluster
from redis.backoff import NoBackoff
from redis.retry import Retry

from autotrace.testing.contracts.db_client import Work
from autotrace.trace.context import get_current
from contracts.redis_clients import AsyncCommandsContract, CommandsContract, Library, SubclassContract, closed
from services.redis import RedisServer

VERSION = tuple(int(part) for part in redis.__version__.split(".")[:2])
ASYNC_CLUSTER = VERSION >= (4, 3)


REDIS = Library("redis", "Redis")


class TestClient(CommandsContract):
    """The contract, through ``Redis``."""

    library = REDIS
    instrumentors = ("redis",)
    scope = "redis"


class TestSubclass(SubclassContract):
    """The contract, through a class of the program's own."""

    library = REDIS
    instrumentors = ("redis",)
    scope = "redis"


class TestAsyncClient(AsyncCommandsContract):
    """The contract, through the asyncio variant."""

    library = REDIS
    instrumentors = ("redis", "redis_asyncio")
    scope = "redis_asyncio"
    clusters = ASYNC_CLUSTER


@pytest.fixture
def client(redis_server, recorder, instrument):
    """A client of an empty store; what it takes to open it is forgotten."""
    instrument("redis", "redis_asyncio")
    opened = redis.Redis(redis_server.host, redis_server.port, decode_responses=True)
    opened.flushall()
    recorder.clear()
    yield opened
    opened.close()
    opened.connection_pool.disconnect()


def names(recorder):
    """What the spans are called."""
    return [span["name"] for span in recorder.finished()]


def test_methods_of_the_client(client, recorder):
    """Methods answer as without us, and each is its command."""
    assert client.set("pizza", "margherita", ex=60)
    assert client.get("pizza") == "margherita"
    assert client.hset("order", mapping={"a": 1, "b": 2}) == 2
    assert client.hgetall("order") == {"a": "1", "b": "2"}
    assert client.config_get("maxmemory") == {"maxmemory": "0"}
    texts = [span["attributes"]["db.query.text"] for span in recorder.wait(5)]
    assert texts == ["SET ? ? ? ?", "GET ?", "HSET ? ? ? ? ?", "HGETALL ?", "CONFIG GET ?"]


def test_a_client_by_its_url(redis_server, recorder, instrument):
    """The index is that of the URL; a password is nowhere."""
    instrument("redis")
    client = redis.Redis.from_url(f"{redis_server.url}/3?client_name=hunter2")
    assert client.get("a") is None
    client.connection_pool.disconnect()
    [span] = recorder.wait(1)
    assert span["attributes"]["db.namespace"] == "3"
    assert (span["attributes"]["server.address"], span["attributes"]["server.port"]) == ("127.0.0.1", redis_server.port)
    assert "hunter2" not in repr(span)


def test_a_client_by_a_socket(redis_server, recorder, instrument):
    """The address is the path of the socket, and there is no port."""
    instrument("redis")
    client = redis.Redis(unix_socket_path=redis_server.socket)
    assert client.ping()
    client.connection_pool.disconnect()
    [span] = recorder.wait(1)
    assert span["attributes"] == {
        "db.system.name": "redis",
        "db.namespace": "0",
        "db.operation.name": "PING",
        "db.query.text": "PING",
        "server.address": redis_server.socket,
    }


def test_the_usual_port_is_not_told(recorder, instrument):
    """Without host and port it is localhost, at 6379."""
    instrument("redis")

    class Nowhere(redis.Connection):
        def connect(self, *args, **kwargs):
            raise redis.ConnectionError("nowhere")

    pool = redis.ConnectionPool(Nowhere)
    with pytest.raises(redis.ConnectionError):
        redis.Redis(connection_pool=pool).ping()
    [span] = recorder.wait(1)
    assert span["attributes"]["server.address"] == "localhost"
    assert "server.port" not in span["attributes"]


def test_a_sentinel_has_no_address(recorder, instrument):
    """Where the server is looked up, none is told; asking for it is not told apart."""
    instrument("redis")
    from redis.sentinel import Sentinel

    from services.ports import free_port

    master = Sentinel([("127.0.0.1", free_port())]).master_for("pizza", db=2, retry=Retry(NoBackoff(), 0))
    with pytest.raises(redis.ConnectionError):
        master.get("a")
    [span] = recorder.wait(1)
    assert (span["name"], span["attributes"]["db.namespace"]) == ("GET", "2")
    assert not [name for name in span["attributes"] if name.startswith("server.")]


def test_a_script_is_loaded_when_it_is_missing(client, recorder):
    """Each command that a script takes is a span, and none has failed; its hash is no part of a name."""
    client.script_flush()
    recorder.clear()
    script = client.register_script("return ARGV[1]")
    assert script(args=["hunter2"]) == "hunter2"
    first, second, third = recorder.wait(3)
    assert second["name"] == "SCRIPT LOAD"
    for span in (first, third):
        assert span["name"] == span["attributes"]["db.operation.name"] == "EVALSHA"
        assert span["attributes"]["db.stored_procedure.name"] == script.sha
        assert span["attributes"]["db.query.text"] == "EVALSHA ? ? ?"
    assert first["attributes"]["db.response.status_code"] == "NOSCRIPT"
    assert [(span["status"], "error.type" in span["attributes"]) for span in (first, second, third)] == (
        [("UNSET", False)] * 3
    )
    assert "exception" not in first
    assert "hunter2" not in repr([first, second, third])


def test_a_script_that_nobody_loads_has_failed(client, recorder):
    """That is so where the program sends the hash, and where the script was loaded in vain."""
    script = client.register_script("return 8")
    with pytest.raises(redis.exceptions.NoScriptError):
        client.evalsha("0" * 40, 0)

    class Forgetful(redis.Redis):
        def script_load(self, text):
            sha = super().script_load(text)
            self.script_flush()
            return sha

    forgetful = Forgetful(connection_pool=client.connection_pool)
    client.script_flush()
    recorder.clear()
    with pytest.raises(redis.exceptions.NoScriptError):
        script(client=forgetful)
    spans = [(span["name"], span["status"]) for span in recorder.wait(4)]
    assert spans == [("EVALSHA", "UNSET"), ("SCRIPT LOAD", "UNSET"), ("SCRIPT FLUSH", "UNSET"), ("EVALSHA", "ERROR")]


def test_a_script_of_an_asynchronous_client_and_its_subclass(redis_server, recorder, instrument):
    """The client's own answer to a missing script is known also through a class of the program's."""
    instrument("redis", "redis_asyncio")

    class Own(redis.asyncio.Redis):
        async def execute_command(self, *args, **kwargs):
            return await super().execute_command(*args, **kwargs)

    async def main():
        client = Own(host=redis_server.host, port=redis_server.port)
        await client.script_flush()
        recorder.clear()
        assert await client.register_script("return 9")() == 9
        with pytest.raises(redis.exceptions.NoScriptError):
            await client.evalsha("0" * 40, 0)
        await closed(client)

    asyncio.run(main())
    spans = recorder.wait(4)
    assert [span["name"] for span in spans] == ["EVALSHA", "SCRIPT LOAD", "EVALSHA", "EVALSHA"]
    assert [span["status"] for span in spans] == ["UNSET", "UNSET", "UNSET", "ERROR"]


def test_a_script_in_a_pipeline_is_loaded_by_it(client, recorder):
    """What a pipeline asks before it is sent belongs to its span."""
    client.script_flush()
    recorder.clear()
    script = client.register_script("return 7")
    with client.pipeline() as pipeline:
        script(client=pipeline)
        pipeline.get("a")
        assert pipeline.execute() == [7, None]
    [span] = recorder.wait(1)
    assert span["attributes"]["db.query.text"] == "EVALSHA ? ?; GET ?"


def test_a_watched_transaction(client, recorder):
    """What is asked while keys are watched are commands; a transaction that is to be tried again has not failed."""
    client.set("n", "1")
    with client.pipeline() as pipeline:
        pipeline.watch("n")
        assert pipeline.get("n") == "1"
        pipeline.multi()
        pipeline.set("n", "2")
        pipeline.get("n")
        assert pipeline.execute() == [True, "2"]
        pipeline.watch("n")
        client.set("n", "3")
        pipeline.multi()
        pipeline.set("n", "4")
        with pytest.raises(redis.WatchError):
            pipeline.execute()
    assert names(recorder) == ["SET", "WATCH", "GET", "MULTI", "WATCH", "SET", "MULTI SET"]
    last = recorder.finished()[-1]
    assert (last["status"], "error.type" in last["attributes"], "exception" in last) == ("UNSET", False, False)


def test_a_transaction_that_the_library_tries_again(client, recorder):
    """The attempt that was in vain has not failed, nor has the work around it."""
    turns = []

    def change(pipeline):
        value = int(pipeline.get("n") or 0)
        if not turns:
            client.set("n", "10")
        turns.append(value)
        pipeline.multi()
        pipeline.set("n", value + 1)

    with Work():
        assert client.transaction(change, "n") == [True]
    assert turns == [0, 10]
    spans = recorder.finished()
    assert [span["name"] for span in spans if span["name"].startswith("MULTI")] == ["MULTI SET"] * 2
    assert {span["status"] for span in spans} == {"UNSET"}


def test_an_asynchronous_transaction_that_the_library_tries_again(redis_server, recorder, instrument):
    """As with the other client."""
    instrument("redis", "redis_asyncio")

    async def main():
        client = redis.asyncio.from_url(redis_server.url)
        turns = []

        async def change(pipeline):
            value = int(await pipeline.get("m") or 0)
            if not turns:
                await client.set("m", "10")
            turns.append(value)
            pipeline.multi()
            pipeline.set("m", value + 1)

        assert await client.transaction(change, "m") == [True]
        assert turns == [0, 10]
        await closed(client)

    asyncio.run(main())
    spans = recorder.finished()
    assert [span["name"] for span in spans if span["name"].startswith("MULTI")] == ["MULTI SET"] * 2
    assert {span["status"] for span in spans} == {"UNSET"}


def test_errors_that_a_batch_returns_are_answers(client, recorder):
    """With ``raise_on_error=False`` nothing fails."""
    client.set("a", "x")
    with client.pipeline(transaction=False) as pipeline:
        answers = pipeline.get("a").lpush("a", "y").execute(raise_on_error=False)
    assert answers[0] == "x"
    assert isinstance(answers[1], redis.ResponseError)
    assert [span["status"] for span in recorder.wait(2)] == ["UNSET", "UNSET"]


def test_a_retried_command_is_one_span(redis_server, recorder, instrument):
    """A connection that was lost, and opened again, is nothing that the program knows of."""
    instrument("redis")
    pool = {"retry": Retry(NoBackoff(), 2), "retry_on_error": [redis.ConnectionError]}
    client = redis.Redis(redis_server.host, redis_server.port, **pool)
    killer = redis.Redis(redis_server.host, redis_server.port)
    number = client.client_id()
    assert killer.client_kill_filter(_id=number) == 1
    recorder.clear()
    assert client.ping() is True
    assert client.client_id() != number
    for each in (client, killer):
        each.connection_pool.disconnect()
    assert [(span["name"], span["status"]) for span in recorder.wait(2)] == [("PING", "UNSET"), ("CLIENT ID", "UNSET")]


def test_polling_for_messages_makes_no_spans(client, recorder):
    """Subscribing and publishing are commands; waiting for messages, in vain or not, is none."""
    with client.pubsub() as listener:
        listener.subscribe("orders")
        assert listener.get_message(timeout=5)["type"] == "subscribe"
        for _ in range(20):
            assert listener.get_message() is None
        assert client.publish("orders", "one") == 1
        assert client.publish("orders", "two") == 1
        assert listener.get_message(timeout=5)["data"] == "one"
        assert next(listener.listen())["data"] == "two"
        assert get_current() is None
    first, *more = recorder.wait(3)
    assert (first["name"], first["attributes"]["db.query.text"]) == ("SUBSCRIBE", "SUBSCRIBE ?")
    assert [span["name"] for span in more] == ["PUBLISH", "PUBLISH"]


def test_the_thread_that_handles_messages_belongs_to_nobody(client, recorder, instrument):
    """It was started in some request, of which the messages know nothing."""
    instrument("threads")
    handled = threading.Event()
    parents = []

    def handle(message):
        parents.append(get_current())
        handled.set()

    with Work():
        listener = client.pubsub(ignore_subscribe_messages=True)
        listener.subscribe(orders=handle)
        thread = listener.run_in_thread(sleep_time=0.01)
    client.publish("orders", "one")
    assert handled.wait(10)
    thread.stop()
    thread.join()
    listener.close()
    assert parents == [None]


def test_tasks_have_their_own_parents(redis_server, recorder, instrument):
    """Commands of tasks that run at the same time are children of their own task's span."""
    instrument("redis", "redis_asyncio")
    parents = {}

    async def request(client, number):
        with Work(f"request {number}") as span:
            parents[number] = span.span_id
            for _ in range(3):
                await client.mget(["a"] * number)
            await asyncio.gather(client.mget(["a"] * number), client.mget(["b"] * number))
            assert get_current() is span

    async def main():
        client = redis.asyncio.Redis(host=redis_server.host, port=redis_server.port)
        await asyncio.gather(*(request(client, number) for number in range(1, 6)))
        await closed(client)

    asyncio.run(main())
    for number in range(1, 6):
        text = "MGET" + " ?" * number
        spans = [span for span in recorder.finished() if span["attributes"].get("db.query.text") == text]
        assert [span["parent_id"] for span in spans] == [parents[number]] * 5


def test_a_cancelled_command_has_not_failed(redis_server, recorder, instrument):
    """A task that is cancelled while it waits ends the span without a status."""
    instrument("redis", "redis_asyncio")

    async def main():
        client = redis.asyncio.Redis(host=redis_server.host, port=redis_server.port)
        await client.ping()
        other = redis.asyncio.Redis(host=redis_server.host, port=redis_server.port)
        task = asyncio.ensure_future(client.blpop("nothing", 30))
        while not (await other.info("clients"))["blocked_clients"]:  # noqa: ASYNC110 - the server has no event
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert get_current() is None
        await closed(client)
        await closed(other)

    asyncio.run(main())
    [span] = [span for span in recorder.finished() if span["name"] == "BLPOP"]
    assert span["status"] == "UNSET"


def test_an_asynchronous_watched_transaction_and_messages(redis_server, recorder, instrument):
    """As with the other client: commands while watching, one transaction, no span for a message."""
    instrument("redis", "redis_asyncio")

    async def main():
        client = redis.asyncio.from_url(redis_server.url, decode_responses=True)
        await client.set("n", "1")
        async with client.pipeline() as pipeline:
            await pipeline.watch("n")
            assert await pipeline.get("n") == "1"
            pipeline.multi()
            assert await pipeline.set("n", "2").get("n").execute() == [True, "2"]
        listener = client.pubsub()
        await listener.subscribe("orders")
        assert (await listener.get_message(timeout=5))["type"] == "subscribe"
        assert await listener.get_message(timeout=0.001) is None
        await client.publish("orders", "one")
        assert (await listener.get_message(timeout=5))["data"] == "one"
        await closed(listener)
        await closed(client)

    asyncio.run(main())
    assert names(recorder) == ["SET", "WATCH", "GET", "MULTI", "SUBSCRIBE", "PUBLISH"]
    assert {span["scope"] for span in recorder.finished()} == {"redis_asyncio"}


@pytest.fixture(scope="module")
def cluster(redis_server):
    """A cluster of one node that has all slots; ``redis_server`` says where none can be had."""
    with RedisServer("--cluster-enabled", "yes") as server:
        plain = redis.Redis(server.host, server.port)
        plain.execute_command("CLUSTER", "ADDSLOTS", *range(16384))
        while plain.execute_command("CLUSTER INFO")["cluster_state"] != "ok":
            pass
        plain.connection_pool.disconnect()
        yield server


CLUSTER = {"db.system.name": "redis", "db.namespace": "0"}


def test_a_cluster(cluster, recorder, instrument):
    """A command to a cluster is one span, without an address, as is a pipeline."""
    instrument("redis")
    client = redis.cluster.RedisCluster(host=cluster.host, port=cluster.port)
    recorder.clear()
    assert client.set("a", "x") is True
    assert client.get("a") == b"x"
    with client.pipeline() as pipeline:
        assert pipeline.get("a").set("b", "y").execute() == [b"x", True]
        assert pipeline.execute() == []
    with pytest.raises(redis.ResponseError):
        client.lpush("a", "y")
    client.close()
    first, second, third, fourth = recorder.wait(4)
    assert first["attributes"] == {**CLUSTER, "db.operation.name": "SET", "db.query.text": "SET ? ?"}
    assert second["name"] == "GET"
    assert third["attributes"] == {
        **CLUSTER,
        "db.operation.name": "PIPELINE",
        "db.query.text": "GET ?; SET ? ?",
        "db.operation.batch.size": 2,
    }
    assert (fourth["status"], fourth["attributes"]["db.response.status_code"]) == ("ERROR", "WRONGTYPE")


@pytest.mark.skipif(not ASYNC_CLUSTER, reason="redis-py 4.2 has no asynchronous cluster")
def test_an_asynchronous_cluster(cluster, recorder, instrument):
    """As with the other client."""
    instrument("redis", "redis_asyncio")

    async def main():
        client = redis.asyncio.RedisCluster(host=cluster.host, port=cluster.port)
        await client.initialize()
        recorder.clear()
        assert await client.set("a", "x") is True
        assert await client.get("a") == b"x"
        pipeline = client.pipeline()
        assert await pipeline.get("a").set("b", "y").execute() == [b"x", True]
        await closed(client)

    asyncio.run(main())
    first, second, third = recorder.wait(3)
    assert first["attributes"] == {**CLUSTER, "db.operation.name": "SET", "db.query.text": "SET ? ?"}
    assert (second["name"], third["name"], third["attributes"]["db.operation.batch.size"]) == ("GET", "PIPELINE", 2)
    assert {span["scope"] for span in (first, second, third)} == {"redis_asyncio"}


@pytest.mark.skipif(VERSION < (6, 1), reason="redis-py 6.1 brought transactions in clusters")
def test_a_transaction_in_a_cluster(cluster, recorder, instrument):
    """It is told as one, though the library has another class for it."""
    instrument("redis", "redis_asyncio")
    client = redis.cluster.RedisCluster(host=cluster.host, port=cluster.port)
    recorder.clear()
    with client.pipeline(transaction=True) as pipeline:
        assert pipeline.set("{a}1", "x").get("{a}1").execute()[1] == b"x"
    client.close()

    async def main():
        other = redis.asyncio.RedisCluster(host=cluster.host, port=cluster.port)
        await other.initialize()
        async with other.pipeline(transaction=True) as pipeline:
            assert (await pipeline.set("{a}1", "x").get("{a}1").execute())[1] == b"x"
        await closed(other)

    asyncio.run(main())
    spans = [span for span in recorder.finished() if span["name"] == "MULTI"]
    assert [span["attributes"]["db.query.text"] for span in spans] == ["SET ? ?; GET ?"] * 2


def test_undoing_takes_everything_back(recorder):
    """Taken back, the classes are as they were."""
    from autotrace.testing import recorder as recording

    before = dict(vars(redis.client.Redis)), dict(vars(redis.client.PubSubWorkerThread))
    undo = recording.instrument("redis", "redis_asyncio")
    assert dict(vars(redis.client.Redis)) != before[0]
    undo()
    assert (dict(vars(redis.client.Redis)), dict(vars(redis.client.PubSubWorkerThread))) == before
