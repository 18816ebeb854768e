"""/admin/reports/usage: labels and local days."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from metering.sqlite_ledger import SqliteLedger
from tests.unit.test_admin import ACME, FINANCE, House, event


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def test_labels_are_grouped_and_filtered_by(house: House, tmp_path: Path) -> None:
    ledger = SqliteLedger(tmp_path / "weir.db")
    ledger.append([replace(event("acme", 4), tags='{"task":"a","team":"red"}')])
    ledger.append([replace(event("globex", 5), tags='{"team":"red"}')])
    ledger.close()

    def groups(key: str, **asked: Any) -> list[tuple[str, str]]:
        params = {"group_by": "tenant,tag:team", **asked}
        rows = house.client(key).get("/admin/reports/usage", params=params).json()["data"]
        return [(row["tenant"], row["tag:team"]) for row in rows]

    assert groups(FINANCE) == [("acme", ""), ("acme", "red"), ("globex", ""), ("globex", "red")]
    assert groups(FINANCE, tag="team=red") == [("acme", "red"), ("globex", "red")]
    assert groups(FINANCE, tag=["team=red", "task=a"]) == groups(ACME, tag="team=red") == [("acme", "red")]
    assert groups(FINANCE, tag="team=") == [("acme", ""), ("globex", "")]


def test_days_and_months_are_those_of_the_time_zone(house: House) -> None:
    asked = {"group_by": "day,month", "time_zone": "America/New_York", "to": "2026-01-01"}
    rows = house.client(FINANCE).get("/admin/reports/usage", params=asked).json()["data"]
    assert [(row["day"], row["month"], row["requests"]) for row in rows] == [("2026-01-01", "2026-01", 3)]
