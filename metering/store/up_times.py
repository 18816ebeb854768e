"""What gateway processes observe for GPU windows, as the ledger keeps it: up-times, clocks, weights."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass

from metering.gpu.work import Weights
from metering.store.rollup import insert_into
from metering.store.sql import Session
from metering.store.tables import gpu_clocks, gpu_up, gpu_weights


@dataclass(frozen=True, slots=True)
class UpTime:
    """One stretch over which a process saw a backend up. UTC microseconds on the clock of the process."""

    backend: str
    process: str
    up_us: int
    ready_us: int | None
    """None: it was never seen ready."""
    seen_us: int
    """When it was last seen up: its end, if the process said no other."""
    down_us: int | None

    @property
    def end_us(self) -> int:
        return self.seen_us if self.down_us is None else self.down_us


@dataclass(frozen=True, slots=True)
class ClockSetting:
    """From `from_us` (the process's own clock) on, its clock is that far ahead of the ledger server's."""

    process: str
    from_us: int
    ahead_us: int


def write_up_times(session: Session, rows: Iterable[UpTime]) -> None:
    """The newest word of a process on each of its stretches."""
    for row in rows:
        values = asdict(row)
        said = {name: values[name] for name in ("ready_us", "seen_us", "down_us")}
        insert = insert_into(session, gpu_up).values(**values)
        session.run(insert.on_conflict_do_update(index_elements=list(gpu_up.primary_key), set_=said))


def write_clock(session: Session, row: ClockSetting) -> None:
    session.run(insert_into(session, gpu_clocks).values(**asdict(row)).on_conflict_do_nothing())


def write_weights(session: Session, backend: str, from_us: int, weights: Weights) -> None:
    """What is there already stays: a window closed again must find the weights it was closed with."""
    insert = insert_into(session, gpu_weights).values(backend=backend, from_us=from_us, **asdict(weights))
    session.run(insert.on_conflict_do_nothing())
