"""From the ledger's rows to the attribution's values: attempts, and engine timings to fit weights to."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence

from metering.event import Event
from metering.gpu.fit import Timing
from metering.gpu.work import Attempt
from metering.outcome import Outcome


def attempt_of(event: Event) -> Attempt:
    """A ledger row as the attribution takes it. Nothing done is 0 tokens; unknown stays None."""
    usage = event.usage
    nothing = usage is None and event.outcome in (Outcome.UPSTREAM_REFUSED, Outcome.UPSTREAM_FAILED)
    first_us = event.first_token_us
    return Attempt(
        event_id=event.id,
        backend=event.backend,
        tenant=event.tenant,
        cost_center=event.cost_center,
        project=event.project,
        key=event.key,
        model=event.served_model,
        process=event.process,
        dispatch_ns=event.started_us * 1000,
        first_token_ns=None if first_us is None else (event.started_us + first_us) * 1000,
        last_token_ns=event.finished_us * 1000,
        prefill_tokens=0 if nothing else None if usage is None else usage.input_uncached + usage.cache_write,
        decode_tokens=0 if nothing else None if usage is None else usage.output,
        context_tokens=0 if usage is None else usage.input_total,
        prefill_us=event.prefill_us,
        decode_us=event.decode_us,
        aborted=event.outcome in (Outcome.CLIENT_GONE, Outcome.INTERRUPTED),
    )


def timings_of(attempts: Sequence[Attempt]) -> list[Timing]:
    """What the engine said of those it timed, each with the most that ran beside it. Order never matters."""
    begun = sorted(attempt.dispatch_ns for attempt in attempts)
    ended = sorted(attempt.last_token_ns for attempt in attempts)
    present = [bisect_right(begun, at_ns) - bisect_right(ended, at_ns) for at_ns in begun]
    """How many there are when each one begins: the crowd grows at beginnings only."""
    return [
        Timing(
            prefill_tokens=attempt.prefill_tokens or 0,
            context_tokens=attempt.context_tokens,
            decode_tokens=attempt.decode_tokens or 0,
            prefill_ns=1_000 * (attempt.prefill_us or 0),
            decode_ns=1_000 * (attempt.decode_us or 0),
            active=_most(attempt, begun, present),
        )
        for attempt in attempts
        if attempt.prefill_us is not None or attempt.decode_us is not None
    ]


def _most(attempt: Attempt, begun: Sequence[int], present: Sequence[int]) -> int:
    first = bisect_left(begun, attempt.dispatch_ns)
    after = bisect_left(begun, attempt.last_token_ns)
    return max([1, *present[first:after]])
