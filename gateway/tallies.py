"""What is counted of requests and attempts: one tally per set of labels, found with one look-up.

Counting happens on the event loop's thread only, in plain attributes: a lock per count would cost more than
the count, and a look-up per count nearly as much.
"""

from __future__ import annotations

from bisect import bisect_left

from metering.event import Event
from metering.outcome import Outcome

REQUEST_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600)
OVERHEAD_S = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 1)


class Spread:
    """A histogram: how many in each bucket, the last above all bounds, and their sum."""

    __slots__ = ("bounds", "counts", "sum")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def add(self, value: float) -> None:
        self.counts[bisect_left(self.bounds, value)] += 1
        self.sum += value

    def take_in(self, other: Spread) -> None:
        self.counts = [a + b for a, b in zip(self.counts, other.counts, strict=True)]
        self.sum += other.sum


class RequestTally:
    """Of one (api, model, tenant, outcome, status)."""

    __slots__ = ("overhead_s", "total_s")

    def __init__(self) -> None:
        self.total_s = Spread(REQUEST_S)
        self.overhead_s = Spread(OVERHEAD_S)

    @property
    def requests(self) -> int:
        return sum(self.total_s.counts)


class AttemptTally:
    """Of one (tenant, model, backend, outcome)."""

    __slots__ = (
        "attempts",
        "cache_read_tokens",
        "cache_write_tokens",
        "cost_nanos",
        "first_s",
        "input_uncached_tokens",
        "output_tokens",
        "unpriced",
    )

    def __init__(self) -> None:
        self.attempts = self.unpriced = self.cost_nanos = 0
        self.input_uncached_tokens = self.cache_read_tokens = self.cache_write_tokens = self.output_tokens = 0
        self.first_s = Spread(REQUEST_S)

    def add(self, event: Event) -> None:
        self.attempts += 1
        if event.first_token_us is not None:
            self.first_s.add(event.first_token_us / 1e6)
        usage = event.usage
        if usage is not None and event.outcome is not Outcome.CACHED:
            self.input_uncached_tokens += usage.input_uncached
            self.cache_read_tokens += usage.cache_read
            self.cache_write_tokens += usage.cache_write
            self.output_tokens += usage.output
        if event.cost_nanos is None:
            self.unpriced += 1
        else:
            self.cost_nanos += event.cost_nanos
