"""confluent-kafka: a span for each message sent, for what is pulled, while the program handles that, and for commits.

Producer and Consumer are types of C, which cannot be patched: subclasses of the same name take their place as soon as the
extension module is there, before the package's own classes are derived from them.  A message's span ends with its delivery
report, by a callback of ours that calls the program's; as ever, reports come while the program calls ``poll`` or ``flush``.

Not traced: ``produce_batch``; where the library was imported before the agent, classes that were derived before, too.
"""

from __future__ import annotations

from operator import attrgetter

from confluent_kafka import cimpl

from autotrace.families.messaging import message_objects, stream
from autotrace.patching import Instrumentor, Patch, argument, subclassing
from autotrace.patching.wrapping import before

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from autotrace.families.messaging.stream import Reader, Sender
    from autotrace.patching import Args, Kwargs

_kafka = stream.Messaging("kafka")


class Kept:
    """What the spans tell of a client's configuration.

    Attributes:
        sender: client id, server and transactional id.
        report: the default callback.
        reader: of the family's, as far as it was told the last time.
        group: what the group says.
    """

    __slots__ = ("group", "reader", "report", "sender")

    def __init__(self, sender: Sender, report: Any, reader: Reader) -> None:
        self.sender = sender
        self.report = report
        self.reader = reader
        self.group = message_objects.Group()


def _settings(args: Args, kwargs: Kwargs) -> None:
    """Keep what the spans tell of a client's configuration; names may be spelled with underscores."""
    given = {**(argument(args, kwargs, 1, "config") or {}), **kwargs}
    known = {str(name).lower().replace(".", "_"): value for name, value in given.items()}
    servers = known.get("bootstrap_servers", known.get("metadata_broker_list"))
    server = servers.strip() if isinstance(servers, str) and "," not in servers else None
    client_id = known.get("client_id")
    sender = client_id, server, known.get("transactional_id")
    reader = client_id, known.get("group_id"), server, None, ()
    setattr(args[0], subclassing.KEPT, Kept(sender, known.get("on_delivery"), reader))


kept = attrgetter(subclassing.KEPT)


def _message(
    producer: Any,
    topic: Any = None,
    _value: Any = None,
    key: Any = None,
    partition: Any = None,
    callback: Any = None,
    on_delivery: Any = None,
    _timestamp: Any = None,
    headers: Any = None,
    *_more: Any,
    **_others: Any,
) -> Any:
    known = kept(producer)
    if headers is None:
        headers = []
    elif not isinstance(headers, (list, dict)):  # the library refuses these, and has to see them
        headers = None
    if callback is None:
        callback = known.report if on_delivery is None else on_delivery
    return topic, partition, key, known.sender, headers, callback


def _consumer(consumer: Any) -> Reader:
    known = kept(consumer)
    member, _places = known.group.of(consumer)
    reader: Reader = known.reader
    if reader[3] is not member:
        reader = known.reader = (*reader[:3], member, reader[4])
    return reader


def _settled(args: Args, kwargs: Kwargs) -> Any:
    return message_objects.named(args, kwargs) or kept(args[0]).group.of(args[0])[1]


def _subscribed(args: Args, kwargs: Kwargs) -> None:
    known = kept(args[0])
    known.reader = (*known.reader[:4], tuple(str(topic) for topic in argument(args, kwargs, 1, "topics", ())))


def _producer(kind: Any, scope: str) -> Any:
    send = _kafka.report(_message, (8, "headers"), (5, "callback"), cimpl.KafkaException, message_objects.answered)
    wraps = {
        "__init__": before(_settings),
        "produce": send,
        **{
            name: _kafka.transaction(name, lambda producer: kept(producer).sender)
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
