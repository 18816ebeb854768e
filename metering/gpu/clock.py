"""Attempts of several processes on one time line: each once, clocks set right, the impossible clamped."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from metering.gpu.work import Attempt

CLAMPED = "clamped"
"""The attempt's times ran backwards and were moved to something possible."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One look of a process at a reference clock (the ledger's database): its own clock before and after."""

    sent_ns: int
    reference_ns: int
    received_ns: int


@dataclass(frozen=True, slots=True)
class Offset:
    """How far a process's clock is ahead of the reference, and how wrong that may be."""

    ahead_ns: int
    error_ns: int

    @property
    def correction_ns(self) -> int:
        """What to take off its times: nothing if the offset could as well be none."""
        return self.ahead_ns if abs(self.ahead_ns) > self.error_ns else 0


@dataclass(frozen=True, slots=True)
class Placed:
    """An attempt with possible times on the reference clock: dispatch <= first token <= last token."""

    attempt: Attempt
    dispatch_ns: int
    first_token_ns: int | None
    last_token_ns: int
    mark: str
    """'' or `clamped`."""

    def touches(self, start_ns: int, end_ns: int) -> bool:
        """Whether any of its time, or the one instant it has, lies in [start, end)."""
        if self.dispatch_ns == self.last_token_ns:
            return start_ns <= self.dispatch_ns < end_ns
        return self.dispatch_ns < end_ns and self.last_token_ns > start_ns


def estimate_offset(readings: Iterable[Reading]) -> Offset | None:
    """Cristian's estimate from the quickest exchange: the reference was read halfway, give or take half.

    None without a usable reading; one that was received before it was sent says nothing.
    """
    usable = [reading for reading in readings if reading.received_ns >= reading.sent_ns]
    if not usable:
        return None
    best = min(usable, key=lambda r: (r.received_ns - r.sent_ns, r.sent_ns, r.reference_ns))
    ahead_ns = (best.sent_ns + best.received_ns) // 2 - best.reference_ns
    return Offset(ahead_ns, (best.received_ns - best.sent_ns + 1) // 2)


def place_all(attempts: Iterable[Attempt], ahead_ns: Mapping[str, int]) -> list[Placed]:
    """Each event once, on the reference clock, by event id. `ahead_ns` holds what to take off per process."""
    newest = _newest(attempts)
    return [place(newest[event_id], ahead_ns.get(newest[event_id].process, 0)) for event_id in sorted(newest)]


def place(attempt: Attempt, ahead_ns: int = 0) -> Placed:
    """One attempt on the reference clock.

    Dispatch is believed. A first token before it, or a last before the first, is moved up to it. An attempt
    that would end before it began lasts as long as the engine says it worked, or no time at all.
    """
    dispatch_ns = attempt.dispatch_ns - ahead_ns
    first_ns = None if attempt.first_token_ns is None else attempt.first_token_ns - ahead_ns
    last_ns = attempt.last_token_ns - ahead_ns
    if dispatch_ns <= (last_ns if first_ns is None else first_ns) <= last_ns:
        return Placed(attempt, dispatch_ns, first_ns, last_ns, "")
    if last_ns < dispatch_ns:
        last_ns = dispatch_ns + 1_000 * ((attempt.prefill_us or 0) + (attempt.decode_us or 0))
    if first_ns is not None:
        first_ns = min(max(first_ns, dispatch_ns), last_ns)
    return Placed(attempt, dispatch_ns, first_ns, last_ns, CLAMPED)


def _newest(attempts: Iterable[Attempt]) -> dict[str, Attempt]:
    """The version of each event that counts: the highest revision, then the one that lasted longest.

    What is left is told apart by its text, so that the order of the input never decides.
    """
    newest: dict[str, Attempt] = {}
    for attempt in attempts:
        known = newest.setdefault(attempt.event_id, attempt)
        if known is not attempt and _precedence(attempt) > _precedence(known):
            newest[attempt.event_id] = attempt
    return newest


def _precedence(attempt: Attempt) -> tuple[int, int, str]:
    return attempt.revision, attempt.last_token_ns, repr(attempt)
