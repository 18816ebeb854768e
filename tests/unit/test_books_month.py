"""A month of twenty tenants, closed: statements, CSV, workbook and ledger say the same to the cent."""

from __future__ import annotations

import csv
import io
import random
import re
from collections import defaultdict
from decimal import Decimal
from pathlib import Path

import openpyxl
import pytest
from openpyxl.worksheet.worksheet import Worksheet

from metering.books.charges import known_nanos, monthly_charges
from metering.books.draft import MonthDraft
from metering.books.periods import closed_periods
from metering.books.policy import SplitRule
from metering.books.read import list_statements, month_statements, read_statement
from metering.books.render import lines_csv, usd_of
from metering.books.statement import Statement
from metering.books.xlsx import write_month, write_statement
from metering.correction import Amounts, correction_of
from metering.event import Event
from metering.money import divide_half_even
from metering.outcome import Outcome
from metering.report_xlsx import write_report
from metering.reports import ReportQuery, usage_report
from tests.fakes.books import (
    CENT,
    FEBRUARY,
    JANUARY,
    START_US,
    Office,
    assert_adds_up,
    share,
    used,
)
from tests.fakes.events import make_event

TENANTS = [f"t{number:02}" for number in range(20)]
MODELS = (("qwen3-8b", "gpu1"), ("gpt-5-mini", "openai"), ("gpt-5", "openai"))
ENTERED = {"t00": -2_500_000_001, "t07": 130_000_000, "": -1}


def usage(dice: random.Random) -> list[Event]:
    """Attempts, hits and corrections; a few of unknown cost."""
    rows: list[Event] = []
    for number, tenant in enumerate(TENANTS * 25):
        model, backend = dice.choice(MODELS)
        place = {"served_model": model, "backend": backend, "project": dice.choice(("a", "b"))}
        kind = dice.random()
        if kind < 0.2:
            hit = {"outcome": Outcome.CACHED, "attempt": 0, "kind": "hit", "cache_status": "exact"}
            rows.append(used(tenant, 0, day=dice.uniform(0, 31), **place, **hit))
            continue
        cost = None if kind < 0.22 else dice.randrange(90_000_000)
        rows.append(used(tenant, cost, day=dice.uniform(0, 31), **place))
        if cost and kind > 0.9:
            difference = dice.randrange(-cost, 50_000)
            amounts = Amounts(difference, difference, None)
            identity = make_event(800_000 + number).id
            rows.append(correction_of(rows[-1], id=identity, price_version="rates:later", difference=amounts))
    return rows


@pytest.fixture
def office(ledger_url: str) -> Office:
    return a_month(ledger_url)


@pytest.fixture
def file_office(tmp_path: Path) -> Office:
    """Where the database makes no difference."""
    return a_month(f"sqlite:///{tmp_path / 'weir.db'}")


def a_month(url: str) -> Office:
    office = Office(url, splits=(SplitRule("idle", "use", "gpu1"),))
    dice = random.Random(7)
    office.hold(*usage(dice))
    for hour in range(3):
        shares = [share("request", tenant, dice.randrange(1, 10**9), 3) for tenant in TENANTS]
        house = [share("idle", "", 5, dice.randrange(10**9)), share("warmup", "", 2, dice.randrange(10**7))]
        office.window([*shares, *house], start_us=START_US[JANUARY] + hour * 3_600_000_000)
    for tenant, nanos in ENTERED.items():
        office.entry(tenant, nanos, JANUARY)
    return office


def test_everything_agrees_with_the_ledger_to_the_cent(office: Office, tmp_path: Path) -> None:
    statements = office.close(JANUARY)
    ledger = known_nanos(monthly_charges(office.reader, JANUARY, "UTC"))
    report = usage_report(office.reader, ReportQuery(("category",)))
    on_top = sum(row.sums.gpu_nanos or 0 for row in report.rows if row.group[0] in ("idle", "overhead"))
    assert ledger == (report.totals.cost_nanos or 0) + on_top
    total = ledger + sum(ENTERED.values())
    cents = divide_half_even(total, CENT)
    assert_adds_up(statements, total, cents)
    assert len(statements) == 21
    unknown = sum(each.head.unknown_cost_events for each in statements)
    assert unknown == report.totals.unknown_cost_events > 0

    rows = list(csv.DictReader(io.StringIO(lines_csv(statements))))
    assert sum(Decimal(row["amount_usd"] or 0) for row in rows) == Decimal(cents) / 100
    assert sum(Decimal(row["amount_exact_usd"] or 0) for row in rows) == Decimal(total).scaleb(-9)

    file = tmp_path / "books.xlsx"
    (period,) = closed_periods(office.reader)
    write_month(file, MonthDraft(period, tuple(statements), ()), closed=True, made_us=office.now_us)
    check_workbook(file, statements)


def test_what_comes_later_stands_in_the_next_month_and_closing_again_changes_nothing(office: Office) -> None:
    before = office.close(JANUARY)
    late = [used(tenant, 1_234_567, day=30) for tenant in TENANTS[:5]]
    office.hold(*late, used("t19", 5 * CENT, month=FEBRUARY))
    assert not office.keeper.close(JANUARY, "again").new
    assert month_statements(office.reader, JANUARY) == before
    february = office.close(FEBRUARY)
    total = 5 * 1_234_567 + 5 * CENT
    assert_adds_up(february, total, divide_half_even(total, CENT))
    both = sum(each.head.total_nanos for each in (*before, *february))
    ledger = sum(known_nanos(monthly_charges(office.reader, month, "UTC")) for month in (JANUARY, FEBRUARY))
    assert both == ledger + sum(ENTERED.values())
    assert len(list_statements(office.reader)) == 21 + 6


