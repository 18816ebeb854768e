"""Repricing rows that lie in a ledger, on both databases."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from decimal import Decimal

import pytest

from metering.book_charges import BookCharges
from metering.catalogue import EmptyCatalogue
from metering.event import Event
from metering.event_pages import Period
from metering.event_query import query_events
from metering.ledger_url import open_ledger, open_reader
from metering.outcome import Outcome
from metering.prices import PriceBook, PricedModel, Rate
from metering.reports import ReportQuery, UsageSums, usage_report
from metering.reprice import ClosedPeriod, apply
from metering.reprice_ledger import LedgerBooks, plans
from metering.reprice_summary import summary
from metering.terms import Terms
from metering.usage import Provenance, TokenUsage
from tests.fakes.events import NEW_YEAR_2026_US, make_event

SECOND_US = 1_000_000
THOUSAND = TokenUsage(1000, provenance=Provenance.VENDOR)
ALL = Period()
NANOS_AT_ONE_USD = 1_000_000
"""Of THOUSAND tokens at one USD per million."""


def book(usd: str) -> BookCharges:
    prices = PriceBook([Rate("qwen3-8b", None, Decimal(usd), Decimal(usd))], EmptyCatalogue(), "flag")
    served = {("qwen3-8b", "gpu1"): PricedModel("qwen3-8b", "gpu1", None, "q")}
    return BookCharges(prices, Terms(), served, lambda route, model, backend: (model, backend))


def row(number: int, cost: int | None = NANOS_AT_ONE_USD, **changes: object) -> Event:
    at_us = NEW_YEAR_2026_US + number // 3 * SECOND_US  # three of each moment: pages part them
    money = {"list_nanos": cost, "cost_nanos": cost, "baseline_nanos": cost}
    return make_event(number, **{"usage": THOUSAND, "started_us": at_us, **money, **changes})


def reprice(url: str, usd: str, period: Period = ALL, page_rows: int = 4) -> int:
    with closing(open_ledger(url)) as ledger:
        books = LedgerBooks(ledger)
        found = plans(open_reader(url), book(usd), period, page_rows)
        return sum(apply(plan, books, yes=True) for plan in found)


def totals(url: str, *group_by: str) -> Sequence[tuple[tuple[str, ...], UsageSums]]:
    report = usage_report(open_reader(url), ReportQuery(group_by or ("tenant",)))
    return [(each.group, each.sums) for each in report.rows]


def test_sums_of_money_become_what_the_new_prices_say_and_tokens_stay(ledger_url: str) -> None:
    made = [row(number, tenant="ab"[number % 2]) for number in range(20)]
    made += [row(20, None, tenant="a"), row(21, tenant="a", usage=None, cost=None)]
    with closing(open_ledger(ledger_url)) as ledger:
        ledger.append(made)
        ledger.roll_up()
    told = summary(*plans(open_reader(ledger_url), book("2"), ALL, 4))
    assert (told.looked_at, told.corrections) == (21, 21)
    assert reprice(ledger_url, "2") == 21
    assert reprice(ledger_url, "2") == 0
    a, b = totals(ledger_url)
    assert [each.cost_nanos for _, each in (a, b)] == [11 * 2 * NANOS_AT_ONE_USD, 10 * 2 * NANOS_AT_ONE_USD]
    assert [each.input_uncached_tokens for _, each in (a, b)] == [11_000, 10_000]
    assert [each.attempts for _, each in (a, b)] == [12, 10]
    assert (a[1].unknown_cost_events, a[1].corrections) == (1, 11)
    assert reprice(ledger_url, "1") == 21
    assert totals(ledger_url)[1][1].cost_nanos == 10 * NANOS_AT_ONE_USD


def test_only_the_period_is_priced_again(ledger_url: str) -> None:
    with closing(open_ledger(ledger_url)) as ledger:
        ledger.append([row(number) for number in range(9)])
    second = NEW_YEAR_2026_US + SECOND_US
    assert reprice(ledger_url, "3", Period(second, second + 1)) == 3
    assert reprice(ledger_url, "3", Period(second, second + SECOND_US)) == 0
    corrected = {e.started_us for e in query_events(open_reader(ledger_url)) if e.kind == "correction"}
    assert corrected == {second}


def test_a_correction_falls_into_the_groups_of_its_row(ledger_url: str) -> None:
    kept = row(2, 0, attempt=0, outcome=Outcome.CACHED, kind="hit", baseline_nanos=NANOS_AT_ONE_USD)
    with closing(open_ledger(ledger_url)) as ledger:
        ledger.append([row(1, gpu_ns=50, gpu_nanos=5), kept, row(3)])
    assert reprice(ledger_url, "2") == 3
    groups = dict(totals(ledger_url, "category"))
    assert {name: sums.cost_nanos for (name,), sums in groups.items()} == {
        "cache": 0,
        "gpu": 2 * NANOS_AT_ONE_USD,
        "vendor": 2 * NANOS_AT_ONE_USD,
    }
    assert groups["gpu",].provisional_gpu_ns == 50
    assert groups["cache",].saved_by_cache_nanos == 2 * NANOS_AT_ONE_USD


def test_a_closed_period_is_refused_before_anything_is_written(ledger_url: str) -> None:
    with closing(open_ledger(ledger_url)) as ledger:
        ledger.append([row(number) for number in range(9)])
        books = LedgerBooks(ledger, closed_until_us=NEW_YEAR_2026_US + 1)
        first = next(plans(open_reader(ledger_url), book("2"), ALL, 4))
        with pytest.raises(ClosedPeriod):
            apply(first, books)
        assert len(query_events(open_reader(ledger_url))) == 9
