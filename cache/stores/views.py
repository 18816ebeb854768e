"""What this process knows of the partitions that it uses: which keys and neighbours lead to which entry.

A view only points; whether an entry is still there, the store says. It begins with what the store had at one
number of the log, and follows the log from there. What happens while it is being loaded waits until it is.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import NamedTuple

from cache.answers import Near
from cache.base import EntryKey, PartitionKey
from cache.index.indexes import Indexes
from cache.index.partition_index import PartitionIndex
from cache.question import Question
from cache.stores.wire import Record

MAX_WAITING = 20_000
"""Changes of one partition that wait for its load; beyond, the load is given up."""
VIEW_BYTES = 1_000
ENTRY_BYTES = 500
"""Around one entry with two keys, its vector and text aside. Measured with CPython 3.11."""
KEY_BYTES = 220


class Change(NamedTuple):
    n: int
    """Its number in the log."""
    entry_id: str
    record: Record | None = None
    """None: the entry is gone."""
    alias: EntryKey | None = None


class View:
    def __init__(self, n: int) -> None:
        self.n = n
        """Changes up to this number are in it already."""
        self.ids: dict[EntryKey, str] = {}
        self.keys: dict[str, list[EntryKey]] = {}
        self.bytes_used = VIEW_BYTES

    def add(self, entry_id: str, keys: Iterable[EntryKey]) -> None:
        self.remove(entry_id)
        self.keys[entry_id] = []
        self.bytes_used += ENTRY_BYTES
        for key in keys:
            self.alias(entry_id, key)

    def alias(self, entry_id: str, key: EntryKey) -> None:
        keys = self.keys.get(entry_id)
        if keys is None or key in keys:
            return
        keys.append(key)
        self.ids[key] = entry_id
        self.bytes_used += KEY_BYTES

    def remove(self, entry_id: str) -> None:
        keys = self.keys.pop(entry_id, None)
        if keys is None:
            return
        self.bytes_used -= ENTRY_BYTES + KEY_BYTES * len(keys)
        for key in keys:
            if self.ids.get(key) == entry_id:
                del self.ids[key]


class Views:
    """Bounded in bytes, those longest unused dropped first; a view and its index go together."""

    def __init__(self, max_bytes: int) -> None:
        """Half for the keys, half for vectors and texts."""
        self._max_bytes = max_bytes // 2
        self._views: OrderedDict[PartitionKey, View] = OrderedDict()
        self._loading: dict[PartitionKey, list[Change]] = {}
        self._indexes = Indexes(max_bytes - self._max_bytes)
        self._view_bytes = 0

    def __len__(self) -> int:
        return len(self._views)

    @property
    def bytes_used(self) -> int:
        return self._view_bytes + self._indexes.bytes_used

    def get(self, partition: PartitionKey) -> View | None:
        view = self._views.get(partition)
        if view is not None:
            self._views.move_to_end(partition)
        return view

    def nearest(self, question: Question, k: int) -> list[Near]:
        return self._indexes.nearest(question, k)

    def begin(self, partition: PartitionKey) -> bool:
        """From now on its changes wait for `finish`. False if they do already, or the view is there."""
        if partition in self._views or partition in self._loading:
            return False
        self._loading[partition] = []
        return True

    def finish(self, view: View, index: PartitionIndex) -> None:
        """The view as it was at its number, and then what has happened since. Nothing if it was given up."""
        waiting = self._loading.pop(index.partition, None)
        if waiting is None:
            return
        self._views[index.partition] = view
        self._view_bytes += view.bytes_used
        if len(index):
            self._shed(self._indexes.put(index))
        self._bound()
        for change in waiting:
            self.apply(index.partition, change)

    def give_up(self, partition: PartitionKey) -> None:
        self._loading.pop(partition, None)

    def is_loading(self, partition: PartitionKey) -> bool:
        return partition in self._loading

    def apply(self, partition: PartitionKey, change: Change) -> None:
        waiting = self._loading.get(partition)
        if waiting is not None:
            waiting.append(change)
            if len(waiting) > MAX_WAITING:
                self.give_up(partition)
            return
        view = self._views.get(partition)
        if view is None or change.n <= view.n:
            return
        if (alias := change.alias) is not None:
            self._sized(view, lambda: view.alias(change.entry_id, alias))
        elif change.record is None:
            self.remove(partition, change.entry_id)
        else:
            self._add(partition, view, change.entry_id, change.record)
        self._bound()

    def remove(self, partition: PartitionKey, entry_id: str) -> None:
        view = self._views.get(partition)
        if view is not None:
            self._sized(view, lambda: view.remove(entry_id))
            self._indexes.remove(partition, entry_id)

    def clear(self) -> None:
        self._views.clear()
        self._loading.clear()
        self._indexes.clear()
        self._view_bytes = 0

    def _add(self, partition: PartitionKey, view: View, entry_id: str, record: Record) -> None:
        self._sized(view, lambda: view.add(entry_id, record.keys))
        self._indexes.remove(partition, entry_id)
        if record.question is not None:
            self._shed(self._indexes.add(entry_id, record.question))

    def _sized(self, view: View, step: Callable[[], None]) -> None:
        before = view.bytes_used
        step()
        self._view_bytes += view.bytes_used - before

    def _bound(self) -> None:
        while self._view_bytes > self._max_bytes and self._views:
            self._shed([next(iter(self._views))])

    def _shed(self, partitions: Iterable[PartitionKey]) -> None:
        for partition in partitions:
            view = self._views.pop(partition, None)
            if view is not None:
                self._view_bytes -= view.bytes_used
            self._indexes.drop(partition)
