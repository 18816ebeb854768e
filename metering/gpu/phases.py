"""When an attempt worked the engine, and how hard: waiting, prefill, decode."""

from __future__ import annotations

from typing import NamedTuple

from metering.gpu.clock import Placed
from metering.gpu.work import Weights, decode_work_ns, prefill_work_ns

RATE_BITS = 64
FULL_RATE = 1 << RATE_BITS
"""The rate of an attempt that has the engine to itself: one nanosecond of work per nanosecond."""
WAITING_RATE = 1
"""An attempt that has work but does none just now: it carries a slice only where nobody works."""


class Phase(NamedTuple):
    """A stretch [start, end) of an attempt with one work rate, in units of 2**-64."""

    start_ns: int
    end_ns: int
    rate: int


def phases_of(placed: Placed, weights: Weights) -> list[Phase]:
    """The attempt's whole time as phases, none empty; no window cuts them, so rates never depend on one.

    Each phase's work is spread evenly over it. Work of a phase without length goes to the other one. Unknown
    work counts as if the engine had worked for it all the time. An attempt known to have had no work at all
    has rate 0 throughout: it is there, but carries nothing.
    """
    begin_ns, first_ns = _engine_times(placed)
    prefill_ns = prefill_work_ns(placed.attempt, weights)
    decode_ns = decode_work_ns(placed.attempt, weights)
    if prefill_ns == 0 and decode_ns == 0:
        return _existing([Phase(placed.dispatch_ns, placed.last_token_ns, 0)])
    waiting = Phase(placed.dispatch_ns, begin_ns, WAITING_RATE)
    if first_ns is None or not begin_ns < first_ns < placed.last_token_ns:
        both_ns = None if prefill_ns is None or decode_ns is None else prefill_ns + decode_ns
        return _existing([waiting, _phase(begin_ns, placed.last_token_ns, both_ns)])
    prefill = _phase(begin_ns, first_ns, prefill_ns)
    return _existing([waiting, prefill, _phase(first_ns, placed.last_token_ns, decode_ns)])


def _engine_times(placed: Placed) -> tuple[int, int | None]:
    """When the engine began, and its first token: the gateway's own times, narrowed by what the engine said.

    An answer that came whole shows no first token; the engine's decode time puts it that long before the end.
    The engine's prefill time ends with the first token; before that the attempt waited its turn.
    """
    attempt, first_ns = placed.attempt, placed.first_token_ns
    if first_ns is None and attempt.decode_us is not None:
        first_ns = max(placed.dispatch_ns, placed.last_token_ns - 1_000 * attempt.decode_us)
    if first_ns is None or attempt.prefill_us is None:
        return placed.dispatch_ns, first_ns
    return max(placed.dispatch_ns, first_ns - 1_000 * attempt.prefill_us), first_ns


def _phase(start_ns: int, end_ns: int, work_ns: int | None) -> Phase:
    if end_ns <= start_ns:
        return Phase(start_ns, start_ns, 0)
    if work_ns is None:
        return Phase(start_ns, end_ns, FULL_RATE)
    return Phase(start_ns, end_ns, max(WAITING_RATE, (work_ns << RATE_BITS) // (end_ns - start_ns)))


def _existing(phases: list[Phase]) -> list[Phase]:
    return [phase for phase in phases if phase.start_ns < phase.end_ns]
