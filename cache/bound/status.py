"""May the fuzzy tier serve, and if not, why not and what is missing."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from cache.bound.audit import Promise
from cache.bound.confidence import needed_if_clean, upper_bound, upper_bound_at_any_time
from cache.bound.state import DRIFTED, PartitionState, holds


class Phase(StrEnum):
    COLLECTING = "collecting"
    ARMED = "armed"
    DISARMED = "disarmed"
    """Was armed, and is no longer."""


class Status(NamedTuple):
    phase: Phase
    reason: str
    """'' while armed; else 'too few audits', 'wrong hits', 'bound' (the audits bear the promise out no
    longer) or 'drift'."""
    bound: float
    """Upper bound of the wrong share that holds at any time; decides."""
    clopper_pearson: float
    """The same counts read as one sample of a size fixed beforehand; never above `bound`."""
    audited: int
    wrong: int
    """Different and unknown."""
    unknown: int
    needed: int
    """Audits more until it is armed, if not one is wrong; 0 while armed."""
    epoch: int
    grey_audited: int
    grey_same: int

    @property
    def armed(self) -> bool:
        return self.phase is Phase.ARMED


def status(state: PartitionState, promise: Promise) -> Status:
    total = state.total()
    wrong, audited, confidence = total.wrong, total.audited, promise.confidence
    needed = needed_if_clean(wrong, audited, promise.rate, confidence)
    if holds(total, promise):
        phase, reason = Phase.ARMED, ""
    elif total.armed:
        phase, reason = Phase.DISARMED, "bound"
    elif total.cause == DRIFTED:
        phase, reason = Phase.DISARMED, "drift"
    elif wrong and needed_if_clean(0, audited, promise.rate, confidence) == 0:
        phase, reason = Phase.COLLECTING, "wrong hits"
    else:
        phase, reason = Phase.COLLECTING, "too few audits"
    return Status(
        phase=phase,
        reason=reason,
        bound=upper_bound_at_any_time(wrong, audited, confidence),
        clopper_pearson=upper_bound(wrong, audited, confidence),
        audited=audited,
        wrong=wrong,
        unknown=total.unknown,
        needed=needed,
        epoch=total.epoch,
        grey_audited=total.grey_audited,
        grey_same=total.grey_same,
    )
