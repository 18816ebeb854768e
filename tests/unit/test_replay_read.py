"""Recorded traffic read from either ledger: every row once, in order, with its corrections."""

from __future__ import annotations

from contextlib import closing
from fractions import Fraction

import pytest

from metering.correction import Amounts, correction_of
from metering.event_pages import Period
from metering.ledger_url import open_ledger, open_reader
from metering.replay_read import gpu_rates_seen, recorded
from metering.reports import ReportQuery, usage_report
from metering.usage import TokenUsage
from tests.fakes.events import NEW_YEAR_2026_US, make_event


@pytest.mark.parametrize("page_rows", [1, 3, 100])
def test_every_row_once_in_order_and_in_all_what_the_ledger_says(ledger_url: str, page_rows: int) -> None:
    events = [make_event(n, started_us=NEW_YEAR_2026_US + n // 2, cost_nanos=100 + n) for n in range(9)]
    fixes = [
        correction_of(events[n], id=f"01KAQ{n:020d}X", price_version="v", difference=Amounts(None, add, None))
        for n, add in ((2, -50), (5, 7))
    ]
    with closing(open_ledger(ledger_url)) as ledger:
        ledger.append([*reversed(events), *fixes])
    reader = open_reader(ledger_url)
    rows = [row for page in recorded(reader, Period(), page_rows) for row in page]
    assert [row.event.id for row in rows] == [event.id for event in events]
    assert rows[2].cost_nanos == 52
    total = usage_report(reader, ReportQuery(("tenant",))).totals.cost_nanos
    assert sum(row.cost_nanos or 0 for row in rows) == total
    part = Period(NEW_YEAR_2026_US + 1, NEW_YEAR_2026_US + 3)
    assert [row.event.id for page in recorded(reader, part, 2) for row in page] == [
        event.id for event in events[2:6]
    ]


def test_what_a_token_cost_in_gpu_time(ledger_url: str) -> None:
    usage = TokenUsage(30, 0, 0, 10)
    paid = {"price_version": "gpu:gpu1:undated:1", "gpu_ns": 5, "usage": usage}
    rows = [
        make_event(1, list_nanos=400, **paid),
        make_event(2, list_nanos=200, **paid),
        make_event(3, list_nanos=999),
    ]
    with closing(open_ledger(ledger_url)) as ledger:
        ledger.append(rows)
    assert gpu_rates_seen(open_reader(ledger_url), Period()) == {("qwen3-8b", "gpu1"): Fraction(600, 80)}
