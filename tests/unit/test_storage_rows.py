"""What kept answers occupied, in the ledger: once each, a category of its own, in every report's whole."""

from __future__ import annotations

import csv
import threading
from contextlib import closing
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from metering.focus.check import check_file
from metering.focus.columns import columns
from metering.focus.datasets import cost_and_usage
from metering.focus.export import export, months_of
from metering.focus.render import Issuer
from metering.focus.write import write_csv
from metering.ledger import EventRejected
from metering.ledger_url import open_ledger, open_reader
from metering.outcome import Outcome
from metering.render import render_text
from metering.reports import ReportQuery, UsageSums, usage_report
from metering.storage_price import SECONDS_PER_MONTH, StorageCharge, storage_nanos
from metering.store.names import US_PER_HOUR
from tests.fakes.books import JANUARY, Office, used
from tests.fakes.events import NEW_YEAR_2026_US, make_event
from tests.fakes.focus_prices import FixedPrices
from tests.fakes.stored import GB_HOUR, stored

MILLI = 10**6
"""A thousandth of a dollar, in nano-dollars."""
LAST_OF_JANUARY_US = NEW_YEAR_2026_US + 31 * 24 * US_PER_HOUR - 1


def write(url: str, *charges: StorageCharge) -> int:
    with closing(open_ledger(url)) as ledger:
        return ledger.write_storage(charges)


def sums(url: str, **query: object) -> UsageSums:
    return usage_report(open_reader(url), ReportQuery(("tenant",), **query)).totals  # type: ignore[arg-type]


@pytest.fixture
def file_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'weir.db'}"


def test_a_gigabyte_for_a_month_costs_its_price() -> None:
    assert storage_nanos(10**9 * SECONDS_PER_MONTH, Decimal("0.25")) == 250_000_000
    assert storage_nanos(10**9 * SECONDS_PER_MONTH, Decimal("0.25"), Decimal("1.2")) == 300_000_000
    assert SECONDS_PER_MONTH == 730 * 3600


