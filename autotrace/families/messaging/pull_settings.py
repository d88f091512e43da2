"""What the settings say of the spans of pulls, and of batches; apart from ``receiving``, which every program would load."""

from __future__ import annotations


class Choice:
    """The fields are the settings of these names."""

    __slots__ = ("batch_parent", "link_count", "receive_spans")

    def __init__(self, batch_parent: str = "producer", receive_spans: str = "auto", link_count: int = 128) -> None:
        self.batch_parent = batch_parent
        self.receive_spans = receive_spans
        self.link_count = link_count


chosen = Choice()


def configure(batch_parent: str, receive_spans: str, link_count: int) -> None:
    """Take what the settings say; called once, before the first span."""
    global chosen
    chosen = Choice(batch_parent, receive_spans, link_count)
