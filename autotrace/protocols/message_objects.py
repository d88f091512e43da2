"""Messages that tell by methods what they are, and places (a topic's partitions) that are objects: libraries on C.

An instrumentor hands these functions to the family in place of its own.
"""

from __future__ import annotations

from autotrace.patching.model import argument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from autotrace.patching import Args, Kwargs


def answered(message: Any) -> tuple[Any, Any, bool]:
    """Return partition, offset, and whether it is empty: an Answered of the family's."""
    return message.partition(), message.offset(), message.value() is None


def received(message: Any) -> Any:
    """Return a message's facts, or None for one that tells of an error: a Received of the family's."""
    if message.error() is not None:
        return None
    place = message.topic(), message.partition(), message.offset()
    return *place, message.key(), message.value() is None, message.timestamp()[1], message.headers()


def committed(args: Args, kwargs: Kwargs) -> Any:
    """Return the places that a commit settles: Places of the family's; without offsets it is all that is assigned."""
    return named(args, kwargs) or [(place.topic, place.partition) for place in args[0].assignment()]


def named(args: Args, kwargs: Kwargs) -> Any:
    """Return the places that a commit names: of a message, or offsets; after the receiver, these are its arguments."""
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
