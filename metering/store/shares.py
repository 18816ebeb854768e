"""A closed window's GPU shares, written once or replaced as a whole, and their place in the rollups."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from sqlalchemy import and_, delete, insert, select

from metering.store.rollup import add, insert_into, share_contributions
from metering.store.sql import POSTGRESQL, Session
from metering.store.tables import gpu_shares, gpu_windows


@dataclass(frozen=True, slots=True)
class GpuWindow:
    """`[window_start_us, window_end_us)` of one backend's GPUs, and what they cost."""

    backend: str
    window_start_us: int
    window_end_us: int
    gpu_count: int
    capacity_ns: int
    capacity_nanos: int
    method: str
    digest: str = ""
    """Of its shares as they were found: the same for the same (`metering.gpu.row.digest_of`)."""


@dataclass(frozen=True, slots=True)
class GpuShare:
    """One line of a window. (line, event_id, tenant, cost centre) is unique within it."""

    line: str
    """request | aborted | warmup | idle | overhead"""
    event_id: str
    """'' for what no request used."""
    tenant: str
    cost_center: str
    project: str
    key: str
    model: str
    gpu_ns: int
    nanos: int
    method: str
    mark: str = ""
    """clamped, outside, unknown; several with commas."""


class SharesDoNotAddUp(ValueError):
    """A window's shares are not its capacity: they would lose or invent GPU time."""


def replace_window(session: Session, window: GpuWindow, shares: Sequence[GpuShare]) -> None:
    """In the caller's transaction: the same call twice changes nothing. Raises SharesDoNotAddUp."""
    _check(window, shares)
    session.run(insert_into(session, gpu_windows).values(**asdict(window)).on_conflict_do_nothing())
    mine = and_(
        gpu_windows.c.backend == window.backend, gpu_windows.c.window_start_us == window.window_start_us
    )
    held = select(gpu_windows.c.backend).where(mine)
    session.run(held.with_for_update() if session.dialect is POSTGRESQL else held)
    of_window = and_(
        gpu_shares.c.backend == window.backend, gpu_shares.c.window_start_us == window.window_start_us
    )
    sums = share_contributions(of_window)
    add(session, sums, sign=-1)
    session.run(delete(gpu_shares).where(of_window))
    session.run(gpu_windows.update().where(mine).values(**asdict(window)))
    place = {"backend": window.backend, "window_start_us": window.window_start_us}
    session.run_many(insert(gpu_shares), [{**asdict(share), **place} for share in shares])
    add(session, sums)


def _check(window: GpuWindow, shares: Sequence[GpuShare]) -> None:
    given_ns, given_nanos = sum(share.gpu_ns for share in shares), sum(share.nanos for share in shares)
    if (given_ns, given_nanos) != (window.capacity_ns, window.capacity_nanos):
        raise SharesDoNotAddUp(
            f"window {window.window_start_us} of {window.backend}: shares are {given_ns} ns and "
            f"{given_nanos} nano-dollars, its capacity {window.capacity_ns} and {window.capacity_nanos}"
        )
