"""The hot loop: starting and finishing spans.

One tracer per process, wired up once by ``wiring``; until then it records nothing and costs next to nothing.  It does
not know what a span means, where it goes, or how context travels.  Nothing here may raise into the program: callers
stand behind the wall (see ``autotrace.faults``).
"""

from __future__ import annotations

from autotrace.trace import forks, ids
from autotrace.trace.clocks import clocks
from autotrace.trace.context import get_current, set_current
from autotrace.trace.failure import failure_of
from autotrace.trace.generators import parent_of, suspendable
from autotrace.trace.sampling import Sampler
from autotrace.trace.span import CONSUMER, RANDOM, SAMPLED, SERVER, Span, Trace
from autotrace.trace.unrecorded import Unrecorded, elsewhere

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from autotrace.trace.failure import Failure, Frame
    from autotrace.trace.span import Facts, Operation

_ANSWERS = (SERVER, CONSUMER)
_DRIFT = 10_000_000  # ns
_ROOT = SAMPLED | RANDOM


class Remote:
    """What came in with a request or a message: the caller's place in its trace.

    Attributes:
        trace_id: 32 hex digits, or empty where only baggage came.
        span_id: the caller's span id.
        flags: the W3C trace flags.
        tracestate: to be passed on.
        baggage: to be passed on.
    """

    __slots__ = ("baggage", "flags", "span_id", "trace_id", "tracestate")

    def __init__(self, trace_id: str, span_id: str, flags: int, tracestate: str = "", baggage: str = "") -> None:
        self.trace_id = trace_id
        self.span_id = span_id
        self.flags = flags
        self.tracestate = tracestate
        self.baggage = baggage


class Clock:
    """Spans are timed by the monotonic clock; this knows what wall time that is.

    Call ``adjust`` now and then: after a suspend, or when the wall clock was set, the two have drifted apart.
    """

    __slots__ = ("_offset",)

    def __init__(self) -> None:
        self._offset = clocks.wall_ns() - clocks.now_ns()

    def adjust(self) -> None:
        """Take the offset anew where it is off by more than 10 ms; small corrections would bend short spans."""
        offset = clocks.wall_ns() - clocks.now_ns()
        if abs(offset - self._offset) > _DRIFT:
            self._offset = offset

    def wall(self, moment: int) -> int:
        """Return nanoseconds since the epoch for a moment (ns) of the monotonic clock."""
        return moment + self._offset


