"""An export of what a real gateway metered: every kind of charge, adding up, and in order by our own checks.
`make focus` holds the same files against the published validators."""

from __future__ import annotations

import csv
from pathlib import Path

from metering.reports import ReportQuery, usage_report
from tests.focus.exports import billed, close_month, write_all
from tests.focus.traffic import real_traffic

KINDS = {"usage", "gpu", "idle", "correction", "credit", "adjustment", "late", "reconciliation", "split"}
KINDS |= {"storage"}
METERS = {
    "Input Tokens",
    "Cached Input Tokens",
    "Output Tokens",
    "Reasoning Tokens",
    "GPU Time",
    "Idle GPU Time",
}


async def test_an_export_of_real_traffic(tmp_path: Path) -> None:
    scene = await real_traffic(tmp_path)
    files = write_all(scene, tmp_path / "open")
    assert [verdict for verdict in files.checked if not verdict.passed] == []
    with files.csv_1_2.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["x_LedgerKind"] for row in rows} == KINDS
    assert {row["SkuMeter"] for row in rows} >= METERS
    of_1_4 = files.of_1_4["cost-and-usage"]
    assert billed(files.csv_1_2) == billed(of_1_4)

    report = usage_report(scene.reader, ReportQuery(("category",)))
    on_top = sum(row.sums.gpu_nanos or 0 for row in report.rows if row.group[0] in {"idle", "overhead"})
    entries = scene.reader.read(("SELECT coalesce(sum(amount_nanos), 0) FROM book_entries", ()))[0][0][0]
    expected_nanos = (report.totals.cost_nanos or 0) + on_top + int(entries or 0)
    assert sum(billed(of_1_4).values()) * 1_000_000_000 == expected_nanos

    before = billed(of_1_4)
    close_month(scene)
    closed = write_all(scene, tmp_path / "closed")
    assert [verdict for verdict in closed.checked if not verdict.passed] == []
    assert billed(closed.of_1_4["cost-and-usage"]) == before
