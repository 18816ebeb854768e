"""What closing GPU windows reads of the ledger."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import and_, func, select

from metering.days import US_PER_DAY
from metering.event import Event
from metering.gpu.true_up import NO_CORRECTION
from metering.gpu.work import Weights
from metering.ledger import LedgerReader
from metering.reprice import Applied, applied
from metering.rows import COLUMNS, from_row
from metering.store.sql import POSTGRESQL
from metering.store.tables import events, gpu_clocks, gpu_shares, gpu_up, gpu_weights, gpu_windows
from metering.store.up_times import ClockSetting, UpTime

LONGEST_ATTEMPT_US = US_PER_DAY
"""What an attempt did more than a day before its end is nobody's."""
MAX_TIMINGS = 2_000
"""The newest of a period, to fit weights to."""
UNCERTAIN_BATCHES = 200
"""PostgreSQL: a batch with a lower number than the newest may still be on its way."""

_MEASURED = and_(events.c.kind == "attempt", events.c.gpu_ns.is_not(None))
_EVENT = [events.c[name] for name in COLUMNS]


class Arrival(NamedTuple):
    """A row that came in since the last look."""

    id: str
    backend: str
    process: str
    started_us: int
    finished_us: int


@dataclass(frozen=True, slots=True)
class Look:
    """The ledger at one moment."""

    newest_seq: int
    arrivals: tuple[Arrival, ...]
    up_times: tuple[UpTime, ...]
    clocks: tuple[ClockSetting, ...]


class Progress(NamedTuple):
    """How far a backend's windows are closed."""

    window_us: int | None
    """The length of its windows; None before the first."""
    closed_until_us: int | None


class Account(NamedTuple):
    """What became of an attempt."""

    final_nanos: int
    """Its shares of closed windows, in nano-dollars."""
    had: Applied


@dataclass(frozen=True, slots=True)
class GpuView:
    """Each method is one reading: everything in it is as of one moment. Blocks. Raises LedgerError."""

    reader: LedgerReader

    def look(self, backends: Collection[str], after_seq: int | None) -> Look:
        """With the measured attempts whose `seq` is above; None: none of them, only where to go on from."""
        new = select(*(events.c[name] for name in Arrival._fields))
        new = new.where(
            events.c.seq > (-1 if after_seq is None else after_seq), _MEASURED, events.c.backend.in_(backends)
        )
        newest, up, clocks, *arrivals = self.reader.read(
            select(func.coalesce(func.max(events.c.seq), 0)),
            select(gpu_up).where(gpu_up.c.backend.in_(backends)),
            select(gpu_clocks),
            *([] if after_seq is None else [new]),
        )
        newest_seq = int(newest[0][0] or 0)
        if after_seq is None and self.reader.dialect is POSTGRESQL:
            newest_seq = max(0, newest_seq - UNCERTAIN_BATCHES)
        return Look(
            newest_seq,
            tuple(Arrival(*row) for rows in arrivals for row in rows),  # type: ignore[arg-type]
            tuple(UpTime(*row) for row in up),  # type: ignore[arg-type]
            tuple(ClockSetting(*row) for row in clocks),  # type: ignore[arg-type]
        )

    def progress(self, backend: str) -> Progress:
        length, until = (
            gpu_windows.c.window_end_us - gpu_windows.c.window_start_us,
            gpu_windows.c.window_end_us,
        )
        ((window_us, closed_until_us),) = self.reader.read(
            select(func.max(length), func.max(until)).where(gpu_windows.c.backend == backend)
        )[0]
        return Progress(window_us, closed_until_us)  # type: ignore[arg-type]

    def window(
        self, backend: str, start_us: int, end_us: int, slack_us: int = 0
    ) -> tuple[list[Event], dict[int, str]]:
        """The measured attempts that may touch [start, end), clocks being wrong by at most `slack_us`, in no
        order; and the digests of the windows that begin in it and are closed already, by their start."""
        from_us, until_us = start_us - slack_us, end_us + slack_us
        overlapping = select(*_EVENT).where(
            _MEASURED,
            events.c.backend == backend,
            events.c.finished_us.between(from_us, until_us + LONGEST_ATTEMPT_US),
            events.c.started_us < until_us,
        )
        closed = select(gpu_windows.c.window_start_us, gpu_windows.c.digest).where(
            gpu_windows.c.backend == backend, gpu_windows.c.window_start_us.between(start_us, end_us - 1)
        )
        rows, digests = self.reader.read(overlapping, closed)
        return [from_row(row) for row in rows], dict(digests)  # type: ignore[arg-type]

    def timed(self, backend: str, from_us: int, until_us: int) -> list[Event]:
        """The newest attempts that the engine timed and that ended in this period."""
        finished = events.c.finished_us
        chosen = (
            select(*_EVENT)
            .where(_MEASURED, events.c.backend == backend, finished >= from_us, finished < until_us)
            .where(events.c.prefill_us.is_not(None) | events.c.decode_us.is_not(None))
            .order_by(finished.desc(), events.c.id.desc())
            .limit(MAX_TIMINGS)
        )
        return [from_row(row) for row in self.reader.read(chosen)[0]]

    def weights(self, backend: str, from_us: int) -> Weights | None:
        """Of the windows from exactly then on."""
        names = ("prefill_ns_per_token", "decode_ns_per_token", "prefill_ns_per_kilocontext",
                 "decode_ns_per_kilocontext", "method")  # fmt: skip
        chosen = select(*(gpu_weights.c[name] for name in names)).where(
            gpu_weights.c.backend == backend, gpu_weights.c.from_us == from_us
        )
        (found,) = self.reader.read(chosen)
        return Weights(*found[0]) if found else None  # type: ignore[arg-type]

    def accounts(self, owed: Sequence[Event]) -> dict[str, Account]:
        """By event id."""
        ids = [event.id for event in owed]
        shares = (
            select(gpu_shares.c.event_id, func.sum(gpu_shares.c.nanos))
            .where(gpu_shares.c.event_id.in_(ids))
            .group_by(gpu_shares.c.event_id)
        )
        corrections = select(
            *(events.c[name] for name in ("corrects", "list_nanos", "cost_nanos", "baseline_nanos"))
        ).where(events.c.request_id.in_([event.request_id for event in owed]), events.c.kind == "correction")
        finals, corrected = self.reader.read(shares, corrections)
        final = {str(event_id): int(nanos or 0) for event_id, nanos in finals}
        had = applied(corrected)  # type: ignore[arg-type]
        return {each: Account(final.get(each, 0), had.get(each, NO_CORRECTION)) for each in ids}
