"""What a span is, which one is current, and how one is started and finished.

This room knows nothing else of the project: no library, no convention, no sink.
"""
