"""`weir reconcile`, on both databases: a ledger, files as vendors write them, entries in the books."""

from __future__ import annotations

import csv
import io
import json
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from gateway.cli import main
from metering.books.entries import read_entries
from metering.books.store import open_books
from metering.books.tables import book_periods
from metering.days import day_start_us
from metering.event import Event
from metering.ledger_url import open_ledger, open_reader
from metering.outcome import Outcome
from metering.reconcile.detect import VendorFile
from metering.usage import Provenance, TokenUsage
from tests.fakes.events import make_event
from tests.fakes.vendor_bill import Extra, Use, day_at, focus, openai

PRICES = {"input": 250, "cache_read": 25, "cache_write": 250, "output": 2000}
FULL = {"input": 1000, "cache_read": 200, "cache_write": 0, "output": 100}
FULL_NANOS = sum(FULL[meter] * PRICES[meter] for meter in FULL)
SECOND_US = 1_000_000


class House:
    """A configuration, its ledger, and the vendor's files."""

    def __init__(self, folder: Path, ledger_url: str) -> None:
        self.folder, self.ledger_url = folder, ledger_url
        self.config = folder / "weir.yaml"
        self.config.write_text(
            f"""\
ledger: {ledger_url}
journal: {folder}/journal
backends:
  up:
    kind: openai
    url: https://up.example/v1
    api_key: '${{NOT_IN_THIS_SHELL}}'
    models: {{mini: gpt-5-mini, big: gpt-5}}
  gpu: {{kind: vllm, url: 'http://gpu:8000/v1', models: {{local: Qwen/Qwen3}}}}
models: {{auto: {{tiers: [mini, big]}}}}
tenants: {{acme: {{}}, globex: {{}}}}
rates:
  - {{model: mini, input: 0.25, cache_read: 0.025, output: 2}}
  - {{model: big, input: 0.25, cache_read: 0.025, output: 2}}
  - {{model: local, input: 1, output: 1}}
"""
        )

    def hold(self, *events: Event) -> None:
        with closing(open_ledger(self.ledger_url)) as ledger:
            ledger.append(events)

    def write(self, *files: VendorFile) -> list[str]:
        for file in files:
            (self.folder / file.name).write_bytes(file.data)
        return [str(self.folder / file.name) for file in files]


@pytest.fixture
def house(tmp_path: Path, ledger_url: str) -> House:
    return House(tmp_path, ledger_url)


@pytest.fixture
def sqlite_house(tmp_path: Path) -> House:
    """Where the database makes no difference."""
    return House(tmp_path, f"sqlite:///{tmp_path}/weir.db")


def row(number: int, day: int, model: str = "mini", **changes: Any) -> Event:
    fields = {
        "backend": "up",
        "served_model": model,
        "usage": TokenUsage(1000, 200, 0, 100, provenance=Provenance.VENDOR),
        "started_us": day_start_us(day_at(day)) + 3600 * SECOND_US,
        "finished_us": day_start_us(day_at(day)) + 3601 * SECOND_US,
        "list_nanos": FULL_NANOS,
        "cost_nanos": FULL_NANOS,
        "price_version": "rates:undated:0a0a0a0a",
        **changes,
    }
    return make_event(number, **fields)


def uses(day: int, model: str = "gpt-5-mini", times: int = 1, factor: int = 1) -> list[Use]:
    return [
        Use(day_at(day), model, meter, tokens * times, tokens * times * PRICES[meter] * factor)
        for meter, tokens in FULL.items()
        if tokens
    ]


def weir(capsys: pytest.CaptureFixture[str], house: House, *arguments: str) -> str:
    assert main(["reconcile", *arguments, "--config", str(house.config)]) == 0
    return capsys.readouterr().out


def refused(capsys: pytest.CaptureFixture[str], house: House, *arguments: str) -> str:
    assert main(["reconcile", *arguments, "--config", str(house.config)]) == 1
    return capsys.readouterr().err


def as_json(capsys: pytest.CaptureFixture[str], house: House, *arguments: str) -> Any:
    return json.loads(weir(capsys, house, *arguments, "--json"))


def nanos(found: Any) -> dict[str, int]:
    return {kind: amount["nanos"] for kind, amount in found["classes"].items()}


