"""Conservation: byte-seconds from the cache to the ledger, and nano-dollars however storage is cut up."""

from __future__ import annotations

import asyncio
import tempfile
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from cache.answers import StorageUse
from cache.stores.storage import StorageMeter
from gateway.cache_storage import StorageKeeper
from gateway.config import GatewaySettings
from metering.ledger import LedgerUnavailable
from metering.money import divide_half_even
from metering.reports import ReportQuery, usage_report
from metering.sqlite_ledger import SqliteLedger
from metering.sqlite_reader import SqliteReader
from metering.storage_price import SECONDS_PER_MONTH, StorageCharge, storage_money, storage_nanos
from metering.store.names import US_PER_HOUR
from tests.fakes.stored import stored

byte_seconds = st.integers(min_value=0, max_value=10**13)
prices = st.decimals(min_value=0, max_value=50, places=4, allow_nan=False)
factors = st.decimals(min_value=0, max_value=3, places=3, allow_nan=False)


@given(st.lists(byte_seconds, max_size=30), prices, factors)
def test_parts_add_up_to_the_whole_rounded_once(parts: list[int], usd: Decimal, factor: Decimal) -> None:
    before = listed = cost = 0
    for number, part in enumerate(parts):
        charge = stored(number, byte_seconds=part, usd_per_gb_month=usd, factor=factor)
        money = storage_money(charge, before)
        exact = Fraction(part) * Fraction(usd) * Fraction(factor) / SECONDS_PER_MONTH
        assert abs(money.cost_nanos - exact) <= 1
        assert money.cost_nanos >= 0
        before, listed, cost = before + part, listed + money.list_nanos, cost + money.cost_nanos
    assert (listed, cost) == (storage_nanos(before, usd), storage_nanos(before, usd, factor))


@given(byte_seconds, prices)
def test_the_formula_is_the_price_of_a_gigabyte_and_month(amount: int, usd: Decimal) -> None:
    exact = Fraction(amount, 10**9) / (730 * 3600) * Fraction(usd) * 10**9
    assert storage_nanos(amount, usd) == divide_half_even(exact.numerator, exact.denominator)


charges = st.lists(
    st.builds(
        lambda number, tenant, hours, amount: stored(
            number, tenant=tenant, byte_seconds=amount, factor=Decimal("1.13"),
            at_us=stored(0).at_us + hours * US_PER_HOUR,
        ),
        st.integers(0, 15), st.sampled_from("ab"), st.integers(0, 70 * 24), byte_seconds,
    ),
    max_size=20,
)  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(charges, st.lists(st.integers(0, 20), max_size=4))
def test_the_ledger_holds_each_use_once_and_its_month_costs_what_it_occupied(
    given_: list[StorageCharge], cuts: list[int]
) -> None:
    """Given again, in any pieces: what counts is the first of an id."""
    first: dict[str, StorageCharge] = {}
    edges = [0, *sorted(cuts), len(given_)]
    with tempfile.TemporaryDirectory() as folder, closing(SqliteLedger(Path(folder) / "weir.db")) as ledger:
        for start, end in pairwise(edges):
            batch = list({charge.id: charge for charge in given_[start:end]}.values())
            new = [charge for charge in batch if charge.id not in first]
            assert ledger.write_storage(batch) == len(new)
            first.update({charge.id: charge for charge in new})
        report = usage_report(SqliteReader(ledger.path), ReportQuery(("tenant", "month")))
    held: Counter[tuple[str, str]] = Counter()
    for charge in first.values():
        month = next(m for m, start in MONTHS if charge.at_us >= start)
        held[charge.tenant, month] += charge.byte_seconds
    for row in report.rows:
        amount = held.pop((row.group[0], row.group[1]))
        assert row.sums.storage_byte_seconds == amount
        assert row.sums.cost_nanos == storage_nanos(amount, Decimal("0.73"), Decimal("1.13"))
        assert row.sums.list_nanos == storage_nanos(amount, Decimal("0.73"))
    assert not +held


_DAY_US = 24 * US_PER_HOUR
MONTHS = [
    ("2026-03", stored(0).at_us + 59 * _DAY_US),
    ("2026-02", stored(0).at_us + 31 * _DAY_US),
    ("2026-01", stored(0).at_us),
]


class Moody:
    """A ledger that fails before or after it wrote, as it is told; and the cache that it is written from."""

    def __init__(self, meter: StorageMeter, moods: list[str]) -> None:
        self.meter = meter
        self.moods = moods
        self.rows: dict[str, StorageCharge] = {}

    def write_storage(self, charges: Sequence[StorageCharge]) -> int:
        mood = self.moods.pop() if self.moods else "fine"
        if mood == "before":
            raise LedgerUnavailable("away")
        for charge in charges:
            self.rows.setdefault(charge.id, charge)
        if mood == "after":
            raise LedgerUnavailable("the answer was lost")
        return len(charges)

    async def take_storage(self) -> list[StorageUse]:
        return self.meter.take()

    async def booked(self, ids: Sequence[str]) -> None:
        self.meter.booked(ids)


changes = st.lists(
    st.tuples(st.sampled_from("ab"), st.integers(0, 10**7), st.integers(0, 10**10), st.booleans()),
    max_size=25,
)


@given(changes, st.lists(st.sampled_from(["fine", "before", "after"]), max_size=15))
def test_what_is_occupied_is_booked_whatever_fails(
    made: list[tuple[str, int, int, bool]], moods: list[str]
) -> None:
    now_us, held, exact = 0, Counter[str](), Counter[str]()
    meter = StorageMeter(lambda: now_us)
    moody = Moody(meter, moods)
    keeper = StorageKeeper(moody, moody, settings_of, lambda: {"a": "CC-a"}, lambda ok, detail: None)
    for tenant, size, later_us, books in made:
        meter.change(tenant, size - held[tenant])
        held[tenant] = size
        now_us += later_us
        exact.update({each: held[each] * later_us for each in held})
        if books:
            asyncio.run(keeper.book())
    moody.moods.clear()
    asyncio.run(keeper.book())
    asyncio.run(keeper.book())
    for tenant in held:
        booked = sum(row.byte_seconds for row in moody.rows.values() if row.tenant == tenant)
        assert 0 <= exact[tenant] - booked * 10**6 < 10**6, "a part of a byte-second stays for the next"
    assert {(row.tenant, row.cost_center) for row in moody.rows.values()} <= {("a", "CC-a"), ("b", "")}


SETTINGS = GatewaySettings.model_validate(
    {"backends": {"b": {"kind": "openai", "url": "http://127.0.0.1:1/v1", "models": {"m": "m"}}}}
)


def settings_of() -> GatewaySettings:
    return SETTINGS
