"""The cache's report: hits by tier, what they saved, what audits and storage took of it."""

from __future__ import annotations

import itertools
import json
from contextlib import closing
from typing import Any

import pytest

from metering.cache_render import json_document, render_json, render_text, report_of
from metering.cache_report import CacheQuery, CacheReport, StorageSums, cache_report
from metering.event import UNPRICED, Event
from metering.house import CACHE_AUDIT, CACHE_JUDGE, HOUSE_TENANT
from metering.ledger_url import open_ledger, open_reader
from metering.outcome import Outcome
from metering.periods import ReportError
from metering.storage_price import StorageCharge
from metering.store.names import US_PER_HOUR
from tests.fakes.events import NEW_YEAR_2026_US, make_event
from tests.fakes.stored import GB_HOUR, stored

CENT = 10**7
_numbers = itertools.count(1)


def hit(tier: str, avoided: int | None, **changes: Any) -> Event:
    typical = {
        "outcome": Outcome.CACHED,
        "kind": "hit",
        "attempt": 0,
        "list_nanos": 0,
        "cost_nanos": 0,
        "reason": f"cache:{tier}",
        "cache_status": tier,
        "avoided_nanos": avoided,
        "price_version": UNPRICED if avoided is None else "rates:x",
    }
    return make_event(next(_numbers), **{**typical, **changes})


def audit(key: str, cost: int | None, route: str = "auto") -> Event:
    house = {"tenant": HOUSE_TENANT, "project": route, "route": "", "requested_model": "small"}
    return make_event(next(_numbers), **house, key=key, cost_nanos=cost, cache_status="bypass")


def bought(**changes: Any) -> Event:
    return make_event(next(_numbers), **changes)


def told(url: str, *rows: Event, storage: tuple[StorageCharge, ...] = (), **query: int) -> CacheReport:
    with closing(open_ledger(url)) as ledger:
        ledger.append(rows)
        ledger.write_storage(storage)
    return cache_report(open_reader(url), CacheQuery(**query))