def test_each_known_difference_is_named_with_its_amount(
    capsys: pytest.CaptureFixture[str], house: House
) -> None:
    """litellm#13280: eight rows here, nine at the vendor; which one, and what it cost, is said."""
    house.hold(
        row(1, 0),
        row(2, 1),  # the vendor does not show it
        row(3, 2),  # ... has it on the next day
        row(4, 4),  # ... charges double
        row(5, 5),  # ... has three times as much
        row(6, 6, outcome=Outcome.CACHED, attempt=0, kind="hit", cost_nanos=0),
        row(7, 6, "local", backend="gpu", gpu_ns=5, gpu_nanos=5),
    )
    bill = [*uses(0), *uses(3), *uses(4, factor=2), *uses(5, times=3)]
    searched = [Extra(day_at(5), "other charges", 10_000)]
    for files in (openai(bill, searched), focus(bill, searched)):
        found = as_json(capsys, house, *house.write(*files))
        assert nanos(found) == {
            "missing": -FULL_NANOS,
            "bypassed": 2 * FULL_NANOS,
            "late": 0,
            "priced differently": FULL_NANOS,
            "other charges": 10_000,
            "unexplained": 0,
        }
        assert found["late_moved_nanos"] == FULL_NANOS
        assert (found["vendor_nanos"], found["ledger_nanos"]) == (7 * FULL_NANOS + 10_000, 5 * FULL_NANOS)
        assert found["coverage_percent"] == pytest.approx(
            100 * 5 * FULL_NANOS / (7 * FULL_NANOS + 10_000), abs=1e-4
        )


def test_the_table_and_the_csv_say_the_same(capsys: pytest.CaptureFixture[str], sqlite_house: House) -> None:
    sqlite_house.hold(row(1, 0), row(2, 1, "big"))
    files = sqlite_house.write(*openai([*uses(0, factor=2), *uses(1, "gpt-5", times=2)]))
    text = weir(capsys, sqlite_house, *files)
    assert (
        "2026-10-01  openai  gpt-5-mini     0.00091    0.000455  +0.000455  priced differently +0.000455"
        in text
    )
    assert "2026-10-02  openai  gpt-5          0.00091    0.000455  +0.000455  bypassed +0.000455" in text
    assert ["unexplained", "0.00"] in [line.split() for line in text.splitlines()]
    assert "coverage: 75.00% of the vendor's usage is explained by metered rows" in text
    rows = list(csv.DictReader(io.StringIO(weir(capsys, sqlite_house, *files, "--csv"))))
    assert [(each["model"], each["class"], each["amount_usd"]) for each in rows] == [
        ("gpt-5-mini", "priced differently", "0.000455"),
        ("gpt-5", "bypassed", "0.000455"),
    ]


def test_entries_are_shown_then_written_once(capsys: pytest.CaptureFixture[str], house: House) -> None:
    house.hold(
        row(1, 0), row(2, 0, tenant="globex", cost_center=""), row(3, 0, tenant="globex", cost_center="")
    )
    bill = [*uses(0, times=3, factor=2), *uses(1, "gpt-5")]
    files = house.write(*openai(bill))
    shown = weir(capsys, house, *files, "--adjust")
    assert "Nothing was written: say --yes to book this." in shown
    assert entries(house) == []
    done = as_json(capsys, house, *files, "--adjust", "--yes")["adjustment"]
    assert (done["written"], done["already_booked"]) == (3, False)
    assert {(e.tenant, e.cost_center): e.amount_nanos for e in entries(house)} == {
        ("acme", "CC-100"): FULL_NANOS,
        ("globex", ""): 2 * FULL_NANOS,
        ("", ""): FULL_NANOS,
    }
    assert {(e.month, e.kind, e.category) for e in entries(house)} == {
        ("2026-10", "reconciliation", "vendor")
    }
    assert 3 * FULL_NANOS + sum(e.amount_nanos for e in entries(house)) == sum(use.nanos for use in bill)
    again = weir(capsys, house, *reversed(files), "--adjust", "--yes")
    assert "This invoice was booked before: there is nothing to add." in again
    assert len(entries(house)) == 3


