"""confluent-kafka: a span for each message sent, for what is pulled, while the program handles that, and for commits.

Producer and Consumer are types of C, which cannot be patched: subclasses of the same name take their place as soon as the
extension module is there, before the package's own classes are derived from them.  A message's span ends with its delivery
report, by a callback of ours that calls the program's; as ever, reports come while the program calls ``poll`` or ``flush``.

Not traced: ``produce_batch``; where the library was imported before the agent, classes that were derived before, too.
"""

from __future__ import annotations

from confluent_kafka import cimpl

from autotrace.families.messaging import message_objects, stream
from autotrace.patching import Instrumentor, Patch, argument, subclassing, with_argument
from autotrace.patching.wrapping import before

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from autotrace.families.messaging.stream import Reader
    from autotrace.patching import Args, Call, Kwargs

_kafka = stream.Messaging("kafka")


def _settings(args: Args, kwargs: Kwargs) -> None:
    """Keep what the spans tell of a client's configuration; names may be spelled with underscores.

    That is: client id, server and transactional id; group; the default callback; what has been subscribed to; what the
    group says.
    """
    given = {**(argument(args, kwargs, 1, "config") or {}), **kwargs}
    known = {str(name).lower().replace(".", "_"): value for name, value in given.items()}
    servers = known.get("bootstrap_servers", known.get("metadata_broker_list"))
    server = servers.strip() if isinstance(servers, str) and "," not in servers else None
    sender = known.get("client_id"), server, known.get("transactional_id")
    rest: Any = known.get("group_id"), known.get("on_delivery"), [], message_objects.Group()
    setattr(args[0], subclassing.KEPT, (sender, *rest))


def _kept(client: Any) -> Any:
    return getattr(client, subclassing.KEPT)


def _message(args: Args, kwargs: Kwargs) -> Any:
    # The arguments of produce, in order: topic, value, key, partition, callback, on_delivery, timestamp, headers.
    topic = argument(args, kwargs, 1, "topic")
    headers = argument(args, kwargs, 8, "headers")
    if headers is None:
        headers = []
    elif not isinstance(headers, (list, dict)):  # the library refuses these, and has to see them
        headers = None
    partition, key = argument(args, kwargs, 4, "partition"), argument(args, kwargs, 3, "key")
    return topic, partition, key, None, _kept(args[0])[0], headers


def _reports(args: Args, kwargs: Kwargs, ours: Callable[..., Call]) -> Args:
    theirs = argument(args, kwargs, 5, "callback")
    if theirs is None:
        theirs = argument(args, kwargs, 6, "on_delivery")
    if theirs is None:
        theirs = _kept(args[0])[2]
    return with_argument(args, kwargs, 5, "callback", ours(theirs, cimpl.KafkaException))


def _consumer(consumer: Any) -> Reader:
    (client_id, server, _), group, _report, topics, told = _kept(consumer)
    return client_id, group, server, told.of(consumer)[0], tuple(topics)


def _settled(args: Args, kwargs: Kwargs) -> Any:
    return message_objects.named(args, kwargs) or _kept(args[0])[4].of(args[0])[1]


def _subscribed(args: Args, kwargs: Kwargs) -> None:
    _kept(args[0])[3][:] = [str(topic) for topic in argument(args, kwargs, 1, "topics", ())]


def _producer(kind: Any, scope: str) -> Any:
    send = _kafka.report(_message, (8, "headers"), _reports, message_objects.answered)
    wraps = {
        "__init__": before(_settings),
        "produce": send,
        **{
            name: _kafka.transaction(name, lambda producer: _kept(producer)[0])
            for name in ("commit_transaction", "abort_transaction")
        },
    }
    return subclassing.taking_over(kind, scope, wraps)


def _reading(kind: Any, scope: str) -> Any:
    wraps = {
        "__init__": before(_settings),
        "subscribe": before(_subscribed),
        "poll": _kafka.one(message_objects.received, _consumer),
        "consume": _kafka.batches(message_objects.received, _consumer),
        "commit": _kafka.commit(_settled, _consumer, told=message_objects.refused(cimpl.KafkaException)),
        "unsubscribe": _kafka.release(),
        "close": _kafka.release(),
        "__exit__": _kafka.release(),
    }
    return subclassing.taking_over(kind, scope, wraps)


INSTRUMENTOR = Instrumentor(
    "confluent_kafka",
    Patch("confluent_kafka.cimpl:Producer", _producer),
    Patch("confluent_kafka.cimpl:Consumer", _reading),
    Patch("confluent_kafka:Producer", _producer, optional=True),
    Patch("confluent_kafka:Consumer", _reading, optional=True),
)
