"""The audits of many partitions in one process, and what it tells and hears of the others."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from typing import Protocol

from cache.bound.audit import Audit, BoundKey, Promise
from cache.bound.sampling import SERVED_PPM, served_share_ppm
from cache.bound.state import NOTHING_KNOWN, PartitionState, Tally, holds, new_epoch, observe, summed
from cache.bound.status import Status, status

MAX_PARTITIONS = 10_000


class AuditsAway(Exception):
    """The store did not answer. What was told may have arrived or not: it is told again."""


class AuditStore(Protocol):
    """What processes share."""

    async def exchange(
        self, process: str, own: Mapping[BoundKey, PartitionState]
    ) -> Mapping[BoundKey, PartitionState]:
        """Takes the process's own tallies (absolute: telling them twice changes nothing; an empty state only
        asks) and gives what is known of these keys, over all processes. Raises AuditsAway."""
        ...


class AuditBook:
    """For one event loop. Beyond `max_partitions` it forgets what was not used for the longest time: such a
    partition collects anew, unless the store still knows it."""

    def __init__(self, process: str, max_partitions: int = MAX_PARTITIONS) -> None:
        """`process` is unique to this start of this process. Raises ValueError for a bound below 1."""
        if max_partitions < 1:
            raise ValueError(f"max_partitions is {max_partitions}; it must be at least 1")
        self.process = process
        self.max_partitions = max_partitions
        self._states: OrderedDict[BoundKey, PartitionState] = OrderedDict()
        """Least recently used first."""
        self._armed: dict[BoundKey, tuple[Promise, bool]] = {}
        self._due: dict[BoundKey, None] = {}
        self._learned: set[BoundKey] = set()
        """Those that the store has answered for since they were last forgotten here."""

    def armed(self, key: BoundKey, promise: Promise) -> bool:
        """Whether the fuzzy tier may serve here. For the road: a lookup, once it is known."""
        state = self._use(key)
        known = self._armed.get(key)
        if known is not None and known[0] == promise:
            return known[1]
        armed = holds(state.total(), promise)
        self._armed[key] = (promise, armed)
        return armed

    def observe(self, key: BoundKey, audit: Audit, promise: Promise) -> PartitionState:
        return self._keep(key, observe(self._use(key), self.process, audit, promise))

    def status(self, key: BoundKey, promise: Promise) -> Status:
        """Reads without using: looking at it keeps nothing in memory."""
        return status(self._states.get(key, NOTHING_KNOWN), promise)

    def share_ppm(self, key: BoundKey, promise: Promise, base_ppm: int = SERVED_PPM) -> int:
        """Of served hits to audit now."""
        return served_share_ppm(self._use(key), promise, base_ppm)

    def reset(self, key: BoundKey) -> None:
        """Disarms and collects anew: on demand, or where the answers have changed."""
        self._keep(key, new_epoch(self._use(key), self.process))

    def due(self) -> dict[BoundKey, PartitionState]:
        """This process's own tallies of what was used since the last call, for the store; of what it has not
        heard of yet, only the question. What could not be told is put back with `again`."""
        due = {key: self._own(key) if key in self._learned else NOTHING_KNOWN for key in self._due}
        self._due.clear()
        return due

    def again(self, due: Mapping[BoundKey, PartitionState]) -> None:
        self._due.update((key, None) for key in due if key in self._states)

    def learn(self, heard: Mapping[BoundKey, PartitionState]) -> None:
        """What the store knows. Others' tallies are taken as they are; this process's own is known better
        here, except where it was forgotten: then the store's counts are added to those since. An epoch that
        ended stays ended, also where the store has lost what told of it."""
        for key, state in heard.items():
            if key not in self._states:
                continue
            tallies = dict(state.tallies)
            kept = tallies.pop(self.process, None)
            own = self._states[key].own(self.process)
            if kept is not None and key not in self._learned:
                own = kept if own is None else summed([kept, own])
            ended = self._states[key].total()
            if ended.epoch > summed([*tallies.values(), own or Tally()]).epoch:
                own = Tally(epoch=ended.epoch, cause=ended.cause)
            if own is not None:
                tallies[self.process] = own
            if key not in self._learned or own != kept:
                self._due[key] = None
            self._learned.add(key)
            self._states[key] = PartitionState(tuple(sorted(tallies.items())))
            self._armed.pop(key, None)

    def again_all(self) -> None:
        """The store has lost what it was told."""
        self._due.update(dict.fromkeys(self._states))

    def keys(self) -> Iterator[BoundKey]:
        yield from self._states

    def __len__(self) -> int:
        return len(self._states)

    def _own(self, key: BoundKey) -> PartitionState:
        state = self._states.get(key, NOTHING_KNOWN)
        return PartitionState(tuple(each for each in state.tallies if each[0] == self.process))

    def _use(self, key: BoundKey) -> PartitionState:
        state = self._states.get(key)
        if state is None:
            return self._keep(key, NOTHING_KNOWN)
        self._states.move_to_end(key)
        self._due[key] = None
        return state

    def _keep(self, key: BoundKey, state: PartitionState) -> PartitionState:
        self._states[key] = state
        self._states.move_to_end(key)
        self._armed.pop(key, None)
        self._due[key] = None
        while len(self._states) > self.max_partitions:
            forgotten, _ = self._states.popitem(last=False)
            self._armed.pop(forgotten, None)
            self._due.pop(forgotten, None)
            self._learned.discard(forgotten)
        return state
