"""Closed windows of a period, summed by line and by tenant."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import and_, func, select

from metering.gpu.row import Line
from metering.ledger import LedgerReader
from metering.store.tables import gpu_shares, gpu_windows

LINES = tuple(line.value for line in (Line.REQUEST, Line.ABORTED, Line.WARMUP, Line.IDLE, Line.OVERHEAD))


class Window(NamedTuple):
    backend: str
    start_us: int
    end_us: int
    gpus: int
    capacity_ns: int
    capacity_nanos: int
    method: str
    lines: dict[str, int]
    """GPU nanoseconds by line."""


class Part(NamedTuple):
    """What one tenant, or nobody, had on one line of a backend."""

    backend: str
    line: str
    tenant: str
    requests: int
    gpu_ns: int
    nanos: int


class Summary(NamedTuple):
    windows: tuple[Window, ...]
    """In the order of time."""
    parts: tuple[Part, ...]

    @property
    def adds_up(self) -> bool:
        """Whether all parts are the capacity, and each window's lines its own: in time and in money."""
        whole = sum(w.capacity_ns for w in self.windows), sum(w.capacity_nanos for w in self.windows)
        each = all(window.capacity_ns == sum(window.lines.values()) for window in self.windows)
        return each and whole == (sum(p.gpu_ns for p in self.parts), sum(p.nanos for p in self.parts))


def gpu_summary(reader: LedgerReader, from_us: int, until_us: int, backend: str | None = None) -> Summary:
    """The windows that begin in [from, until). Blocks. Raises LedgerError."""
    share, window = gpu_shares.c, gpu_windows.c
    chosen, held = (
        and_(
            table.window_start_us >= from_us,
            table.window_start_us < until_us,
            *([] if backend is None else [table.backend == backend]),
        )
        for table in (share, window)
    )
    lines = select(share.backend, share.window_start_us, share.line, func.sum(share.gpu_ns)).where(chosen)
    parts = select(
        *(share.backend, share.line, share.tenant),
        func.count(func.distinct(func.nullif(share.event_id, ""))),
        *(func.sum(share.gpu_ns), func.sum(share.nanos)),
    ).where(chosen)
    keys = (window.backend, window.window_start_us)
    values = (
        window.window_end_us,
        window.gpu_count,
        window.capacity_ns,
        window.capacity_nanos,
        window.method,
    )
    found, by_line, by_tenant = reader.read(
        select(*keys, *values).where(held).order_by(window.window_start_us, window.backend),
        lines.group_by(share.backend, share.window_start_us, share.line),
        parts.group_by(share.backend, share.line, share.tenant).order_by(
            share.backend, share.line, share.tenant
        ),
    )
    of_window: dict[tuple[object, object], dict[str, int]] = {}
    for name, start_us, line, gpu_ns in by_line:
        of_window.setdefault((name, start_us), {})[str(line)] = int(gpu_ns or 0)
    windows = [Window(*row, of_window.get((row[0], row[1]), {})) for row in found]  # type: ignore[arg-type, call-arg]
    sums = [Part(*row[:3], *(int(value or 0) for value in row[3:])) for row in by_tenant]  # type: ignore[arg-type]
    return Summary(tuple(windows), tuple(sums))
