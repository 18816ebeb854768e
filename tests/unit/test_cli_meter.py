"""`weir reprice` and `weir journal`."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from gateway.cli import main
from metering.event import Event
from metering.event_query import query_events
from metering.journal import recover
from metering.journal.quarantine import keep_row
from metering.ledger_url import open_ledger, open_reader
from metering.rows import to_row
from metering.usage import Provenance, TokenUsage
from tests.fakes.events import NEW_YEAR_2026_US, make_event
from tests.fakes.journals import crash, interrupted, make_journal

DAY_US = 86_400_000_000
MILLION = TokenUsage(1_000_000, provenance=Provenance.VENDOR)
DOLLAR = 10**9


class House:
    def __init__(self, folder: Path, ledger_url: str) -> None:
        self.folder, self.ledger_url = folder, ledger_url
        self.config = folder / "weir.yaml"
        self.rate("1")

    def rate(self, usd: str) -> None:
        self.config.write_text(
            f"""\
ledger: {self.ledger_url}
journal: {self.folder}/journal
backends:
  up: {{kind: openai, url: 'https://up.example/v1', api_key: '${{NOT_IN_THIS_SHELL}}', models: {{m: m}}}}
models: {{auto: {{tiers: [m]}}}}
rates: [{{model: m, input: {usd}, output: 2}}]
"""
        )

    def hold(self, *events: Event) -> None:
        with closing(open_ledger(self.ledger_url)) as ledger:
            ledger.append(events)

    def corrections(self) -> list[Event]:
        return [event for event in query_events(open_reader(self.ledger_url)) if event.kind == "correction"]


@pytest.fixture
def house(tmp_path: Path, ledger_url: str) -> House:
    return House(tmp_path, ledger_url)


def row(number: int, day: int = 0, **changes: object) -> Event:
    fields = {
        "backend": "up",
        "served_model": "m",
        "usage": MILLION,
        "started_us": NEW_YEAR_2026_US + day * DAY_US,
        **dict.fromkeys(("list_nanos", "cost_nanos", "baseline_nanos"), DOLLAR),
    }
    return make_event(number, **{**fields, **changes})


def weir(capsys: pytest.CaptureFixture[str], house: House, *arguments: str, code: int = 0) -> str:
    assert main([*arguments, "--config", str(house.config)]) == code
    return capsys.readouterr().out


def as_json(capsys: pytest.CaptureFixture[str], house: House, *arguments: str, code: int = 0) -> Any:
    return json.loads(weir(capsys, house, *arguments, "--json", code=code))


def test_reprice_says_what_changes_for_whom_and_then_writes_it_once(
    capsys: pytest.CaptureFixture[str], house: House
) -> None:
    house.hold(row(1), row(2, tenant="globex"))
    assert "2 rows looked at, 0 to correct" in weir(capsys, house, "reprice")
    house.rate("3")
    dry = weir(capsys, house, "reprice", "--dry-run")
    assert "globex  m         1             0        +2.00" in dry
    assert dry.endswith("Nothing was written: this was a dry run.\n")
    assert house.corrections() == []
    assert weir(capsys, house, "reprice").endswith("2 corrections written\n")
    assert [event.cost_nanos for event in house.corrections()] == [2 * DOLLAR, 2 * DOLLAR]
    assert weir(capsys, house, "reprice").endswith("0 corrections written\n")


def test_a_price_that_moves_far_takes_a_yes(capsys: pytest.CaptureFixture[str], house: House) -> None:
    house.hold(row(1))
    house.rate("10.5")
    assert main(["reprice", "--config", str(house.config)]) == 1
    told = capsys.readouterr()
    assert "by a factor of 10.5" in told.out
    assert "only with --yes" in told.err
    assert as_json(capsys, house, "reprice", code=1)["written"] is None
    assert house.corrections() == []
    assert as_json(capsys, house, "reprice", "--dry-run")["needs_yes"] is True
    done = as_json(capsys, house, "reprice", "--yes")
    assert (done["written"], done["changes"][0]["cost_nanos"]) == (1, 9_500_000_000)


def test_reprice_keeps_to_its_days_and_to_tokens(capsys: pytest.CaptureFixture[str], house: House) -> None:
    house.hold(
        row(1, day=0),
        row(2, day=1),
        row(3, day=2),
        row(4, day=1, price_version="gpu:up:undated:0a1b2c3d"),
        row(5, day=1, served_model="gone"),
    )
    house.rate("2")
    done = as_json(capsys, house, "reprice", "--from", "2026-01-02", "--to", "2026-01-02")
    assert (done["looked_at"], done["written"]) == (3, 1)
    assert (done["paid_by_gpu_time"], done["unpriced"]) == (1, {"gone": 1})
    assert [event.corrects for event in house.corrections()] == [row(2).id]
    assert main(["reprice", "--from", "2026-01-02", "--to", "2026-01-01", "--config", str(house.config)]) == 1
    assert "ends before it starts" in capsys.readouterr().err


def test_reprice_without_a_ledger_says_so(capsys: pytest.CaptureFixture[str], house: House) -> None:
    assert main(["reprice", "--config", str(house.config)]) == 1
    assert "there is no ledger at" in capsys.readouterr().err


def test_the_journal_is_shown(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    house = House(tmp_path, f"sqlite:///{tmp_path}/weir.db")
    assert main(["journal", "--config", str(house.config)]) == 1
    assert "there is no journal" in capsys.readouterr().err
    journal = make_journal(tmp_path / "journal")
    journal.open("a", ["what"])
    journal.open("b", ["what"])
    journal.close("b", to_row(row(1)))
    shown = weir(capsys, house, "journal").splitlines()
    assert shown[2].split() == [
        *("PROCESS", "STATE", "SEGMENTS", "MB", "UNDER", "WAY", "NOT", "SHIPPED", "DAMAGES"),
    ]
    assert shown[3].split() == [journal.process, "running", "2", "0.0", "1", "1", "0"]
    crash(journal)
    keep_row(tmp_path / "journal", journal.process, to_row(row(2)), "for a test")
    gone = weir(capsys, house, "journal")
    assert f"{journal.process}  gone" in gone
    assert "quarantine: " in gone
    found = as_json(capsys, house, "journal")
    assert found["folder"] == f"{tmp_path}/journal"
    assert found["found"][0]["rows_not_shipped"] == 1
    for recovered in recover(tmp_path / "journal", interrupted):
        recovered.release()