def test_each_use_is_booked_once(ledger_url: str) -> None:
    first, second = stored(1), stored(2, tenant="globex", cost_center="", factor=Decimal("1.5"))
    assert write(ledger_url, first, first) == 1
    assert write(ledger_url, first, second) == 1
    assert write(ledger_url, second, first) == 0
    report = usage_report(open_reader(ledger_url), ReportQuery(("tenant", "cost_center", "category")))
    told = {
        row.group: (row.sums.storage_byte_seconds, row.sums.list_nanos, row.sums.cost_nanos)
        for row in report.rows
    }
    assert told == {
        ("acme", "CC-100", "cache storage"): (GB_HOUR, MILLI, MILLI),
        ("globex", "", "cache storage"): (GB_HOUR, MILLI, MILLI * 3 // 2),
    }
    assert (report.totals.requests, report.totals.attempts, report.totals.hits) == (0, 0, 0)


def test_without_a_price_bytes_are_metered_and_it_is_said(ledger_url: str) -> None:
    write(ledger_url, stored(1, usd_per_gb_month=None), stored(2, usd_per_gb_month=Decimal(0)))
    told = usage_report(open_reader(ledger_url), ReportQuery(("category",)))
    assert told.totals.cost_nanos == 0
    assert told.totals.unknown_cost_events == 0
    assert told.totals.storage_byte_seconds == 2 * GB_HOUR
    assert told.totals.unpriced_storage_byte_seconds == GB_HOUR
    assert "storage without a price" in render_text(told)


def test_the_fraction_of_a_nano_dollar_is_carried_to_the_next_row_of_the_month(ledger_url: str) -> None:
    """A third of a nano-dollar, 300 times, and as often a few in one go: 200, not 0 and not 600."""
    third = stored(0, byte_seconds=SECONDS_PER_MONTH // 3, usd_per_gb_month=Decimal(1))
    rows = [third._replace(id=f"sto_{number}") for number in range(300)]
    for start in range(0, 300, 60):
        write(ledger_url, *rows[start : start + 60])
    last = stored(1, byte_seconds=SECONDS_PER_MONTH * 100, usd_per_gb_month=Decimal(1))
    write(ledger_url, last)
    assert sums(ledger_url).cost_nanos == 200


def test_two_gateways_of_one_cache_book_each_use_once(ledger_url: str) -> None:
    """And the fractions that their rows leave are carried, whoever writes first."""
    open_ledger(ledger_url).close()
    third = SECONDS_PER_MONTH // 3
    uses = [stored(number, byte_seconds=third, usd_per_gb_month=Decimal(1)) for number in range(90)]
    new: list[int] = []
    ready = threading.Barrier(3)

    def book() -> None:
        with closing(open_ledger(ledger_url)) as ledger:
            ready.wait()
            new.extend(ledger.write_storage(uses[start : start + 9]) for start in range(0, 90, 9))

    threads = [threading.Thread(target=book) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sum(new) == 90
    assert len(new) == 30
    assert sums(ledger_url).cost_nanos == 30


def test_a_negative_use_is_refused_whole(ledger_url: str) -> None:
    with closing(open_ledger(ledger_url)) as ledger:
        with pytest.raises(EventRejected, match=r"sto_0+2: -1 byte-seconds"):
            ledger.write_storage([stored(1), stored(2, byte_seconds=-1)])
        assert ledger.write_storage([stored(1)]) == 1


def test_a_price_that_changes_holds_from_then_on(file_url: str) -> None:
    write(file_url, stored(1))
    write(file_url, stored(2, usd_per_gb_month=Decimal("1.46")))
    assert sums(file_url).cost_nanos == 3 * MILLI


@pytest.mark.parametrize("rebuilt", [False, True])
def test_parts_of_hours_and_sums_made_again_say_the_same(ledger_url: str, rebuilt: bool) -> None:
    minute = US_PER_HOUR // 60
    write(ledger_url, *(stored(n, at_us=NEW_YEAR_2026_US + n * 20 * minute) for n in range(9)))
    if rebuilt:
        with closing(open_ledger(ledger_url)) as ledger:
            ledger.rebuild_rollups()
    start = NEW_YEAR_2026_US + 30 * minute
    assert sums(ledger_url).cost_nanos == 9 * MILLI
    assert sums(ledger_url, from_us=start).storage_byte_seconds == 7 * GB_HOUR
    assert sums(ledger_url, from_us=start, until_us=start + 2 * US_PER_HOUR).cost_nanos == 6 * MILLI
    told = usage_report(open_reader(ledger_url), ReportQuery(("hour",)))
    assert [row.sums.cost_nanos for row in told.rows] == [3 * MILLI] * 3


def test_a_statement_holds_storage_as_a_line_of_its_own(ledger_url: str) -> None:
    office = Office(ledger_url)
    office.hold(used("acme", 5 * MILLI))
    write(ledger_url, stored(1), stored(2, usd_per_gb_month=None, tenant="free"))
    (statement,) = office.close(JANUARY)
    assert {line.category: line.amount_nanos for line in statement.lines} == {
        "vendor": 5 * MILLI,
        "cache storage": MILLI,
    }
    (line,) = (line for line in statement.lines if line.category == "cache storage")
    assert line.description == f"{GB_HOUR} byte-seconds"
    assert statement.holds
    late = stored(3, at_us=LAST_OF_JANUARY_US)
    write(ledger_url, late)
    (entry,) = office.keeper.take_up_late("books", write=False)
    assert (entry.kind, entry.category, entry.amount_nanos) == ("late", "cache storage", MILLI)


def test_focus_bills_storage_by_the_gigabyte_second(ledger_url: str, tmp_path: Path) -> None:
    write(
        ledger_url,
        *(stored(number, factor=Decimal("1.1"), byte_seconds=GB_HOUR + number) for number in range(5)),
        stored(7, tenant="free", usd_per_gb_month=None),
    )
    with closing(open_ledger(ledger_url)) as ledger:
        hit = {"outcome": Outcome.CACHED, "attempt": 0, "kind": "hit", "list_nanos": 0, "cost_nanos": 0}
        ledger.append([make_event(1, **hit, avoided_nanos=9)])
    january = months_of(date(2026, 1, 1), date(2026, 1, 31), "UTC")
    found = export(open_reader(ledger_url), FixedPrices(terms=Decimal("1.1")), january, 24 * US_PER_HOUR)
    assert found.billed_nanos == sums(ledger_url).cost_nanos
    rows = {row.tenant: row for row in found.rows if row.kind == "storage"}
    assert len(rows) == len(found.rows) == 2
    mine, free = rows["acme"].priced, rows["free"].priced
    assert mine is not None
    assert free is not None
    assert (mine.quantity, mine.unit) == (Decimal(5 * GB_HOUR + 10).scaleb(-9), "GB-Seconds")
    assert (rows["acme"].price_basis, rows["acme"].price_version) == ("rates", "storage:0.73")
    assert abs(mine.list_price * SECONDS_PER_MONTH - Decimal("0.73")) < Decimal("1e-11")
    assert (free.list_price, rows["free"].billed_nanos) == (0, 0)
    specs, file = columns("cost-and-usage", "1.4"), tmp_path / "focus.csv"
    with file.open("w", newline="") as out:
        write_csv(out, specs, cost_and_usage(found, Issuer("weir", "Weir"), "1.4"))
    assert check_file(file, "cost-and-usage", "1.4") == (2, [])
    with file.open() as lines:
        assert {line["SkuMeter"] for line in csv.DictReader(lines)} == {"Cache Storage"}
