"""What was purged, as a mark that every answer is held against before it is served.

A mark says: of this tenant and this route (either may be any), nothing numbered up to `at`, stored before
`stored_us` or of an epoch below `epoch`. Marks only rise, so they may be told again, late and in any order.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from typing import NamedTuple

from cache.answers import Purge
from cache.base import Entry

MAX_MARKS = 10_000
MAX_IDS = 2_000
ANY = ""


class Mark(NamedTuple):
    at: int = 0
    stored_us: int = 0
    epoch: int = 0

    def raised(self, other: Mark) -> Mark:
        return Mark(*(max(pair) for pair in zip(self, other, strict=True)))


def mark_of(what: Purge, at: int) -> Mark:
    """By age and by epoch it marks those alone; else everything up to the purge's own number."""
    if what.stored_before_us or what.epoch_below:
        return Mark(0, what.stored_before_us, what.epoch_below)
    return Mark(at)


class Floors:
    """Bounded: of too many marks, the oldest become one that holds for all, which costs hits and serves
    nothing stale. Of too many purged ids the oldest are forgotten; their entries are long deleted."""

    def __init__(self) -> None:
        self._marks: OrderedDict[tuple[str, str], Mark] = OrderedDict()
        self._ids: OrderedDict[str, None] = OrderedDict()

    def __iter__(self) -> Iterator[tuple[str, str, Mark]]:
        return iter([(*who, mark) for who, mark in self._marks.items()])

    @property
    def ids(self) -> list[str]:
        return list(self._ids)

    def purge(self, what: Purge, at: int) -> None:
        if what.entry_id:
            self._ids[what.entry_id] = None
            if len(self._ids) > MAX_IDS:
                self._ids.popitem(last=False)
            return
        self.rise(what.tenant, what.route, mark_of(what, at))

    def rise(self, tenant: str, route: str, mark: Mark) -> None:
        who = (tenant, route)
        self._marks[who] = self._marks.get(who, Mark()).raised(mark)
        self._marks.move_to_end(who)
        if len(self._marks) > MAX_MARKS:
            oldest, old = next((key, old) for key, old in self._marks.items() if key != (ANY, ANY))
            del self._marks[oldest]
            self.rise(ANY, ANY, old)

    def forbids(self, entry: Entry, at: int) -> bool:
        """Whether an entry numbered `at` was purged."""
        if entry.id in self._ids:
            return True
        return any(
            at <= mark.at or entry.stored_us < mark.stored_us or entry.epoch < mark.epoch
            for mark in self._concerning(entry)
        )

    def forbids_keeping(self, entry: Entry, seen: int) -> bool:
        """Whether what concerns the entry was purged after its request was looked up at `seen`."""
        return any(
            seen < mark.at or entry.stored_us < mark.stored_us or entry.epoch < mark.epoch
            for mark in self._concerning(entry)
        )

    def _concerning(self, entry: Entry) -> Iterator[Mark]:
        marks = self._marks
        if not marks:
            return
        for who in {(entry.tenant, entry.route), (entry.tenant, ANY), (ANY, entry.route), (ANY, ANY)}:
            mark = marks.get(who)
            if mark is not None:
                yield mark
