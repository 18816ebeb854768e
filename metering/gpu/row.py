"""Rows of a closed window, and what must be added to one set of them to get another."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple


class Line(StrEnum):
    """What a row of GPU time is for."""

    REQUEST = "request"
    ABORTED = "aborted"
    """Work for an attempt that was given up: still its tenant's, but named."""
    WARMUP = "warmup"
    IDLE = "idle"
    OVERHEAD = "overhead"
    """The backend was held by attempts that did no work on it."""


class GpuRow(NamedTuple):
    """GPU time in one window, of one attempt or on one line that is nobody's request."""

    backend: str
    start_ns: int
    end_ns: int
    line: Line
    event_id: str
    """'' where the line belongs to no attempt."""
    tenant: str
    cost_center: str
    project: str
    key: str
    model: str
    gpu_ns: int
    gpu_nanos: int
    """Nano-dollars."""
    method: str
    """How it was found: `sweep:` and where the weights come from."""
    mark: str = ""
    """What was odd about the attempt, comma separated: `clamped`, `outside`, `unknown`; '' for nothing."""

    @property
    def identity(self) -> tuple[str, ...]:
        """Whose row it is within its window: no two rows of a window share it."""
        who = (self.tenant, self.cost_center, self.project, self.key, self.model)
        return (self.line.value, self.event_id, *who)


def in_order(rows: Iterable[GpuRow]) -> list[GpuRow]:
    return sorted(rows, key=lambda row: row.identity)


def digest_of(rows: Iterable[GpuRow]) -> str:
    """The same for the same rows in whatever order, and for no others."""
    text = "\n".join(repr(_content(row)) for row in in_order(rows))
    return hashlib.sha256(text.encode()).hexdigest()


def difference(old: Iterable[GpuRow], new: Iterable[GpuRow]) -> list[GpuRow]:
    """Rows that, added to the old ones of a window, give the new: amounts are signed, equal ones left out.

    They add up to the change in capacity: to 0 where only the split changed. A row that went to somebody else
    is taken from one and given to the other. Raises ValueError for rows of different windows.
    """
    before = {row.identity: row for row in old}
    after = {row.identity: row for row in new}
    if len({(row.backend, row.start_ns, row.end_ns) for row in (*before.values(), *after.values())}) > 1:
        raise ValueError("rows of different windows have no difference")
    changes = []
    for identity in sorted({*before, *after}):
        was, now = before.get(identity), after.get(identity)
        change = _subtract(now, was)
        if change.gpu_ns or change.gpu_nanos:
            changes.append(change)
    return changes


def _content(row: GpuRow) -> tuple[object, ...]:
    return (
        row.identity,
        *(row.backend, row.start_ns, row.end_ns),
        *(row.gpu_ns, row.gpu_nanos, row.method, row.mark),
    )


def _subtract(now: GpuRow | None, was: GpuRow | None) -> GpuRow:
    if now is None:
        assert was is not None
        return was._replace(gpu_ns=-was.gpu_ns, gpu_nanos=-was.gpu_nanos)
    if was is None:
        return now
    return now._replace(gpu_ns=now.gpu_ns - was.gpu_ns, gpu_nanos=now.gpu_nanos - was.gpu_nanos)