def check_workbook(file: Path, statements: list[Statement]) -> None:
    """Values as stored, and formulas computed again from the cells that they name."""
    values = openpyxl.load_workbook(file, data_only=True)
    formulas = openpyxl.load_workbook(file)
    assert values.sheetnames == ["summary", "lines", "statements"]
    lines = values["lines"]
    titles = [cell.value for cell in lines[1]]
    at = titles.index("amount_usd") + 1
    every = [line for statement in statements for line in statement.lines]
    cells = [lines.cell(row, at) for row in range(2, len(every) + 2)]
    assert [cell.value for cell in cells] == [
        None if line.cents is None else line.cents / 100 for line in every
    ]
    assert {cell.number_format for cell in cells if cell.value is not None} == {"0.00"}
    total = sum(statement.head.total_cents for statement in statements)
    assert lines.cell(len(every) + 2, at).value == total / 100
    listed = values["statements"]
    assert [
        (row[0].value, row[3].value) for row in listed.iter_rows(min_row=2, max_row=1 + len(statements))
    ] == [(statement.head.number, statement.head.total_cents / 100) for statement in statements]
    assert listed.cell(len(statements) + 2, 4).value == total / 100
    assert computed(formulas["statements"], values) == len(statements) + 2
    assert computed(formulas["lines"], values) == 10
    check_summary(values["summary"], formulas["summary"], values["lines"], total)


def check_summary(shown: Worksheet, formulas: Worksheet, lines: Worksheet, total: int) -> None:
    """Each part adds up to the total; each amount is that of the lines with this value."""
    totals = [row[1].value for row in shown.iter_rows(min_row=2) if row[0].value == "total"]
    assert totals == [total / 100] * 7
    by_value = re.compile(
        r"=SUMPRODUCT\(EXACT\(lines!\$(\w)\$2:\$\w\$(\d+),\$A\$(\d+)\)\*lines!\$(\w+)\$2:.*\)"
    )
    checked = 0
    for row in formulas.iter_rows(min_col=2, max_col=2):
        match = by_value.match(str(row[0].value))
        if match is None:
            continue
        name_at, last, own, amount_at = match.groups()
        name = shown[f"A{own}"].value
        rows = range(2, int(last) + 1)
        found = [lines[f"{amount_at}{n}"].value or 0 for n in rows if lines[f"{name_at}{n}"].value == name]
        assert round(sum(found), 6) == shown[f"B{own}"].value
        checked += 1
    assert checked > 30


def computed(sheet: Worksheet, values: openpyxl.Workbook) -> int:
    """How many sums there are; each is what the cells add up to that it names."""
    counted = 0
    for row in sheet.iter_rows():
        for cell in row:
            match = re.fullmatch(r"=SUM\((?:(\w+)!)?\$(\w+)\$(\d+):\$\w+\$(\d+)\)", str(cell.value))
            if match is None:
                continue
            of = values[match[1] or sheet.title]
            parts = [of[f"{match[2]}{n}"].value or 0 for n in range(int(match[3]), int(match[4]) + 1)]
            assert round(sum(parts), 9) == values[sheet.title][cell.coordinate].value
            counted += 1
    return counted


def test_a_statement_is_a_workbook_of_its_own(file_office: Office, tmp_path: Path) -> None:
    file_office.close(JANUARY)
    number = list_statements(file_office.reader, tenant="t07")[0].number
    found = read_statement(file_office.reader, number)
    write_statement(tmp_path / "one.xlsx", found, made_us=file_office.now_us)
    check = openpyxl.load_workbook(tmp_path / "one.xlsx", data_only=True)
    assert check["summary"]["B2"].value == number
    assert check["statements"]["D2"].value == found.head.total_cents / 100
    assert usd_of(found.head.total_cents) == f"{check['statements']['D3'].value:.2f}"


def test_a_report_is_a_workbook_that_adds_up(file_office: Office, tmp_path: Path) -> None:
    sums: dict[str, int] = defaultdict(int)
    grouping = ("tenant", "cost_center", "project", "key", "model", "backend", "category", "tag:task", "day")
    report = usage_report(file_office.reader, ReportQuery(grouping, where={"tenant": "t03"}))
    write_report(tmp_path / "report.xlsx", report, file_office.now_us)
    book = openpyxl.load_workbook(tmp_path / "report.xlsx", data_only=True)
    facts = {row[0].value: row[1].value for row in book["summary"].iter_rows(min_row=2)}
    assert (facts["only tenant"], facts["requests"]) == ("t03", report.totals.requests)
    lines = book["lines"]
    titles = [cell.value for cell in lines[1]]
    assert titles[: len(grouping)] == list(grouping)
    at = titles.index("cost_usd") + 1
    for row in range(2, len(report.rows) + 2):
        sums["cost"] += round((lines.cell(row, at).value or 0) * 10**9)
    assert sums["cost"] == round(lines.cell(len(report.rows) + 2, at).value * 10**9)
    assert abs(sums["cost"] - (report.totals.cost_nanos or 0)) <= 10**5
    assert titles.index("gpu_seconds") > 0
    assert computed(openpyxl.load_workbook(tmp_path / "report.xlsx")["lines"], book) > 15
