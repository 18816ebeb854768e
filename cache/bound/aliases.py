"""Questions that an audit has confirmed: asked so, the entry of another question answers."""

from __future__ import annotations

from collections import OrderedDict
from typing import NamedTuple

from cache.base import EntryKey, PartitionKey

MAX_ALIASES = 100_000
"""About 50 MB: 500 bytes each, with both keys."""


class Alias(NamedTuple):
    entry_id: str
    expires_us: int


_Place = tuple[PartitionKey, EntryKey]


class AliasBook:
    """Bounded in number, the least recently used forgotten first. An alias ends with its time, and with the
    entry that it leads to. For one event loop.

    It leads to an id, never to an answer: the entry must still be fetched, so one that was purged elsewhere
    is not served either.
    """

    def __init__(self, max_aliases: int = MAX_ALIASES) -> None:
        """Raises ValueError for a negative bound; 0 keeps nothing."""
        if max_aliases < 0:
            raise ValueError(f"max_aliases is {max_aliases}; it must not be negative")
        self.max_aliases = max_aliases
        self._kept: OrderedDict[_Place, Alias] = OrderedDict()
        self._of_entry: dict[str, dict[_Place, None]] = {}

    def confirm(self, partition: PartitionKey, question: EntryKey, entry_id: str, expires_us: int) -> None:
        """`question` is the key of its canonical form. A later confirmation takes the place of an older one.
        `expires_us`: UTC microseconds, not beyond the entry's own."""
        place = (partition, question)
        self._drop(place)
        if not self.max_aliases:
            return
        while len(self._kept) >= self.max_aliases:
            self._drop(next(iter(self._kept)))
        self._kept[place] = Alias(entry_id, expires_us)
        self._of_entry.setdefault(entry_id, {})[place] = None

    def find(self, partition: PartitionKey, question: EntryKey, now_us: int) -> str | None:
        """The id of the entry that answers this question, too."""
        place = (partition, question)
        alias = self._kept.get(place)
        if alias is None:
            return None
        if now_us >= alias.expires_us:
            self._drop(place)
            return None
        self._kept.move_to_end(place)
        return alias.entry_id

    def forget(self, partition: PartitionKey, question: EntryKey) -> None:
        """Where a later audit found the pair different."""
        self._drop((partition, question))

    def purge_entry(self, entry_id: str) -> int:
        """Drops all that lead to an entry which is no more; returns how many."""
        places = list(self._of_entry.get(entry_id, ()))
        for place in places:
            self._drop(place)
        return len(places)

    def clear(self) -> None:
        self._kept.clear()
        self._of_entry.clear()

    def __len__(self) -> int:
        return len(self._kept)

    def _drop(self, place: _Place) -> None:
        alias = self._kept.pop(place, None)
        if alias is None:
            return
        places = self._of_entry[alias.entry_id]
        del places[place]
        if not places:
            del self._of_entry[alias.entry_id]
