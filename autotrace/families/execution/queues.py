"""The family of queues in the process: what is taken out of one is done for whoever put it in.

The putter's span is kept beside the item, never in it or around it: items are compared, ordered, counted and printed by
the program.  It is found again by the item's identity, which is the item's alone as long as it is in the queue; where the
same object is in a queue several times, such as a number, the putters are in order.

A thread or task that only inherits its current span (see ``trace.inheriting``) takes over the putter's when it gets an
item, or none where nobody was current; one that has a span of its own is left alone.  What is taken out, and put back by
the same thread or task, is something that is lent, such as a connection: that hands nothing over (see ``lendable``).

PERF: the wrappers are spelled out.  By those of ``patching.wrapping`` each method would be called through two
functions more, which is as much as all that is done where no span is current.  A method that only appends to what is in
the queue, or pops from it, is not called at all: ours does that in its stead.

Where no span is current and nothing is known of any queue, all this is one function more.  Not handled: queues that put
things away in a method of their own (``_put``), and whoever reaches past the methods for what is inside.
"""

from __future__ import annotations

from weakref import ref

from autotrace.families.beside import Beside
from autotrace.faults import fault
from autotrace.patching.wrapping import after, called_as
from autotrace.trace.context import get_current, set_current
from autotrace.trace.failure import hide_frame
from autotrace.trace.generators import parent_of, suspendable
from autotrace.trace.inheriting import only_inherits, stand, standing
from autotrace.trace.span import Span

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Union

    from autotrace.patching import Args, Call, Kwargs, Wrap

    Putter = Union["Span", "_Lent", None]

_MANY = 256
_DEEP = 32
_CODE = (
    "co_code",
    "co_names",
    "co_varnames",
    "co_freevars",
    "co_argcount",
)  # what a function does, but for its constants
_SEVERAL = (0, 0)  # a queue that keeps its items elsewhere is not known to be empty

_all = Beside()
_known = _all.kept
_lendable: set[type] = set()  # types of what is never work for anybody


class _Lent:
    """Stands for the putter of what was only put back."""


_LENT = _Lent()


class _Putters:
    """Who put what is in a queue, by the identity of the items; of those that nobody put there is nothing.

    Attributes:
        waiting: the putters; of an object that is in the queue several times, the one whose turn is next.
        several: the others of such objects, in the order in which they came.
        last: whether of these the last one is next.
        lends: whether anything was taken out that may be put back, by the thread or task that has taken it.
        lent: what was taken out that is known by nothing but the span within which it is put back, by that one's id.
    """

    __slots__ = ("last", "lends", "lent", "several", "waiting")

    def __init__(self) -> None:
        self.lends = self.last = False
        self.lent: dict[int, str] = {}
        self.waiting: dict[int, Putter] = {}
        self.several: dict[int, list[Putter]] = {}

    def again(self, item: int, putter: Putter, last: bool) -> None:
        """Remember who has put an object that is there already."""
        self.last = last
        others = self.several.setdefault(item, [])
        if last:
            putter, self.waiting[item] = self.waiting[item], putter
        others.append(putter)

    def lend(self, item: int, within: str) -> None:
        """Remember within which span an object was taken out."""
        if len(self.lent) >= _MANY:
            self.lent.clear()
        self.lent[item] = within

    def next(self, item: int) -> None:
        """Put the next one in the place of the putter who has been taken."""
        others = self.several[item]
        self.waiting[item] = others.pop(-1 if self.last else 0)
        if not others:
            del self.several[item]

    def clear(self) -> None:
        """Forget all."""
        self.waiting.clear()
        self.several.clear()

    def forget(self, most: int) -> None:
        """Forget the oldest, of which there are more than items: these have left by another way."""
        for item in list(self.waiting)[: max(0, len(self.waiting) - most)]:
            del self.waiting[item]
            self.several.pop(item, None)


def put(inside: str, *, last: bool = False) -> Wrap:
    """Trace the method that puts an item in, where nobody can take it out yet.

    Args:
        inside: the name of the attribute that holds what is in the queue.
        last: of the same object, the one that came last is taken out first.
    """

    def wrap(original: Call, scope: str) -> Call:
        def note(self: Any, item: Any, putter: Any) -> None:
            try:
                if type(item) in _lendable:
                    return
                if suspendable:
                    putter = parent_of(putter)
                key = id(item)
                try:
                    putters: _Putters = _known[id(self)][1]
                except KeyError:
                    putters = _made(self)
                if key in putters.lent:
                    within = putters.lent.pop(key, None)
                    if putter is not None and putter.span_id == within:
                        putter = _LENT
                if putters.lends:
                    held = standing()
                    _, taken_from, taken, lent = held
                    if taken == key and taken_from == id(self):
                        # PERF: setting is dear.  Whoever shares this from a copied context is told of the same item.
                        held[1], held[2], held[3] = 0, 0, None  # type: ignore[index]
                        if lent is not None and lent() is item:
                            putter = _LENT
                waiting = putters.waiting
                if waiting:
                    there = len(getattr(self, inside, _SEVERAL))
                    if there == 1:  # it was empty: what is still known has left by another way
                        putters.clear()
                    elif key in waiting:
                        putters.again(key, putter, last)
                        return
                    elif len(waiting) > 2 * there + _MANY:
                        putters.forget(there)
                if putter is not None:
                    waiting[key] = putter
            except Exception:
                fault(scope)

        def putting(self: Any, item: Any) -> Any:
            try:
                result = original(self, item)
            except BaseException as error:
                hide_frame(error)
                raise
            putter = get_current()
            if putter is not None or (_known and id(self) in _known):
                note(self, item, putter)
            return result

        def appending(self: Any, item: Any) -> None:
            self.queue.append(item)
            putter = get_current()
            if putter is not None or (_known and id(self) in _known):
                note(self, item, putter)

        return _in_its_stead(original, appending, _appends) or called_as(original, putting)

    return wrap