def test_a_new_issue_of_an_invoice_books_what_changed(
    capsys: pytest.CaptureFixture[str], sqlite_house: House
) -> None:
    sqlite_house.hold(row(1, 0))
    first = sqlite_house.write(*openai([*uses(0, factor=2), *uses(1, "gpt-5")]))
    weir(capsys, sqlite_house, *first, "--adjust", "--yes", "--bypassed-to", "globex")
    second = sqlite_house.write(*openai([*uses(0, factor=3), *uses(1, "gpt-5")]))
    shown = weir(capsys, sqlite_house, *second, "--adjust", "--yes", "--bypassed-to", "globex")
    assert shown.endswith("1 entries written\n")
    assert [e.amount_nanos for e in entries(sqlite_house) if e.tenant == "acme"] == [FULL_NANOS, FULL_NANOS]
    assert [e.amount_nanos for e in entries(sqlite_house) if e.tenant == "globex"] == [FULL_NANOS]
    told = refused(capsys, sqlite_house, *second, "--to", "2026-10-01", "--adjust")
    assert "was booked for 2026-10-01 to 2026-10-02 already, which overlaps 2026-10-01 to 2026-10-01" in told


def test_a_closed_month_names_the_next_one(capsys: pytest.CaptureFixture[str], house: House) -> None:
    house.hold(row(1, 0))
    closed = {column.name: 0 for column in book_periods.c} | {"month": "2026-10", "time_zone": "UTC"}
    closed |= {"closed_by": "somebody", "digest": ""}
    with open_books(house.ledger_url).transaction() as session:
        session.run(book_periods.insert().values(**closed))
    files = house.write(*openai(uses(0, factor=2)))
    told = refused(capsys, house, *files, "--adjust", "--yes")
    assert "the next open month is 2026-11; see --book-in" in told
    weir(capsys, house, *files, "--adjust", "--yes", "--book-in", "2026-11")
    (entry,) = entries(house)
    assert (entry.month, json.loads(entry.details)["month"]) == ("2026-11", "2026-10")
    again = weir(capsys, house, *files, "--adjust", "--yes", "--book-in", "2026-11")
    assert "booked before" in again


def test_charges_can_be_made_equal_to_the_invoice(
    capsys: pytest.CaptureFixture[str], sqlite_house: House
) -> None:
    """By default the markup stays: what is held against the invoice is the list price."""
    sqlite_house.hold(row(1, 0, cost_nanos=2 * FULL_NANOS))
    files = sqlite_house.write(*openai(uses(0)))
    assert as_json(capsys, sqlite_house, *files, "--adjust")["adjustment"]["total_nanos"] == 0
    found = as_json(capsys, sqlite_house, *files, "--adjust", "--charged")
    assert found["adjustment"]["total_nanos"] == -FULL_NANOS


def test_attempts_under_way_at_midnight_may_be_late(capsys: pytest.CaptureFixture[str], house: House) -> None:
    """Late on two days in a row, so that no day's excess is the next one's: the rows say what crossed."""
    end_us = day_start_us(day_at(1))
    crossing = {"started_us": end_us - SECOND_US, "finished_us": end_us + SECOND_US}
    next_us = day_start_us(day_at(2))
    house.hold(
        row(1, 0),
        row(2, 0, **crossing),
        row(3, 1, started_us=next_us - SECOND_US, finished_us=next_us + SECOND_US),
        row(4, 1, started_us=next_us - 2 * SECOND_US, finished_us=next_us + SECOND_US),
        row(5, 2),
    )
    found = as_json(capsys, house, *house.write(*openai([*uses(0), *uses(1), *uses(2, times=3)])))
    assert nanos(found) == {"late": 0, "unexplained": 0}
    assert found["late_moved_nanos"] == 2 * FULL_NANOS


def test_tokens_that_were_estimated_are_no_bypass(
    capsys: pytest.CaptureFixture[str], sqlite_house: House
) -> None:
    guess = TokenUsage(1000, 200, 0, 50, provenance=Provenance.ESTIMATED)
    sqlite_house.hold(row(1, 0, usage=guess, list_nanos=FULL_NANOS - 50 * 2000))
    found = as_json(capsys, sqlite_house, *sqlite_house.write(*openai(uses(0))))
    assert nanos(found) == {"estimated": 50 * 2000, "unexplained": 0}


def test_what_had_no_price_is_said(capsys: pytest.CaptureFixture[str], sqlite_house: House) -> None:
    sqlite_house.hold(row(1, 0), row(2, 0, list_nanos=None, cost_nanos=None))
    found = as_json(capsys, sqlite_house, *sqlite_house.write(*openai(uses(0, times=2))))
    assert nanos(found) == {"unpriced": FULL_NANOS, "unexplained": 0}


def test_corrections_count(capsys: pytest.CaptureFixture[str], house: House) -> None:
    correction = row(
        2, 0, kind="correction", corrects=row(1, 0).id, usage=TokenUsage(provenance=Provenance.VENDOR)
    )
    house.hold(row(1, 0), correction)
    found = as_json(capsys, house, *house.write(*openai(uses(0, factor=2))))
    assert nanos(found) == {"unexplained": 0}


