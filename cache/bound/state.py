"""What is known of one partition's hits: integer counts, one tally per process, and what follows from them.

Each process writes only its own tally, in absolute figures. Merging takes the newer tally of each process, so
it may be repeated, and done in any order; the sums over processes are what counts.

Every wrong hit weighs one million and every audit takes one and a half times the promise (in millionths) off:
the sum goes down while hits are as good as promised, and up where more than that share is wrong. How far it
has risen above its lowest point is a CUSUM (Page, Biometrika 41 (1954), 100-115). Two wrong hits above, it is
drift: for a promise of 1 %, three wrong of 66 audits, four of 133, five of 200.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

from cache.bound.audit import MILLION, Audit, Kind, Outcome, Promise
from cache.bound.confidence import is_within

DRIFT_HEIGHT = 2 * MILLION
ALLOWANCE = Fraction(3, 2)
"""Times the promise: the wrong share above which the CUSUM rises. Lower, it sees three times the promise
within 300 audits more often, and speaks without cause more often too; docs/cache.md has both."""

NO_CAUSE, DRIFTED, RESET = 0, 1, 2
"""Why an epoch began."""

GONE = "gone"
"""The tally of processes that are no more."""


class Tally(NamedTuple):
    """One process's audits in one epoch. Epoch and counts only grow, and come first: the larger tuple of two
    of the same process is the newer."""

    epoch: int = 1
    audited: int = 0
    """Hits, shadow and served; `different` and `unknown` are among them."""
    different: int = 0
    unknown: int = 0
    grey_audited: int = 0
    grey_same: int = 0
    low: int = 0
    """The lowest point of the sum over all processes, as this one saw it."""
    armed: int = 0
    """1: this process saw the tier armed in this epoch."""
    cause: int = NO_CAUSE

    @property
    def wrong(self) -> int:
        """What cannot be called right."""
        return self.different + self.unknown


@dataclass(frozen=True, slots=True)
class PartitionState:
    tallies: tuple[tuple[str, Tally], ...] = ()
    """(process, its tally), by the process's name."""

    def own(self, process: str) -> Tally | None:
        return next((tally for name, tally in self.tallies if name == process), None)

    def total(self) -> Tally:
        """Over all processes, in the newest epoch."""
        return summed([tally for _, tally in self.tallies])


NOTHING_KNOWN = PartitionState()


def observe(state: PartitionState, process: str, audit: Audit, promise: Promise) -> PartitionState:
    """The state after one audit by this process. Begins a new epoch where it shows drift."""
    before = state.total()
    own = state.own(process)
    if own is None or own.epoch < before.epoch:
        own = Tally(epoch=before.epoch, cause=before.cause)
    if audit.kind is Kind.GREY:
        same = int(audit.outcome is Outcome.SAME)
        own = own._replace(grey_audited=own.grey_audited + 1, grey_same=own.grey_same + same)
        return _with(state, process, own)
    after = _count(before, audit.outcome)
    height = _height(after, promise)
    armed = before.armed or int(holds(before, promise) or holds(after, promise))
    low = min(before.low, _height(before, promise), height)
    if armed and height - low >= DRIFT_HEIGHT:
        return new_epoch(state, process, DRIFTED)
    return _with(state, process, _count(own, audit.outcome)._replace(low=low, armed=armed))


def holds(total: Tally, promise: Promise) -> bool:
    """Whether the audits bear out the promise: the fuzzy tier may serve."""
    return is_within(total.wrong, total.audited, promise.rate, promise.confidence)


def suspicion(total: Tally, promise: Promise) -> int:
    """Height of the CUSUM in millionths of a wrong hit; 0 where all is as it should be."""
    return max(0, _height(total, promise) - total.low)


def new_epoch(state: PartitionState, process: str, cause: int = RESET) -> PartitionState:
    """Forgets every audit and collects anew; processes that still write to the old epoch are passed over."""
    return _with(state, process, Tally(epoch=state.total().epoch + 1, cause=cause))


def merge(one: PartitionState, other: PartitionState) -> PartitionState:
    """The newer tally of each process. Commutative, associative, idempotent."""
    tallies = dict(one.tallies)
    for process, tally in other.tallies:
        tallies[process] = max(tally, tallies.get(process, tally))
    return _state(tallies)


def fold(state: PartitionState, gone: Collection[str]) -> PartitionState:
    """Adds the tallies of processes that are no more to one, so that restarts do not make the state grow.

    The store does this in one transaction, and a process takes others' tallies from the store as they are:
    merging an older copy back would count them twice.
    """
    folded = [tally for name, tally in state.tallies if name in gone or name == GONE]
    if not folded:
        return state
    kept = {name: tally for name, tally in state.tallies if name not in gone and name != GONE}
    return _state({**kept, GONE: summed(folded)})


def to_fields(state: PartitionState) -> dict[str, int]:
    """`PROCESS/COUNT` -> integer, for a hash."""
    return {
        f"{process}/{name}": value
        for process, tally in state.tallies
        for name, value in zip(Tally._fields, tally, strict=True)
    }


def from_fields(fields: Mapping[str, int]) -> PartitionState:
    """The inverse; absent counts are 0. Raises ValueError for a field that `to_fields` never makes."""
    counts: dict[str, dict[str, int]] = {}
    for field, value in fields.items():
        process, slash, name = field.rpartition("/")
        if not slash or name not in Tally._fields:
            raise ValueError(f"{field!r} is no count of an audit state")
        counts.setdefault(process, {})[name] = value
    return _state({process: Tally(**each) for process, each in counts.items()})


def _count(tally: Tally, outcome: Outcome) -> Tally:
    return tally._replace(
        audited=tally.audited + 1,
        different=tally.different + (outcome is Outcome.DIFFERENT),
        unknown=tally.unknown + (outcome is Outcome.UNKNOWN),
    )


def _height(total: Tally, promise: Promise) -> int:
    off = ALLOWANCE.numerator * promise.wrong_ppm * total.audited // ALLOWANCE.denominator
    return total.wrong * MILLION - off


def summed(tallies: Sequence[Tally]) -> Tally:
    """In the newest epoch of these: older tallies are of hits before it."""
    if len(tallies) == 1:
        return tallies[0]
    epoch = max((tally.epoch for tally in tallies), default=1)
    total = Tally(epoch=epoch)
    for tally in (each for each in tallies if each.epoch == epoch):
        total = Tally(
            epoch=epoch,
            audited=total.audited + tally.audited,
            different=total.different + tally.different,
            unknown=total.unknown + tally.unknown,
            grey_audited=total.grey_audited + tally.grey_audited,
            grey_same=total.grey_same + tally.grey_same,
            low=min(total.low, tally.low),
            armed=max(total.armed, tally.armed),
            cause=max(total.cause, tally.cause),
        )
    return total


def _with(state: PartitionState, process: str, tally: Tally) -> PartitionState:
    return _state({**dict(state.tallies), process: tally})


def _state(tallies: Mapping[str, Tally]) -> PartitionState:
    return PartitionState(tuple(sorted(tallies.items())))