def test_what_was_saved_stands_against_what_it_cost(ledger_url: str) -> None:
    report = told(
        ledger_url,
        *(hit("exact", 3 * CENT), hit("exact", 2 * CENT), hit("semantic", CENT), bought(), bought()),
        hit("canonical", 4 * CENT, requested_model="large", route=""),
        *(audit(CACHE_AUDIT, CENT), audit(CACHE_JUDGE, CENT // 2), audit("shadow", 90 * CENT)),
        bought(key=CACHE_AUDIT, cache_status="bypass"),
        storage=(stored(1), stored(2, tenant="globex", usd_per_gb_month=None)),
    )
    auto, large = report.lines
    assert (auto.route, auto.hits, auto.misses) == ("auto", {"exact": 2, "semantic": 1}, 2)
    assert (auto.saved_nanos, auto.audit_nanos, auto.net_nanos) == (6 * CENT, 3 * CENT // 2, 9 * CENT // 2)
    assert (large.route, large.hits, large.audit_nanos, large.net_nanos) == (
        "large",
        {"canonical": 1},
        0,
        4 * CENT,
    )
    assert report.storage == StorageSums(2 * GB_HOUR, GB_HOUR, 10**6)
    assert report.total.hits == {"exact": 2, "semantic": 1, "canonical": 1}
    assert report.net_nanos == sum(line.net_nanos or 0 for line in report.lines) - 10**6


def test_nothing_was_asked(ledger_url: str) -> None:
    report = told(ledger_url)
    assert (report.lines, report.storage, report.net_nanos) == ((), StorageSums(0, 0, 0), 0)
    assert render_text(report) == "The cache was not asked in this period.\n"


def test_what_is_not_known_is_not_nothing(ledger_url: str) -> None:
    report = told(
        ledger_url,
        *(hit("exact", None), bought(requested_model="large"), audit(CACHE_AUDIT, None, "large")),
    )
    auto, large = report.lines
    assert (auto.saved_nanos, auto.unpriced_hits, auto.audit_nanos, auto.net_nanos) == (None, 1, 0, None)
    assert (large.saved_nanos, large.audit_nanos, large.unpriced_audits, large.net_nanos) == (
        0,
        None,
        1,
        None,
    )
    assert (report.total.saved_nanos, report.total.audit_nanos, report.net_nanos) == (None, None, None)
    text = render_text(report)
    assert "1 hits have no known price" in text
    assert "1 calls of audits have no known price" in text
    assert json_document(report)["totals"]["net_usd"] is None


def test_a_part_that_is_known_is_told_with_what_is_missing(ledger_url: str) -> None:
    report = told(
        ledger_url, hit("exact", None), hit("exact", 7), audit(CACHE_AUDIT, 2), audit(CACHE_JUDGE, None)
    )
    total = report.total
    assert (total.saved_nanos, total.unpriced_hits, total.audit_nanos, total.unpriced_audits) == (7, 1, 2, 1)
    assert report.net_nanos == 5


def test_a_period_is_chosen_by_when_a_request_began(ledger_url: str) -> None:
    next_hour = NEW_YEAR_2026_US + US_PER_HOUR
    rows = hit("exact", 5), hit("exact", 3, started_us=next_hour)
    report = told(ledger_url, *rows, storage=(stored(1), stored(2, at_us=next_hour)), from_us=next_hour + 0)
    assert (report.total.saved_nanos, report.storage.byte_seconds) == (3, GB_HOUR)
    with pytest.raises(ReportError, match="from: the period ends before it starts"):
        CacheQuery(2, 2)


def test_the_table_adds_up_down_and_across(ledger_url: str) -> None:
    rows = [hit("exact", 33_333_333_3, requested_model=f"route{number}") for number in range(3)]
    audits = [audit(CACHE_AUDIT, 1_111_111, f"route{number}") for number in range(3)]
    report = told(ledger_url, *rows, *audits, storage=(stored(1),))
    lines = [line.split() for line in render_text(report).splitlines() if not line.startswith("-")]
    titles, *routes, storage, total, note = lines
    assert titles[:5] == ["route", "exact", "canonical", "semantic", "misses"]
    assert (storage[0], total[0], note) == ("storage", "total", ["Storage:", "1.000", "GB", "h."])
    for column in range(-4, 0):
        parts = sum(float(line[column]) for line in (*routes, storage))
        assert round(parts, 9) == float(total[column])
    for line in (*routes, storage, total):
        saved, audited, occupied, net = map(float, line[-4:])
        assert round(saved - audited - occupied, 9) == net


def test_storage_without_a_price_says_so(ledger_url: str) -> None:
    text = render_text(told(ledger_url, storage=(stored(1, usd_per_gb_month=None), stored(2))))
    assert (
        "Storage: 2.000 GB h, 1.000 of them without a price (cache.usd_per_gb_month): only metered." in text
    )


def test_json_is_read_back_for_the_table(ledger_url: str) -> None:
    rows = hit("semantic", 1_234_567), hit("exact", None), audit(CACHE_AUDIT, None), audit(CACHE_JUDGE, 3)
    report = told(ledger_url, *rows, storage=(stored(1),))
    assert report_of(json.loads(render_json(report))) == report


def test_json_has_money_exactly_and_twice(ledger_url: str) -> None:
    report = told(ledger_url, hit("exact", 1_234_567), audit(CACHE_AUDIT, 34_567), storage=(stored(1),))
    document = json.loads(render_json(report))
    (line,) = document["data"]
    assert (line["route"], line["hits"], line["misses"]) == ("auto", {"exact": 1}, 0)
    assert (line["saved_by_cache_nanos"], line["saved_by_cache_usd"]) == (1_234_567, "0.001234567")
    assert (line["audit_nanos"], line["net_nanos"]) == (34_567, 1_200_000)
    assert document["storage"] == {
        "byte_seconds": GB_HOUR,
        "unpriced_byte_seconds": 0,
        "cost_nanos": 1_000_000,
        "cost_usd": "0.001",
    }
    totals = document["totals"]
    assert (totals["net_nanos"], totals["net_usd"], totals["storage_usd"]) == (200_000, "0.0002", "0.001")