def take() -> Wrap:
    """Trace the method that takes an item out, in the thread or task that has asked for it."""

    def wrap(original: Call, scope: str) -> Call:
        def note(self: Any, item: Any, current: Any) -> None:
            try:
                kind = type(item)
                if kind in _lendable:
                    return
                key = id(item)
                try:
                    putters: _Putters = _known[id(self)][1]
                except KeyError:
                    putters = _made(self)
                putter: Any = putters.waiting.pop(key, None)
                if putters.several and key in putters.several:
                    putters.next(key)
                held = standing()
                # PERF: of a span that no task is known to have started nothing is asked but whether it has ended.
                if type(current) is Span and not current.task:
                    goes_on = not current.end and held[0] is not current
                    if goes_on and not kind.__weakrefoffset__:
                        within = putters.lent
                        if len(within) < _MANY:  # PERF: `lend`, spelled out
                            within[key] = current.span_id
                        else:
                            putters.lend(key, current.span_id)
                        return
                elif current is None and putter is None:
                    return
                else:
                    goes_on = not only_inherits(current)
                inherited, taken_from, taken, was_lent = held
                place, kept, borrows = id(self), inherited, True
                if not goes_on:
                    kept, borrows = _turned_to(current, putter, bool(taken) and taken_from == place)
                lent: Any = None
                if borrows:  # known when it is put back by itself, else by the span within which that is done
                    if kind.__weakrefoffset__:
                        lent = ref(item)
                        putters.lends = True
                    elif current is not None:
                        putters.lend(key, current.span_id)
                # PERF: setting is dear, and what was taken matters only where it is lent.
                if (
                    lent is not None
                    or inherited is not kept
                    or taken_from != place
                    or not taken
                    or was_lent is not None
                ):
                    stand([kept, place, key, lent])
            except Exception:
                fault(scope)

        def taking(self: Any) -> Any:
            try:
                item = original(self)
            except BaseException as error:
                hide_frame(error)
                raise
            current = get_current()
            if current is not None or (_known and id(self) in _known):
                note(self, item, current)
            return item

        def popping(self: Any) -> Any:
            item = self.queue.popleft()
            current = get_current()
            if current is not None or (_known and id(self) in _known):
                note(self, item, current)
            return item

        return _in_its_stead(original, popping, _pops) or called_as(original, taking)

    return wrap


def wait() -> Wrap:
    """Trace the method that may wait for an item, for so long: who waits in vain has nothing to do for anybody."""

    def wrap(original: Call, scope: str) -> Call:
        def waiting(self: Any, block: Any = True, timeout: Any = None) -> Any:
            try:
                return original(self, block, timeout)
            except BaseException as error:
                if block:
                    _in_vain(self, error, scope)
                hide_frame(error)
                raise

        return called_as(original, waiting)

    return wrap


def lendable() -> Wrap:
    """Trace a function that makes what hands nothing over, such as a pool's connections.

    PERF: of any other object this is found out each time that it is taken and put back.
    """

    def look(_args: Args, _kwargs: Kwargs, made: Any) -> Any:
        if len(_lendable) < _MANY:
            _lendable.add(type(made))
        return made

    return after(look)


def _appends(self: Any, item: Any) -> None:
    self.queue.append(item)


def _pops(self: Any) -> Any:
    return self.queue.popleft()


def _in_its_stead(original: Call, made: Any, alike: Any) -> Call | None:
    """Return a function that does what the original does and more, if the original's code is that of the one it is like.

    In a traceback it reads as the original: what may fail stands in the first line of both.  None: the code is another.
    """
    code, known = getattr(original, "__code__", None), alike.__code__
    if code is None or any(getattr(code, name) != getattr(known, name) for name in _CODE) or original.__defaults__:
        return None
    place = {"co_filename": code.co_filename, "co_firstlineno": code.co_firstlineno, "co_name": code.co_name}
    made.__code__ = made.__code__.replace(**place)
    return made  # type: ignore[no-any-return]


def _turned_to(current: Span | None, putter: Any, consumes: bool) -> tuple[Span | None, bool]:
    """Take over a putter's span, where a thread or task has none of its own.

    Args:
        current: what is current there.
        putter: who has put what it takes out now.
        consumes: it has not put back what it got last.

    Returns:
        the span that is inherited from now on, and whether what was taken out may be put back.
    """
    if putter is not None and putter is not _LENT:
        if putter is not current and (putter.previous is None or not _is_beneath(putter, current)):
            set_current(putter)
            return putter, False
        return current, False
    if putter is None and consumes:
        set_current(None)
        return None, False
    return current, True


def _in_vain(queue: Any, error: BaseException, scope: str) -> None:
    """Let a thread that lives on this queue have no span while there is no work; never raises."""
    try:
        current, (_, taken_from, _, lent) = get_current(), standing()
        if current is None or lent is not None or taken_from != id(queue):
            return
        if type(error).__name__ == "Empty" and only_inherits(current):
            set_current(None)
            stand((None, id(queue), 0, None))
    except Exception:
        fault(scope)


def _made(queue: Any) -> _Putters:
    putters = _Putters()
    _all.keep(queue, putters)
    return putters


def _is_beneath(span: Any, current: Span | None) -> bool:
    """Tell whether a span is the current one, or was started beneath it: who collects what parts of his work have made."""
    above: Span | None = span
    if current is None:
        return False
    for _ in range(_DEEP):
        if above is None:
            return False
        if above is current:
            return True
        above = above.previous
    return False
