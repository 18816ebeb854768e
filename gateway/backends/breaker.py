"""The circuit of one upstream URL: after repeated failures it is left alone for a while, then tried once.

closed     requests pass; `failures` in a row open it
open       nothing passes for `open_for_s`
half-open  one probe passes; its success closes the circuit, its failure opens it again
"""

from __future__ import annotations

from enum import StrEnum

from gateway.clock import Clock


class Circuit(StrEnum):
    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class Breaker:
    """Whoever is let through says how it went: `succeeded`, `failed`, or `released` where it ended without a
    verdict on the upstream. A probe that says nothing at all blocks the next one for `open_for_s` only."""

    __slots__ = ("_clock", "_failures", "_limit", "_open_for_s", "_probing", "_retry_at_s")

    def __init__(self, failures: int, open_for_s: float, clock: Clock) -> None:
        self._clock = clock
        self.use(failures, open_for_s)
        self._failures = 0
        self._probing = False
        self._retry_at_s: float | None = None
        """Monotonic time of the next probe, or None while the circuit is closed."""

    def use(self, failures: int, open_for_s: float) -> None:
        """Other limits, from the next failure on."""
        self._limit = failures
        self._open_for_s = open_for_s

    @property
    def state(self) -> Circuit:
        if self._retry_at_s is None:
            return Circuit.CLOSED
        if self._probing or self._clock.monotonic() >= self._retry_at_s:
            return Circuit.HALF_OPEN
        return Circuit.OPEN

    def allows(self) -> bool:
        """Whether a request may be sent now. In a half-open circuit True makes it the probe."""
        if self._retry_at_s is None:
            return True
        now_s = self._clock.monotonic()
        if now_s < self._retry_at_s:
            return False
        self._probing = True
        self._retry_at_s = now_s + self._open_for_s
        return True

    def succeeded(self) -> None:
        """The upstream answered. In an open circuit, to a request from before it opened: nothing new."""
        if self._retry_at_s is None:
            self._failures = 0
        elif self._probing:
            self.reset()

    def failed(self) -> None:
        if self._retry_at_s is None:
            self._failures += 1
            if self._failures >= self._limit:
                self._open()
        elif self._probing:
            self._open()

    def released(self) -> None:
        """The request ended without a verdict: its client left, say. A probe's place is free again."""
        if self._probing:
            self._probing = False
            self._retry_at_s = self._clock.monotonic()

    def reset(self) -> None:
        """Another upstream stands there now: nothing is held against it."""
        self._failures = 0
        self._probing = False
        self._retry_at_s = None

    def _open(self) -> None:
        self._probing = False
        self._retry_at_s = self._clock.monotonic() + self._open_for_s
