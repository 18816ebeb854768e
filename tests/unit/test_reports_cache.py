"""What reports say of the cache: what hits avoided, by which tier, and what audits of them cost."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from typing import Any

import pytest

from metering.event import UNPRICED, WAS_UNPRICED, Event
from metering.house import CACHE_AUDIT, CACHE_JUDGE, HOUSE_TENANT
from metering.ledger_url import open_ledger, open_reader
from metering.outcome import Outcome
from metering.render import render_text
from metering.reports import ReportQuery, UsageReport, usage_report
from tests.fakes.events import make_event

Report = Callable[..., UsageReport]


@pytest.fixture(params=["tail", "rolled up"])
def report(request: pytest.FixtureRequest, ledger_url: str) -> Report:
    """Of rows that no rollup has yet, and that all rollups have: the same reports."""

    def over(events: Sequence[Event], *group_by: str, **query: Any) -> UsageReport:
        with closing(open_ledger(ledger_url)) as ledger:
            ledger.append(events)
            if request.param != "tail":
                ledger.roll_up()
        return usage_report(open_reader(ledger_url), ReportQuery(group_by or ("tenant",), **query))

    return over


def hit(number: int, **changes: Any) -> Event:
    fields = {
        "outcome": Outcome.CACHED,
        "attempt": 0,
        "cost_nanos": 0,
        "list_nanos": 0,
        "cache_status": "exact",
    }
    return make_event(number, **{**fields, **changes})


def test_a_hit_saves_what_buying_its_answer_again_would_have_cost(report: Report) -> None:
    """And routing would have saved the rest of its baseline, or lost it."""
    events = [
        hit(1, avoided_nanos=1200, baseline_nanos=9000),
        hit(2, avoided_nanos=9500, baseline_nanos=9000),
        hit(3, avoided_nanos=0, baseline_nanos=0),
        hit(4, route="", avoided_nanos=70, baseline_nanos=70),
        hit(5, baseline_nanos=5000),
    ]
    sums = report(events).totals
    assert sums.saved_by_cache_nanos == 1200 + 9500 + 70 + 5000
    assert sums.saved_by_route_nanos == 7800 - 500
    assert sums.baseline_nanos == (sums.saved_by_cache_nanos or 0) + (sums.saved_by_route_nanos or 0)


def test_a_hit_that_nobody_can_price_claims_no_saving(report: Report) -> None:
    unpriced = hit(1, price_version=UNPRICED, tenant="a", baseline_nanos=9000)
    told = report([unpriced, hit(2, tenant="b", avoided_nanos=10, baseline_nanos=None)])
    first, second = (row.sums for row in told.rows)
    assert (first.saved_by_cache_nanos, first.saved_by_route_nanos, first.baseline_nanos) == (
        None,
        None,
        9000,
    )
    assert (second.saved_by_cache_nanos, second.saved_by_route_nanos) == (10, None)
    assert (told.totals.hits, told.totals.unpriced_hits, second.unpriced_hits) == (2, 1, 0)


def test_a_hit_that_gets_its_price_later_is_unpriced_no_more(report: Report) -> None:
    unpriced = hit(1, price_version=UNPRICED, baseline_nanos=9000, kind="hit")
    priced = hit(
        2, avoided_nanos=1000, baseline_nanos=0, kind="correction", corrects=unpriced.id, error=WAS_UNPRICED
    )
    sums = report([unpriced, priced]).totals
    assert (sums.hits, sums.unpriced_hits, sums.saved_by_cache_nanos) == (1, 0, 1000)


def test_corrections_of_hits_move_what_the_cache_saved_and_what_routing_did(report: Report) -> None:
    kept = hit(1, avoided_nanos=1000, baseline_nanos=9000, kind="hit")
    cheaper = hit(2, avoided_nanos=-300, baseline_nanos=-1000, kind="correction", corrects=kept.id)
    old = hit(3, baseline_nanos=50, kind="hit")
    dearer = hit(4, baseline_nanos=5, kind="correction", corrects=old.id)
    sums = report([kept, cheaper, old, dearer]).totals
    assert (sums.hits, sums.saved_by_cache_nanos, sums.saved_by_route_nanos) == (2, 700 + 55, 7300)


def test_the_cache_status_of_a_hit_is_the_tier_that_found_it(report: Report) -> None:
    events = [
        make_event(1),
        hit(2, reason="cache:exact"),
        hit(3, reason="cache:semantic", cache_status="hit"),
        hit(4, reason="cache:canonical"),
    ]
    told = report(events, "cache_status")
    assert [(row.group[0], row.sums.hits) for row in told.rows] == [
        ("canonical", 1),
        ("exact", 1),
        ("miss", 0),
        ("semantic", 1),
    ]
    assert report(events, "tenant", where={"cache_status": "semantic"}).totals.hits == 1


def test_audits_of_the_cache_are_a_part_of_the_cost(report: Report) -> None:
    house = {"tenant": HOUSE_TENANT, "project": "auto", "route": ""}
    events = [
        make_event(1, cost_nanos=5),
        make_event(2, **house, key=CACHE_AUDIT, cost_nanos=70),
        make_event(3, **house, key=CACHE_JUDGE, cost_nanos=11),
        make_event(4, **house, key="shadow", cost_nanos=400),
        make_event(5, key=CACHE_AUDIT, cost_nanos=9),
    ]
    told = report(events, "tenant")
    assert [(row.group[0], row.sums.cache_audit_nanos) for row in told.rows] == [
        ("acme", None),
        (HOUSE_TENANT, 81),
    ]
    assert (told.totals.cost_nanos, told.totals.cache_audit_nanos) == (495, 81)
    assert "cache audits" in render_text(told)
