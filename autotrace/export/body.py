"""The part of a span that its facts decide: name, kind, attributes and status.

Programs repeat themselves, so a whole body is remembered for each operation, facts and outcome.  A body is only
remembered where equal facts are the same facts: 1, 1.0 and True are told apart, 0.0 and -0.0 are not remembered at all.
"""

from __future__ import annotations

from autotrace.export.wire import sized, utf8, varint
from autotrace.memory import Memo

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from autotrace.export.values import Values
    from autotrace.trace.failure import Failure
    from autotrace.trace.span import Extras, Facts, Operation, Own, Parted

_ERROR = 2  # Status.StatusCode
_NONE: tuple[Any, ...] = ()
_HEADS = 512  # names of spans that are remembered
_FEW, _MOST = 64, 256  # one of so many spans may be remembered by its whole text; of those that were not, so many later
_AMPLE = 64  # attributes: no description of ours has as many


class Bodies:
    """Describes spans.

    Args:
        values: encodes the attributes.
        count: most attributes of a span.

    Attributes:
        allowed: how many texts may be remembered now.  PERF: one of many spans may, since a text that is new each time would
            be remembered for nothing; one that comes again soon is.
        parted: whether a span's two parts may be put together without counting its attributes.
        unknown: how many spans in a row were not known by all facts, though they might have been.
    """

    __slots__ = ("_count", "_heads", "_memo", "_same", "_scrub", "_values", "allowed", "parted", "unknown")

    def __init__(self, values: Values, count: int, scrub: Callable[[str], str] = str) -> None:
        self._values = values
        self.parted = count >= _AMPLE
        self._scrub = scrub
        self._count = count
        self._memo = Memo(2048, 1 << 20)
        self.allowed = self.unknown = 0
        self._same: dict[type, bool] = {}
        self._heads: dict[tuple[Operation, str], bytes] = {}

    def own(self, attributes: Own) -> bytes:
        """Return the attributes that are a span's own as fields of a Span; all that there are."""
        return b"\x4a".join(self._values.pairs(attributes)[0])

    def known(self, spans: int) -> Callable[[Any], bytes | None]:
        """Return what looks up a body that is remembered, for so many spans.

        Of a uniform operation the key is ``(operation, facts, outcome)``, of facts in two parts ``(operation, shared)``.
        """
        self.allowed = min(self.allowed + spans // _FEW + 1, _MOST)
        return self._memo.young.get

    def spelled(self, operation: Operation, facts: Facts) -> bytes:
        """Return fields of a Span whose facts are its name and its attributes.  PERF: for spans made by hand."""
        name, attributes = facts
        head = self._heads.get((operation, name))
        if head is None:
            head = b"\x2a" + sized(utf8(str(name))) + b"\x30" + varint(operation.kind)
            if type(name) is str:
                if len(self._heads) >= _HEADS:
                    self._heads.clear()
                self._heads[operation, name] = head
        pairs, dropped = self._values.pairs(attributes, self._count)
        fields = head + b"\x4a".join(pairs)
        return fields + b"\x50" + varint(dropped) if dropped else fields

    def body(
        self,
        operation: Operation,
        facts: Facts,
        outcome: Facts | None,
        failure: Failure | None,
        extras: Extras | None,
    ) -> bytes:
        """Return fields of a Span; a ``describe`` that raises costs only what it would have said."""
        if failure is not None or (extras is not None and (extras.attributes or extras.dropped_attributes)):
            return self._described(operation, facts, outcome, failure, extras)
        parted = operation.parted
        if parted is not None:
            return self._in_parts(operation, parted, facts, outcome)
        try:
            key: tuple[Any, ...] = (operation, facts, outcome)
            if not operation.uniform:
                key = (*key, *map(type, facts), *map(type, outcome or _NONE))
            body: bytes | None = self._memo.young.get(key)
        except Exception:  # not hashable, or a strange __eq__
            return self._described(operation, facts, outcome, None, None)
        if body is not None:
            return body
        return self._remembered(key, operation, facts, outcome)

    def again(self, key: tuple[Operation, Facts, Facts | None], body: bytes) -> None:
        """Remember by all facts what their shared part alone has decided, such as a statement's by its whole text."""
        self.allowed -= 1
        self._memo.put(key, body, len(body) + _length(key[1]) + 400)

    def _in_parts(self, operation: Operation, parted: Parted, facts: Facts, outcome: Facts | None) -> bytes:
        try:
            if not self.parted:  # the attributes of each span have to be counted
                return self._described(operation, facts, outcome, None, None)
            shared, own = parted.split(facts, outcome)
            key = operation, shared
            body: bytes | None = self._memo.young.get(key) or self._memo.revive(key)
            if body is None:
                body = self._fields(operation.kind, *parted.shared(shared, None), 0)
                self._memo.put(key, body, len(body) + _length(shared) + 400)
            if own:
                return body + self.own(own)
            if operation.uniform and self.allowed:
                self.again((operation, facts, outcome), body)
            return body
        except Exception:  # what cannot be told in parts may be told as a whole, or counts as a fault there
            return self._described(operation, facts, outcome, None, None)

    def _remembered(self, key: tuple[Any, ...], operation: Operation, facts: Facts, outcome: Facts | None) -> bytes:
        kinds = key[3:]
        if tuple in kinds:  # what is inside has its types, too
            kinds = _leaves(key[1:3])
            key = (key, kinds)
        same = self._same
        try:
            memoised = all(same[kind] if kind in same else self._judge(kind) for kind in kinds)
            body = (self._memo.young.get(key) or self._memo.revive(key)) if memoised else None
        except Exception:  # a strange __eq__ or metaclass
            body, memoised = None, False
        if body is None:
            body = self._described(operation, facts, outcome, None, None)
            if memoised:
                self._memo.put(key, body, len(body) + _length((*facts, *(outcome or _NONE))) + 400)
        return body

    def _judge(self, kind: type) -> bool:
        if len(self._same) > 1000:
            self._same.clear()
        self._same[kind] = verdict = _equal_is_same(kind)
        return verdict

    def _described(
        self,
        operation: Operation,
        facts: Facts,
        outcome: Facts | None,
        failure: Failure | None,
        extras: Extras | None,
    ) -> bytes:
        by_hand = dict(extras.attributes) if extras is not None else None
        dropped = extras.dropped_attributes if extras is not None else 0
        try:
            name, attributes, code, message = operation.describe(facts, outcome, failure)
            if by_hand:
                attributes = {**attributes, **by_hand}
            return self._fields(operation.kind, name, attributes, code, message, dropped)
        except Exception:
            from autotrace.faults import fault

            fault(operation.scope)
            return self.fallback(operation, failure, by_hand, dropped)

    def fallback(
        self,
        operation: Operation,
        failure: Failure | None,
        by_hand: Mapping[str, Any] | None = None,
        dropped: int = 0,
    ) -> bytes:
        """Return the body of a span that is not described: named after its scope, failed if an exception ended it."""
        code, message = (_ERROR, failure.message) if failure is not None else (0, "")
        return self._fields(operation.kind, operation.scope, by_hand or {}, code, message, dropped)

    def _fields(
        self, kind: int, name: str, attributes: Mapping[str, Any], code: int, message: str, dropped: int
    ) -> bytes:
        pairs, more = self._values.pairs(attributes, self._count)
        fields = b"\x2a" + sized(utf8(name)) + b"\x30" + varint(kind) + b"\x4a".join(pairs)
        if dropped + more:
            fields += b"\x50" + varint(dropped + more)
        if code == _ERROR and message:  # trace API, "Set Status": a description belongs to an error only
            return fields + b"\x7a" + sized(b"\x12" + sized(utf8(self._scrub(message))) + b"\x18\x02")
        return fields + b"\x7a\x02\x18" + varint(code) if code else fields


def _length(facts: Facts) -> int:
    """Return how many characters the texts among some facts hold."""
    return sum([len(fact) for fact in facts if type(fact) is str])


def _leaves(value: Any) -> tuple[Any, ...]:
    """Return the types of everything in nested tuples, in order.

    Of two equal tuples the nesting is equal, so a flat list of types is enough to tell them apart.
    """
    found: list[Any] = []
    for item in value:
        found += _leaves(item) if type(item) is tuple else (type(item),)
    return tuple(found)


def _equal_is_same(kind: type) -> bool:
    """Tell whether equal objects of one type always mean the same.

    Not so for floats (0.0 and -0.0), decimals and fractions (1.0 and 1.00), or times (in two zones); and not known of
    objects that are equal by identity, which may change.
    """
    if kind in (str, int, bool, bytes, type(None)):
        return True
    hashing: Any = kind.__hash__
    if hashing is None or hashing is object.__hash__:
        return False
    return issubclass(kind, int) or not (hasattr(kind, "__float__") or hasattr(kind, "utcoffset"))
