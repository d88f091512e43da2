"""Which traces are recorded: parent-based, with a ratio for roots.

A sampler is one function for roots and two constants for remote parents; local parents are always followed.
OpenTelemetry specification, Trace SDK, "Built-in samplers".
"""

from __future__ import annotations

_LOW_64 = (1 << 64) - 1


class Sampler:
    """Decide for a root by its trace id, and for a remote parent by its flag.

    Args:
        ratio: share of the traces to record, 0.0 to 1.0; compared with the low 64 bits of the trace id, so that every
            process that uses the same ratio decides the same way (TraceIdRatioBased).
        parent_based: follow the remote parent's decision; if not, the ratio decides for every trace that enters.

    Attributes:
        everything: every root is sampled.
        bound: roots whose trace id ends with less than these 16 hex digits are sampled; not to be asked where everything is.
    """

    __slots__ = ("_bound", "bound", "everything", "parent_based", "ratio")

    def __init__(self, ratio: float = 1.0, parent_based: bool = True) -> None:
        self.ratio = ratio
        self.parent_based = parent_based
        self.everything = ratio >= 1.0
        self._bound = round(ratio * (_LOW_64 + 1))
        self.bound = f"{min(self._bound, _LOW_64):016x}"

    def sample(self, trace_id: str, parent_sampled: bool | None = None) -> bool:
        """Tell whether a trace that starts or enters here is recorded.

        Args:
            trace_id: 32 hex digits.
            parent_sampled: the remote parent's flag, or None for a root.
        """
        if parent_sampled is not None and self.parent_based:
            return parent_sampled
        return int(trace_id[16:], 16) < self._bound
