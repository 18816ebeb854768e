"""Tenants that do not exist, each with a known share of wrong hits that may change, under the gateway's own
arithmetic of arming, sampling and drift.

Only audits are drawn one by one. How many served hits lie between two audits, and how many of those were
wrong, is drawn from the distributions that drawing each hit would give.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from cache.bound.audit import MILLION, Audit, Kind, Outcome, Promise
from cache.bound.confidence import is_within, upper_bound
from cache.bound.sampling import served_share_ppm
from cache.bound.state import NOTHING_KNOWN, PartitionState, holds, observe

Rule = Callable[[int, int, float, float], bool]
"""(wrong, audited, rate, confidence) -> armed."""

PROCESS = "p"
DISARM_WITHIN = 300
"""Audits after a shift."""
UNKNOWN_SHARE = 0.0005
"""Audits whose comparison fails, whatever the truth."""


class Tenant(NamedTuple):
    error: float
    """Wrong hits among hits."""
    drifts_at: int
    """After so many audits the error changes; beyond the end: never."""
    drifted_error: float


class Life(NamedTuple):
    """What happened to one tenant."""

    tenant: Tenant
    was_armed: bool
    broke_promise: bool
    """Was armed while the true error was above the promise, and this was no shift of the last DISARM_WITHIN
    audits."""
    armed_into_shift: bool
    """Was armed within DISARM_WITHIN audits after a shift, on audits that came before it."""
    was_armed_at_drift: bool
    audits_to_disarm: int | None
    hits_to_disarm: int
    """Served from the drift on until it was disarmed, or the end."""
    false_alarms: int
    """Drift said where there was none."""
    served: int
    served_wrong: int


def tenants(rng: np.random.Generator, count: int, audits: int, promise: Promise) -> Iterator[Tenant]:
    """Half are good, a quarter is near the promise on the good side, a quarter on the bad side: half of those
    within 1.5 times the promise. Every second one drifts, to 3 to 20 times the promise."""
    rate = promise.rate
    bands = ((0.0, 0.3), (0.0, 0.3), (0.3, 1.0), (1.0, 1.5), (0.0, 0.3), (0.0, 0.3), (0.3, 1.0), (1.5, 5.0))
    for number in range(count):
        low, high = bands[number % len(bands)]
        error = rate * rng.uniform(low, high)
        drifts = rng.random() < 0.5
        at = int(rng.uniform(0.3, 0.9) * audits) if drifts else audits + 1
        yield Tenant(error, at, rate * float(np.exp(rng.uniform(np.log(3.0), np.log(20.0)))))


def live(tenant: Tenant, promise: Promise, audits: int, rng: np.random.Generator) -> Life:
    """One tenant's hits until so many were audited."""
    state, armed, epoch = NOTHING_KNOWN, False, 1
    served = served_wrong = alarms = hits_to_disarm = 0
    ever = broke = into_shift = at_drift = False
    disarmed: int | None = None
    draws, failures = rng.random(audits), rng.random(audits)
    for number in range(audits):
        drifted = number >= tenant.drifts_at
        error = tenant.drifted_error if drifted else tenant.error
        if number == tenant.drifts_at:
            at_drift = armed
        if armed:
            hits, wrong = _served(state, promise, error, rng)
            served, served_wrong = served + hits, served_wrong + wrong
            hits_to_disarm += hits if at_drift and disarmed is None else 0
        state = observe(state, PROCESS, _audit(armed, bool(draws[number] < error), failures[number]), promise)
        total = state.total()
        alarms += total.epoch > epoch and error <= promise.rate
        epoch = total.epoch
        was_armed, armed = armed, holds(total, promise)
        recent = 0 <= number - tenant.drifts_at < DISARM_WITHIN
        ever |= armed
        broke |= armed and error > promise.rate and not recent
        into_shift |= armed and not was_armed and recent
        if at_drift and not armed and disarmed is None:
            disarmed = number + 1 - tenant.drifts_at
    return Life(
        tenant=tenant,
        was_armed=ever,
        broke_promise=broke,
        armed_into_shift=into_shift,
        was_armed_at_drift=at_drift,
        audits_to_disarm=disarmed,
        hits_to_disarm=hits_to_disarm,
        false_alarms=alarms,
        served=served,
        served_wrong=served_wrong,
    )


def ever_within(
    error: float, promise: Promise, audits: int, rng: np.random.Generator, rule: Rule = is_within
) -> bool:
    """Whether a rule that looks after each of so many audits would ever arm a tenant with this error."""
    ends = [*np.flatnonzero(rng.random(audits) < error).tolist(), audits]
    # between two wrong hits the evidence only rises: the moment before each is enough
    return any(rule(wrong, end, promise.rate, promise.confidence) for wrong, end in enumerate(ends))


def clopper_pearson_within(wrong: int, audited: int, rate: float, confidence: float) -> bool:
    """What a bound for one fixed sample says when it is asked again and again."""
    return wrong < rate * audited and upper_bound(wrong, audited, confidence) <= rate


def audits_until_disarmed(
    history: int, error: float, drifted: float, promise: Promise, most: int, rng: np.random.Generator
) -> int | None:
    """A partition with so many audits behind it begins to be wrong more often. 0 where it was not armed."""
    state = NOTHING_KNOWN
    for wrong in (rng.random(history) < error).tolist():
        state = observe(state, PROCESS, _audit(True, wrong, 1.0), promise)
    if not holds(state.total(), promise):
        return 0
    for number, wrong in enumerate((rng.random(most) < drifted).tolist(), 1):
        state = observe(state, PROCESS, _audit(True, wrong, 1.0), promise)
        if not holds(state.total(), promise):  # a new epoch has nothing to hold by
            return number
    return None


def _audit(armed: bool, wrong: bool, failure: float) -> Audit:
    kind = Kind.SERVED if armed else Kind.SHADOW
    if failure < UNKNOWN_SHARE:
        return Audit(kind, Outcome.UNKNOWN)
    return Audit(kind, Outcome.DIFFERENT if wrong else Outcome.SAME)


def _served(
    state: PartitionState, promise: Promise, error: float, rng: np.random.Generator
) -> tuple[int, int]:
    """(hits, wrong ones) up to the next one that is audited, which is served too."""
    hits = int(rng.geometric(served_share_ppm(state, promise) / MILLION))
    return hits, int(rng.binomial(hits, error))