class Tracer:
    """Starts and finishes spans; its slots are what ``wiring`` and tests set.

    Attributes:
        active: whether the agent runs; where it does not, nobody need start a span.
        clock: returns the current moment in ns.
        deliver: hands over what waits, where the process may be killed soon; may block for as many seconds as it is given.
        inherited: the span in another process for whose sake this process runs, or None; roots are beneath it, except for
            those that answer somebody else (servers, consumers of messages).
        sampler: decides where a trace starts or enters.
        submit: takes a finished span that is sampled, or that somebody listens to; must not block.
        take_id: returns 16 hex digits, or raises IndexError where none is left.
        new_trace_id: returns 32 hex digits.
    """

    __slots__ = ("active", "clock", "deliver", "inherited", "new_trace_id", "sampler", "submit", "take_id")

    def __init__(self) -> None:
        self.active = False
        self.clock: Callable[[], int] = clocks.now_ns
        self.deliver: Callable[[float], object] = _nothing
        self.inherited: Span | None = None
        self.sampler = Sampler()
        self.submit: Callable[[Span], object] = _discard
        self.take_id: Callable[[], str] = ids.pool.pop
        self.new_trace_id: Callable[[], str] = ids.trace_id

    def draw(self) -> Unrecorded | str:
        """Decide for a root before anything is known of it: return its stand-in where it is not sampled, else its trace id.

        For places that supply nothing to propagate; where ``sampler.everything``, or something is ``inherited``, there is
        nothing to decide, and this is not to be called.  PERF: an unsampled root costs a third of what ``start`` costs.
        """
        trace_id = self.new_trace_id()
        if trace_id[16:] < self.sampler.bound:
            return trace_id
        span = Unrecorded()
        span.drawn = trace_id
        span.end = 0
        span.notes = None
        return span

    def start(
        self, operation: Operation, facts: Facts, parent: Span | None, drawn: str = "", remote: Remote | None = None
    ) -> Span:
        """Return a new span beneath ``parent``, or a new root; it is not current yet.

        Its start is set last: what has one is whole, and may be delivered by whoever ends the process at that moment.

        Args:
            operation: what it is.
            facts: what is known of it.
            parent: the span that it is beneath, or None.
            drawn: the trace id of a root that ``draw`` has decided to sample.
            remote: the span in another process that it is beneath in place of ``parent``, or None.
        """
        span = Span()
        span.remote = False
        span.task = 0  # PERF: asking for what is not there costs ten times as much
        span.previous = parent
        span.extras = span.notes = None
        if suspendable:
            parent = parent_of(parent)
            if parent is not span.previous:
                span.notes = {"beneath": parent}
        if remote is not None:
            if not forks.mark[0]:
                forks.begin()
            span.trace = self._entered(remote)
            span.parent_id = remote.span_id
            span.remote = True
        elif parent is not None:
            span.trace = parent.trace
            span.parent_id = parent.span_id
        elif self.inherited is not None and operation.kind not in _ANSWERS:
            self._inherit(span, self.inherited)
        elif drawn:
            span.trace = Trace(drawn, _ROOT)
            span.parent_id = ""
        else:
            trace_id = self.new_trace_id()
            sampler = self.sampler
            span.trace = Trace(trace_id, _ROOT if sampler.everything or sampler.sample(trace_id) else RANDOM)
            span.parent_id = ""
        # PERF: Python 3.11 looks for a method first in what it calls like one
        take_id, clock = self.take_id, self.clock
        try:
            span.span_id = take_id()
        except IndexError:
            span.span_id = ids.refill()
        span.operation = operation
        span.facts = facts
        span.end = 0
        span.start = clock()
        return span

    def enter(self, operation: Operation, facts: Facts, remote: Remote | None, previous: Span | None) -> Span:
        """Return a new span whose parent is in another process; where nothing came in, it is beneath ``previous``."""
        if remote is not None and remote.trace_id:
            return self.start(operation, facts, previous, "", remote)
        span = self.start(operation, facts, previous)
        if remote is not None and previous is None:
            trace = span.trace
            span.trace = Trace(trace.trace_id, trace.flags, "", remote.baggage)
        return span

    def finish(self, span: Span, outcome: Facts | None = None, failure: Failure | None = None) -> None:
        """End a span once, put back what was current before it, and hand it over."""
        if get_current() is span:
            set_current(span.previous)
        if span.end or type(span) is not Span:
            if not span.end:
                span.ending()
                if get_current() is span:
                    set_current(span.previous)
            if span.end or type(span) is Unrecorded:
                span.end = span.end or 1
                return
        span.outcome = outcome
        span.failure = failure
        span.end = self.clock()
        if span.trace.sampled or span.operation.listeners:
            self.submit(span)

    def fail(
        self, span: Span, error: BaseException, outcome: Facts | None = None, callers: tuple[Frame, ...] = ()
    ) -> None:
        """End a span with the exception that passes through it; where a span beneath has told it, it is not told again.

        Args:
            span: the span.
            error: the exception.
            outcome: see ``finish``.
            callers: frames that the exception is going to pass through, to be told with those that it has.
        """
        if span.end or not (span.trace.sampled or span.operation.listeners):
            self.finish(span)
            return
        failure = failure_of(error)
        failure.frames = callers + failure.frames
        told = id(error), failure.type, failure.message
        failure.repeated = span.notes is not None and span.notes.get("told") == told
        if span.previous is not None:
            span.previous.noted()["told"] = told
        self.finish(span, outcome, failure)

    def listen(self, operation: Operation, listener: Callable[[Span], object]) -> None:
        """Have a function called with each span of an operation that has ended, sampled or not, once that is handed over.

        PERF: while nobody listens this costs a sampled span nothing: its end does not look for listeners, but ``submit``
        becomes another one with the first of them.  It has to be the final one before.

        Args:
            operation: whose spans.
            listener: is called on the thread that ends the span, and must neither block nor raise.
        """
        operation.listeners = (*operation.listeners, listener)
        if type(self.submit) is not _Told:
            self.submit = _Told(self.submit)

    def inherit(self, remote: Remote) -> None:
        """Put this process beneath a span of another one, by what came in; the sampler decides as for a request."""
        trace = self._entered(remote) if remote.trace_id else Trace("", 0, "", remote.baggage)
        self.inherited = elsewhere((trace.trace_id, remote.span_id, trace.flags, trace.tracestate, trace.baggage))

    def adopt(self, span: Span, remote: Remote) -> None:
        """Put a root that has just begun beneath a span of another process; the sampler decides anew."""
        span.trace = self._entered(remote)
        span.parent_id = remote.span_id
        span.remote = True

    def _inherit(self, span: Span, inherited: Span) -> None:
        if not forks.mark[0]:
            forks.begin()
        trace = inherited.trace
        if trace.trace_id:
            span.trace = trace
            span.parent_id = inherited.span_id
            span.remote = True
        else:  # only baggage came
            trace_id = self.new_trace_id()
            span.trace = Trace(trace_id, RANDOM | self.sampler.sample(trace_id), "", trace.baggage)
            span.parent_id = ""

    def _entered(self, remote: Remote) -> Trace:
        sampled = self.sampler.sample(remote.trace_id, remote.flags & SAMPLED == SAMPLED)
        flags = remote.flags & RANDOM | sampled  # bits that we do not know are not sent on
        return Trace(remote.trace_id, flags, remote.tracestate, remote.baggage)


class _Told:
    """Hands a span over if it is sampled, then calls who listens."""

    __slots__ = ("_submit",)

    def __init__(self, submit: Callable[[Span], object]) -> None:
        self._submit = submit

    def __call__(self, span: Span) -> None:
        if span.trace.sampled:
            self._submit(span)
        else:
            span.handed = True
        for listener in span.operation.listeners:
            listener(span)


def _discard(span: Span) -> None:
    """Take a span to nowhere: the agent is not running."""


def _nothing(_seconds: float) -> None:
    """Nothing waits: the agent is not running."""


tracer = Tracer()
clock = Clock()
