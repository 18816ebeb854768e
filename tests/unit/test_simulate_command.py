"""`weir simulate` on a ledger: what it prints and counts, for which period, and what it refuses."""

from __future__ import annotations

import json
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gateway.cli import main
from gateway.commands.simulate import _Progress
from gateway.gain_models import gain_model
from gateway.replay.replay import Replay
from metering.event import Routing
from metering.ledger_url import open_ledger, open_reader
from metering.reports import ReportQuery, usage_report
from tests.fakes.events import NEW_YEAR_2026_US, make_event
from tests.fakes.replays import cost_of, decider, replay, routed

CONFIG = """\
ledger: {ledger}
backends:
  b: {{kind: openai, url: 'http://127.0.0.1:1/v1', models: {{small: s, large: l}}}}
models: {{auto: {{tiers: [small, large], policy: {policy}}}}}
rates: [{{model: small, input: 1, output: 2}}, {{model: large, input: 10, output: 20}}]
{more}
"""
LEGAL_LARGE = "rules: [{when: {tenant: legal}, use: large}]\ntenants: {legal: {}}"
NOW_US = int(datetime.now(UTC).timestamp() * 1e6)


class House:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.url = f"sqlite:///{folder / 'weir.db'}"
        self.present = self.write("weir.yaml", "balanced")
        self.model = gain_model(None)
        self.bound = self.model.threshold(0.3)

    def write(self, name: str, policy: str, more: str = "") -> str:
        path = self.folder / name
        path.write_text(CONFIG.format(ledger=self.url, policy=policy, more=more))
        return str(path)

    def fill(self, first_us: int, count: int = 40) -> None:
        """As the balanced policy routed them; tenants take turns."""
        rows = []
        for number in range(count):
            gain = number / count / 2
            model = "large" if gain >= self.bound else "small"
            routing = Routing(round(gain * 1e6), None, 0, self.model.version, 100, "")
            row = make_event(
                number,
                started_us=first_us + number,
                served_model=model,
                backend="b",
                tenant=("acme", "legal")[number % 2],
                routing=routing,
            )
            row.cost_nanos = cost_of(row, model)
            rows.append(row)
        with closing(open_ledger(self.url)) as ledger:
            ledger.append(rows)

    def simulate(self, policy: str, *more: str) -> int:
        return main(["simulate", "--policy", policy, "--from-ledger", "--config", self.present, *more])


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def told(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_the_same_file_changes_nothing_and_agrees_with_the_report(
    house: House, capsys: pytest.CaptureFixture[str]
) -> None:
    house.fill(NOW_US)
    assert house.simulate(house.present, "--json") == 0
    found = told(capsys)
    assert (found["repeated"], found["comparable"]) == (40, 40)
    assert found["totals"]["change_nanos"] == 0
    total = usage_report(open_reader(house.url), ReportQuery(("tenant",))).totals
    assert found["totals"]["before_nanos"] == total.cost_nanos


def test_another_policy_says_what_it_would_have_cost_and_for_whom(
    house: House, capsys: pytest.CaptureFixture[str]
) -> None:
    house.fill(NOW_US)
    new = house.write("new.yaml", "{large_share: 0.0}", LEGAL_LARGE)
    assert house.simulate(new) == 0
    words = capsys.readouterr().out
    assert "40 rows from" in words
    assert "Affected tenants: 2" in words
    assert "The present file, replayed in the same way, repeats 100.0% of what was chosen." in words
    assert house.simulate(new, "--json") == 0
    found = told(capsys)
    by_tenant = {row["tenant"]: row for row in found["tenants"]}
    assert by_tenant["legal"]["large_after"] == 20
    assert by_tenant["acme"]["large_after"] == 0
    assert by_tenant["legal"]["change_nanos"] > 0 > by_tenant["acme"]["change_nanos"]


def test_budgets_of_the_new_file_are_followed(house: House, capsys: pytest.CaptureFixture[str]) -> None:
    house.fill(NOW_US)
    new = house.write("new.yaml", "economy", "tenants: {acme: {budgets: [{usd: 0.03, per: month}]}}")
    assert house.simulate(new, "--json") == 0
    budgets = told(capsys)["budgets"]
    assert [breach["whose"] for breach in budgets["before"]] == ["tenant acme"]
    assert budgets["before"][0]["rows_after"] > len(budgets["after"])


def test_a_month_and_the_last_days(house: House, capsys: pytest.CaptureFixture[str]) -> None:
    house.fill(NEW_YEAR_2026_US)
    assert house.simulate(house.present, "--json") == 0
    assert told(capsys)["totals"]["rows"] == 0
    assert house.simulate(house.present, "--month", "2026-01", "--json") == 0
    assert told(capsys)["totals"]["rows"] == 40
    assert house.simulate(house.present, "--month", "2025-12") == 0
    assert capsys.readouterr().out == "No traffic in this period.\n"


def test_what_asks_for_texts_is_said_and_left_out(house: House, capsys: pytest.CaptureFixture[str]) -> None:
    house.fill(NOW_US)
    new = house.write("new.yaml", "balanced", "rules: [{when: {matches: secret}, use: large}]")
    assert house.simulate(new) == 0
    assert "Rule 1 asks for matches." in capsys.readouterr().out


@pytest.mark.parametrize("wrong", [["--days", "0"], ["--month", "2026-13"], ["--month", "May"]])
def test_a_wrong_period_is_a_wrong_command_line(
    house: House, wrong: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as left:
        house.simulate(house.present, *wrong)
    assert left.value.code == 2
    assert "is not a" in capsys.readouterr().err


def test_a_file_with_mistakes_is_told(house: House, capsys: pytest.CaptureFixture[str]) -> None:
    assert house.simulate(house.write("new.yaml", "cheap")) == 1
    assert "the configuration has mistakes" in capsys.readouterr().err


def test_progress_is_one_line_now_and_then(capsys: pytest.CaptureFixture[str]) -> None:
    now = [0.0]
    progress, found = _Progress(True, lambda: now[0]), replay(decider(0.3), decider(0.3))
    _tell(progress, found)
    assert capsys.readouterr().err == ""
    now[0] = 3.0
    _tell(progress, found)
    progress.end()
    assert capsys.readouterr().err == "\r2 rows, up to 2026-01-01\r\x1b[K"


def _tell(progress: _Progress, found: Replay) -> None:
    found.take([routed(1, 0.5, "small")])
    progress.tell(found)