def test_costs_alone_say_what_is_missing(capsys: pytest.CaptureFixture[str], sqlite_house: House) -> None:
    """Nobody can tell a price from a quantity then; what is equal and what is a day late still shows."""
    sqlite_house.hold(row(1, 0), row(2, 1), row(3, 3))
    costs = openai([*uses(0), *uses(2), *uses(3, factor=2)])[0]
    found = as_json(capsys, sqlite_house, *sqlite_house.write(costs))
    assert nanos(found) == {"late": 0, "unexplained": FULL_NANOS}
    assert "give the usage report too" in found["notes"][0]


def test_usage_alone_is_no_invoice(capsys: pytest.CaptureFixture[str], sqlite_house: House) -> None:
    told = refused(capsys, sqlite_house, *sqlite_house.write(openai(uses(0))[1]))
    assert "there is usage and no cost in it" in told


def test_keys_and_projects_that_are_not_the_gateways_bypass_it(
    capsys: pytest.CaptureFixture[str], sqlite_house: House
) -> None:
    sqlite_house.hold(row(1, 0))
    (file,) = focus(uses(0, times=1))
    titles, *cells = file.data.decode().splitlines()
    lines = [f"{titles},SubAccountId", *(f"{c},ours" for c in cells), *(f"{c},theirs" for c in cells)]
    files = sqlite_house.write(VendorFile("f.csv", "\n".join(lines).encode()))
    found = as_json(capsys, sqlite_house, *files, "--project", "ours")
    assert nanos(found) == {"bypassed": FULL_NANOS, "unexplained": 0}


def test_a_vendors_own_name_is_mapped(capsys: pytest.CaptureFixture[str], sqlite_house: House) -> None:
    sqlite_house.hold(row(1, 0))
    files = sqlite_house.write(*focus(uses(0, "house-brand")))
    assert nanos(as_json(capsys, sqlite_house, *files)) == {
        "missing": -FULL_NANOS,
        "bypassed": FULL_NANOS,
        "unexplained": 0,
    }
    mapped = as_json(capsys, sqlite_house, *files, "--map", "house-brand=mini")
    assert nanos(mapped) == {"unexplained": 0}


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "give files, or --api VENDOR, and not both"),
        (["--api", "openai"], "--api needs --from and --to"),
        (["--api", "openai", "--from", "2026-10-01", "--to", "2026-10-02"], "set OPENAI_ADMIN_KEY"),
        (["nowhere.json"], "nowhere.json: No such file or directory"),
        (["FILE", "--yes"], "add --adjust"),
        (["FILE", "--places", "12"], "--places: between 0 and 9, not 12"),
        (["FILE", "--book-in", "October"], "--book-in: month 'October' is none"),
        (["FILE", "--backend", "elsewhere"], "no backend 'elsewhere'"),
        (["FILE", "--from", "2026-10-02", "--to", "2026-10-01"], "ends before it starts"),
        (["FILE", "--from", "2026-12-01"], "the files speak of 2026-10-01 to 2026-10-01 only"),
        (["FILE", "--adjust", "--bypassed-to", "nobody"], "no tenant 'nobody'"),
        (["http://example.com/costs.json"], "write an https:// address"),
    ],
)
def test_what_makes_no_sense_is_refused(
    capsys: pytest.CaptureFixture[str],
    sqlite_house: House,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    told: str,
) -> None:
    monkeypatch.delenv("OPENAI_ADMIN_KEY", raising=False)
    sqlite_house.hold(row(1, 0))
    (file,) = sqlite_house.write(*focus(uses(0)))
    assert told in refused(capsys, sqlite_house, *(file if a == "FILE" else a for a in arguments))


def test_a_provider_without_a_backend_is_named(
    capsys: pytest.CaptureFixture[str], sqlite_house: House
) -> None:
    sqlite_house.hold(row(1, 0))
    (file,) = focus(uses(0))
    aws = VendorFile("aws.csv", file.data.replace(b"OpenAI", b"Amazon Web Services"))
    files = sqlite_house.write(aws)
    assert "no backend has the price_provider 'aws'" in refused(capsys, sqlite_house, *files)
    assert nanos(as_json(capsys, sqlite_house, *files, "--backend", "up")) == {"unexplained": 0}


def entries(house: House) -> Any:
    return read_entries(open_reader(house.ledger_url))
