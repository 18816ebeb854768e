"""Labels for a gain model, out of comparisons and feedback in either ledger."""

from __future__ import annotations

import pytest

from metering.ledger_url import open_ledger, open_reader
from metering.quality.labelled import LabelledReading, labelled_readings
from metering.quality.ledger import QualityLedger
from metering.quality.rows import FeedbackRow, VerdictRow
from tests.fakes.verdicts import verdict


def said(request: int, score: float, key: str = "web", tenant: str = "acme") -> FeedbackRow:
    return FeedbackRow(tenant, key, f"req_{request}", 5, score, "")


@pytest.mark.parametrize("page_rows", [1, 2, 100])
def test_what_came_to_something_is_read_once_in_order(ledger_url: str, page_rows: int) -> None:
    rows = [
        verdict(1),
        verdict(2, reading=None),
        verdict(3, small_good=None, large_good=None, verdict="unknown"),
        verdict(4, route="other"),
        verdict(5, served="large", small_good=1.0),
        verdict(6, at_us=1_000),
    ]
    _fill(ledger_url, rows, [])
    pages = labelled_readings(open_reader(ledger_url), "auto", until_us=1_000, page_rows=page_rows)
    assert [each for page in pages for each in page] == [
        LabelledReading(b"\x00\x011", 0.0, 1.0),
        LabelledReading(b"\x00\x015", 1.0, 1.0),
    ]


def test_what_clients_said_counts_for_the_answer_that_they_were_served(ledger_url: str) -> None:
    rows = [verdict(1, small_good=1.0), verdict(2, served="large"), verdict(3)]
    feedback = [said(1, 0.0), said(1, 0.5, key="app"), said(2, 0.5), said(3, 1.0, tenant="somebody else")]
    _fill(ledger_url, rows, feedback)
    (page,) = labelled_readings(open_reader(ledger_url), "auto")
    assert [(each.small_good, each.large_good) for each in page] == [(0.625, 1.0), (0.0, 0.75), (0.0, 1.0)]


def _fill(url: str, verdicts: list[VerdictRow], feedback: list[FeedbackRow]) -> None:
    open_ledger(url).close()
    quality = QualityLedger(url)
    for row in verdicts:
        quality.write_verdict(row)
    for word in feedback:
        quality.write_feedback(word)
