"""`weir books`, from credits to workbooks."""

from __future__ import annotations

import csv
import io
import json
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from gateway.cli import main
from metering.books.periods import closed_periods
from metering.ledger_url import open_ledger, open_reader
from tests.fakes.books import CENT, DOLLAR, FEBRUARY, JANUARY, used
from tests.fakes.events import make_event
from tests.fakes.journals import make_journal, row_of


class Desk:
    """A house whose January 2026 is long over."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder, self._capsys = folder, capsys
        self.url = f"sqlite:///{folder}/weir.db"
        self.config = folder / "weir.yaml"
        self.config.write_text(
            f"""\
ledger: {self.url}
journal: {folder}/journal
backends: {{up: {{kind: openai, url: 'https://up.example/v1', models: {{m: m}}}}}}
rates: [{{model: m, input: 1, output: 2}}]
tenants: {{acme: {{cost_center: CC-7}}, beta: {{}}}}
"""
        )
        self.hold(
            used("acme", DOLLAR + 4), used("beta", CENT // 2 - 10, served_model="=m"), used("corp", None)
        )

    def hold(self, *events: Any) -> None:
        with closing(open_ledger(self.url)) as ledger:
            ledger.append(events)

    def weir(self, *arguments: str, code: int = 0) -> str:
        assert main([*arguments, "--config", str(self.config)]) == code
        told = self._capsys.readouterr()
        return told.err if code else told.out

    def books(self, *arguments: str, code: int = 0) -> str:
        return self.weir("books", *arguments, code=code)

    def as_json(self, *arguments: str) -> Any:
        return json.loads(self.books(*arguments, "--json"))


@pytest.fixture
def desk(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Desk:
    return Desk(tmp_path, capsys)


def test_closing_says_what_it_freezes_takes_a_yes_and_is_done_once(desk: Desk) -> None:
    assert "say --yes" in desk.books("close", JANUARY, code=1)
    assert closed_periods(open_reader(desk.url)) == []
    told = desk.books("close", JANUARY, "--yes")
    assert "2026-01: 2026-01-01T00:00:00Z to 2026-02-01T00:00:00Z (UTC)" in told
    assert "2026-01-0001  acme    1.00" in told
    assert "Rows of unknown cost, in no sum: 1." in told
    assert told.endswith("2026-01 is closed: 3 statements over 1.00 USD.\n")
    again = desk.books("close", JANUARY, "--yes")
    assert again.startswith("2026-01 was closed before")
    assert again.endswith("nothing was changed.\n")
    assert "2026-01  1.00  3" in desk.books("periods")
    (period,) = desk.as_json("periods")["data"]
    assert (period["total_nanos"], period["state"]) == (DOLLAR - 6 + CENT // 2, "closed")


def test_a_month_that_cannot_be_closed_says_why(desk: Desk) -> None:
    journal = make_journal(desk.folder / "journal")
    journal.hit(row_of("01" + "0" * 24))
    told = desk.books("close", "2026-03", "--yes", code=1)
    assert "2026-03 cannot be closed now:" in told
    assert "2026-01 is still open; close it first" in told
    assert "1 row wait in the journal" in told
    journal.stop()
    with pytest.raises(SystemExit):
        desk.books("close", "march")


def test_credits_and_adjustments_stand_on_statements(desk: Desk) -> None:
    told = desk.books("credit", "acme", "0.25", "--month", JANUARY, "--why", "outage")
    assert told.startswith("credit of -0.25 USD for acme in 2026-01: ")
    desk.books("adjust", "", "-1", "--month", JANUARY, "--why", "rounding", "--reference", "T-1")
    desk.books("adjust", "gone", "2", "--month", JANUARY, "--why", "old debt", "--cost-center", "CC-9")
    desk.books("close", JANUARY, "--yes")
    found = desk.as_json("statement", "2026-01-0001")
    assert found["holds"] is True
    assert found["total_usd"] == "0.75"
    assert [(line["kind"], line["amount_usd"], line["cost_center"]) for line in found["lines"]] == [
        ("charge", "1.00", "CC-acme"),
        ("credit", "-0.25", "CC-7"),
    ]
    text = desk.books("statement", "2026-01-0001")
    assert "Statement 2026-01-0001 for acme, 2026-01 (UTC)" in text
    assert "outage" in text
    rows = desk.as_json("entries", JANUARY, "--tenant", "")["data"]
    assert [(row["amount_usd"], row["reference"], row["statement_number"]) for row in rows] == [
        ("-1.00", "T-1", "2026-01-0005")
    ]
    assert "(the house)" in desk.books("entries")
    assert [head["tenant"] for head in desk.as_json("statements")["data"]] == [
        "acme", "beta", "corp", "gone", "",
    ]  # fmt: skip
    refused = desk.books("credit", "acme", "1", "--month", JANUARY, "--why", "late", code=1)
    assert "the next open month is 2026-02" in refused


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("credit", "acme", "-1", "--why", "x"), "USD: a credit is an amount above 0"),
        (("adjust", "acme", "0", "--why", "x"), "amount_nanos: 0 changes nothing"),
        (("credit", "acm", "1", "--why", "x"), "tenant: none is named 'acm'"),
        (("credit", "acme", "1", "--why", " "), "description: say what it is for"),
    ],
)
def test_an_entry_that_makes_no_sense_is_refused(desk: Desk, arguments: tuple[str, ...], told: str) -> None:
    assert told in desk.books(*arguments, "--month", JANUARY, code=1)
    assert desk.as_json("entries")["data"] == []


def test_an_amount_is_a_number(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    for text in ("much", "nan", "inf"):
        with pytest.raises(SystemExit):
            desk.books("credit", "acme", text, "--month", JANUARY, "--why", "x")
        assert f"'{text}' is not an amount in USD" in capsys.readouterr().err


def test_late_usage_is_shown_and_entered_once(desk: Desk) -> None:
    desk.books("close", JANUARY, "--yes")
    assert desk.books("late") == "There are no entries.\n"
    desk.hold(used("acme", CENT))
    assert "nothing was entered" in desk.books("late", code=1)
    assert "late usage of 2026-01: qwen3-8b on gpu1" in desk.books("late", "--yes")
    assert desk.books("late", "--yes") == "There are no entries.\n"
    assert desk.as_json("report", FEBRUARY)["total_usd"] == "0.01"


def test_lines_as_csv_add_up_and_run_no_formula(desk: Desk) -> None:
    desk.books("close", JANUARY, "--yes")
    rows = list(csv.DictReader(io.StringIO(desk.books("report", JANUARY, "--csv"))))
    assert [(row["number"], row["model"], row["amount_usd"]) for row in rows] == [
        ("2026-01-0001", "qwen3-8b", "1.00"),
        ("2026-01-0002", "'=m", "0.00"),
        ("2026-01-0003", "qwen3-8b", ""),
    ]
    assert rows[0]["amount_exact_usd"] == "1.000000004"
    assert desk.books("statement", "2026-01-0001", "--csv").count("\n") == 2
    titles = desk.books("statements", FEBRUARY, "--csv")
    assert titles.startswith("object,number,month,tenant")


def test_an_open_month_is_shown_without_numbers(desk: Desk) -> None:
    told = desk.as_json("report", JANUARY)
    assert (told["state"], told["total_usd"], told["closed"]) == ("open", "1.00", None)
    assert {statement["number"] for statement in told["statements"]} == {None}
    assert desk.books("report", JANUARY).startswith("2026-01 (UTC), open, so far\n")
    assert "Nothing was used" in desk.books("report", FEBRUARY)


def test_what_is_not_there_is_said(desk: Desk) -> None:
    assert "there is no statement '2026-01-0009'" in desk.books("statement", "2026-01-0009", code=1)
    assert desk.books("statements") == "There are no statements.\n"
    assert desk.books("periods") == "No month is closed.\n"
    assert "cannot write" in desk.books("report", JANUARY, "--xlsx", "/nowhere/at/all.xlsx", code=1)


def test_a_closed_month_is_not_priced_again(desk: Desk) -> None:
    fields = {"backend": "up", "served_model": "m"}
    desk.hold(make_event(500_001, **fields))
    desk.books("close", JANUARY, "--yes")
    desk.hold(used("acme", CENT, month=FEBRUARY, **fields))
    assert "lies in a closed period" in desk.weir("reprice", "--from", "2026-01-01", "--yes", code=1)
    assert desk.weir("reprice", "--yes").endswith("1 corrections written\n")
    assert desk.books("late") == "There are no entries.\n"
