"""The background work: what a process tells the ledger, and a ledger that is away or has another clock."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from gateway.backends.fleet import Fleet
from gateway.clock import ManualClock
from gateway.gpu_keeper import GpuKeeper
from gateway.gpu_time import GpuMeters
from gateway.transport.http1 import Http1Transport
from metering.ledger import LedgerUnavailable
from metering.sqlite_ledger import SqliteLedger
from metering.sqlite_reader import SqliteReader
from metering.store.gpu_read import GpuView
from metering.store.up_times import UpTime
from tests.fakes.gpu_ledger import T0, US, at, settings

CONFIG = settings()


class Books(SqliteLedger):
    """With a server's clock, and away on demand."""

    away = False
    behind_us: int | None = None
    clock: ManualClock

    def write_up_times(self, rows: Sequence[UpTime]) -> None:
        if self.away:
            raise LedgerUnavailable("ledger is away")
        super().write_up_times(rows)

    def server_clock_us(self) -> int | None:
        return None if self.behind_us is None else self.clock.wall_ns() // 1000 - self.behind_us


class Bench:
    def __init__(self, folder: Path) -> None:
        self.clock = ManualClock(wall_ns=T0 * 1000)
        self.books = Books(folder / "weir.db")
        self.books.clock = self.clock
        self.reader = SqliteReader(folder / "weir.db")
        self.fleet = Fleet(CONFIG.backends, Http1Transport(), self.clock)
        self.gpus = GpuMeters(CONFIG, self.clock)
        self.told: list[tuple[bool, str]] = []
        self.keeper = GpuKeeper(
            self.books,
            GpuView(self.reader),
            self.fleet,
            self.gpus,
            lambda: CONFIG,
            self.clock,
            "w1",
            lambda ok, detail: self.told.append((ok, detail)),
        )

    def rows(self, table: str) -> list[tuple[object, ...]]:
        return [tuple(row) for row in self.reader.read((f"SELECT * FROM {table}", ()))[0]]

    def pass_by(self, seconds: float) -> None:
        """The event loop looks, then the thread works."""
        self.clock.advance(seconds)
        self.keeper.look()
        self.keeper.work()


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    with closing(made.books):
        yield made


def test_up_times_are_told_and_windows_closed(bench: Bench) -> None:
    for _ in range(8):
        bench.pass_by(4)
    assert bench.rows("gpu_up") == [("gpu1", "w1", at(4), at(4), at(32), None)]
    assert [row[1] for row in bench.rows("gpu_windows")] == [at(0), at(10)]
    assert bench.keeper.closed_until_us == {"gpu1": at(20)}
    meter = bench.gpus.get("gpu1")
    assert meter is not None
    assert meter.weights.method == "default"


def test_a_ledger_that_is_away_is_told_of_once_and_nothing_is_forgotten(bench: Bench) -> None:
    bench.pass_by(1)
    bench.books.away = True
    for target in bench.fleet.targets():
        bench.pass_by(20)
        target.healthy = False
    bench.pass_by(1)
    bench.pass_by(1)
    bench.books.away = False
    bench.pass_by(20)
    assert bench.told == [(False, "ledger is away"), (True, "")]
    assert bench.rows("gpu_up") == [("gpu1", "w1", at(1), at(1), at(22), at(22))]
    assert sum(int(str(row[4])) for row in bench.rows("gpu_windows")) == 21 * 1_000_000_000


def test_a_clock_that_is_off_is_on_record_once(bench: Bench) -> None:
    bench.books.behind_us = 3 * US
    for _ in range(6):
        bench.pass_by(5)
    assert [row[2] for row in bench.rows("gpu_clocks")] == [3 * US]
    assert bench.rows("gpu_windows")[0][1] == at(0)


def test_a_clock_that_is_right_is_not_worth_a_row(bench: Bench) -> None:
    bench.books.behind_us = 0
    for _ in range(6):
        bench.pass_by(5)
    assert bench.rows("gpu_clocks") == []


def test_it_ends_with_a_last_word(bench: Bench) -> None:
    async def live() -> None:
        bench.keeper.start()
        bench.keeper.look()
        bench.clock.advance(30)
        await bench.keeper.stop()

    asyncio.run(live())
    assert bench.rows("gpu_up") == [("gpu1", "w1", at(0), at(0), at(30), at(30))]
