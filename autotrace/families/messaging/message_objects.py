"""Messages that tell by methods what they are, and places (a topic's partitions) that are objects: libraries on C.

An instrumentor hands these functions to the family in place of its own.
"""

from __future__ import annotations

from autotrace.patching.model import argument
from autotrace.trace.clocks import clocks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from autotrace.patching import Args, Kwargs


_TOLD_FOR = 1.0  # s


class Group:
    """What a consumer is called in its group, and the places that are assigned to it.

    The library asks its own thread for either while the program waits, so it is asked once a second; both change where
    the group is balanced anew, and the spans of that second tell what was.
    """

    __slots__ = ("_asked", "_told")

    def __init__(self) -> None:
        self._asked = -_TOLD_FOR
        self._told: tuple[str | None, Sequence[tuple[Any, Any]]] = None, ()

    def of(self, consumer: Any) -> tuple[str | None, Sequence[tuple[Any, Any]]]:
        """Return a consumer's name and its places; none where it is closed."""
        now = clocks.now()
        if now - self._asked > _TOLD_FOR:
            self._asked = now
            try:
                places = [(place.topic, place.partition) for place in consumer.assignment()]
                self._told = consumer.memberid(), places
            except RuntimeError:
                self._told = None, ()
        return self._told


def answered(message: Any) -> tuple[Any, Any, bool]:
    """Return partition, offset, and whether it is empty: an Answered of the family's."""
    return message.partition(), message.offset(), message.value() is None


def received(message: Any) -> Any:
    """Return a message's facts, or None for one that tells of an error: a Received of the family's."""
    if message.error() is not None:
        return None
    place = message.topic(), message.partition(), message.offset()
    return *place, message.key(), message.value() is None, message.timestamp()[1], message.headers()


def named(args: Args, kwargs: Kwargs) -> Any:
    """Return the places that a commit names: of a message, or offsets; after the receiver, these are its arguments.

    Empty where it names none: then it settles all that is assigned.
    """
    message, offsets = argument(args, kwargs, 1, "message"), argument(args, kwargs, 2, "offsets")
    if message is not None:
        return ((message.topic(), message.partition()),)
    return [(place.topic, place.partition) for place in offsets or ()]


def refused(exception: Any) -> Any:
    """Return what finds the first place that could not be committed: a Told of the family's.

    Args:
        exception: makes one of a place's error.
    """

    def told(places: Any) -> Any:
        return next((exception(place.error) for place in places or () if place.error is not None), None)

    return told
