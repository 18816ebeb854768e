"""The keeper between the cache's storage and the ledger."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import closing
from decimal import Decimal
from pathlib import Path

from cache.stores.local import LocalCache
from gateway.cache_storage import StorageKeeper
from gateway.config import GatewaySettings
from metering.house import CURATED_TENANT
from metering.ledger import LedgerUnavailable
from metering.ledger_url import open_ledger, open_reader
from metering.reports import ReportQuery, usage_report
from metering.storage_price import StorageCharge, storage_nanos
from tests.fakes.kept_answers import NOW_US, entry, kept, partition

HOUR_US = 3_600_000_000


def settings(usd: str | None = "0.5") -> GatewaySettings:
    return GatewaySettings.model_validate(
        {
            "backends": {"b": {"kind": "openai", "url": "http://127.0.0.1:1/v1", "models": {"m": "m"}}},
            "cache": {} if usd is None else {"usd_per_gb_month": usd},
            "markup": {"tenants": {"acme": "1.2"}},
        }
    )


class Away:
    """A ledger that cannot be reached."""

    def write_storage(self, charges: Sequence[StorageCharge]) -> int:
        raise LedgerUnavailable("the ledger is away")


class Scene:
    def __init__(self) -> None:
        self.now_us = NOW_US
        self.said: list[tuple[bool, str]] = []
        self.cache = LocalCache(
            max_bytes=10**6, max_tenant_bytes=10**6, max_index_bytes=10**6, now_us=lambda: self.now_us
        )

    def keeper(self, books: object, usd: str | None = "0.5", every_s: float = 900.0) -> StorageKeeper:
        return StorageKeeper(
            self.cache,
            books,  # type: ignore[arg-type]
            lambda: settings(usd),
            lambda: {"acme": "CC-1"},
            lambda ok, detail: self.said.append((ok, detail)),
            every_s,
        )

    def keep(self, size_bytes: int, tenant: str = "acme") -> int:
        """What it occupies, in bytes."""
        made = entry("hit_1", body=b"x" * size_bytes, ttl_us=100 * HOUR_US, tenant=tenant)
        self.cache.keep(kept("words", made, partition("p"), asks=False))
        return self.cache.status().tenant_bytes[tenant]


async def test_an_answer_is_charged_for_its_bytes_and_its_time(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'weir.db'}"
    scene = Scene()
    size = scene.keep(400_000)
    scene.now_us += 50 * HOUR_US
    with closing(open_ledger(url)) as ledger:
        keeper = scene.keeper(ledger)
        assert await keeper.book() == 1
        assert await keeper.book() == 0
    (row,) = usage_report(open_reader(url), ReportQuery(("tenant", "cost_center", "category"))).rows
    assert row.group == ("acme", "CC-1", "cache storage")
    assert row.sums.storage_byte_seconds == size * 50 * 3600
    assert row.sums.cost_nanos == storage_nanos(size * 50 * 3600, Decimal("0.5"), Decimal("1.2"))
    assert row.sums.list_nanos == storage_nanos(size * 50 * 3600, Decimal("0.5"))


async def test_the_pairs_of_curated_routes_are_on_the_house(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'weir.db'}"
    scene = Scene()
    scene.keep(900_000, tenant=CURATED_TENANT)
    scene.now_us += 50 * HOUR_US
    with closing(open_ledger(url)) as ledger:
        await scene.keeper(ledger).book()
    (row,) = usage_report(open_reader(url), ReportQuery(("tenant",))).rows
    assert row.group == ("",)
    assert row.sums.cost_nanos
    assert row.sums.list_nanos == row.sums.cost_nanos


async def test_what_a_ledger_could_not_take_is_taken_when_it_is_back(tmp_path: Path) -> None:
    scene = Scene()
    size = scene.keep(1_000)
    scene.now_us += HOUR_US
    away = scene.keeper(Away())
    assert await away.book() == 0
    assert await away.book() == 0
    assert scene.said == [(False, "the ledger is away")], "once per change"
    scene.now_us += HOUR_US
    url = f"sqlite:///{tmp_path / 'weir.db'}"
    with closing(open_ledger(url)) as ledger:
        keeper = scene.keeper(ledger, usd=None)
        assert [await keeper.book() for _ in range(3)] == [1, 1, 0], "the first hour, then what came since"
    sums = usage_report(open_reader(url), ReportQuery(("tenant",))).totals
    assert sums.storage_byte_seconds == sums.unpriced_storage_byte_seconds == size * 2 * 3600
    assert sums.cost_nanos == 0


async def test_stopping_books_what_is_due(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'weir.db'}"
    scene = Scene()
    scene.keep(1_000)
    with closing(open_ledger(url)) as ledger:
        keeper = scene.keeper(ledger)
        keeper.start()
        await asyncio.sleep(0)
        scene.now_us += HOUR_US
        await keeper.stop()
    assert usage_report(open_reader(url), ReportQuery(("tenant",))).totals.storage_byte_seconds > 0


async def test_it_books_at_its_interval(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'weir.db'}"
    scene = Scene()
    scene.keep(1_000)
    scene.now_us += HOUR_US
    with closing(open_ledger(url)) as ledger:
        written = asyncio.Event()
        loop = asyncio.get_running_loop()

        class Watched:
            def write_storage(self, charges: Sequence[StorageCharge]) -> int:
                new = ledger.write_storage(charges)
                loop.call_soon_threadsafe(written.set)
                return new

        keeper = scene.keeper(Watched(), every_s=0.0)
        keeper.start()
        await asyncio.wait_for(written.wait(), 30)
        await keeper.stop()


async def test_a_defect_is_told_and_does_not_end_the_booking(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'weir.db'}"
    scene = Scene()
    scene.keep(1_000)
    scene.now_us += HOUR_US
    with closing(open_ledger(url)) as ledger:
        written = asyncio.Event()
        loop = asyncio.get_running_loop()
        wrong = [ZeroDivisionError("once")]

        class Wrong:
            def write_storage(self, charges: Sequence[StorageCharge]) -> int:
                if wrong:
                    raise wrong.pop()
                new = ledger.write_storage(charges)
                loop.call_soon_threadsafe(written.set)
                return new

        keeper = scene.keeper(Wrong(), every_s=0.0)
        keeper.start()
        await asyncio.wait_for(written.wait(), 30)
        await keeper.stop()
    assert scene.said[0] == (False, "defect: ZeroDivisionError('once')")
    assert scene.said[-1] == (True, "")
