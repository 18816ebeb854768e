"""`weir reconcile`, on both databases: a ledger, files as vendors write them, entries in the books."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from metering.days import day_start_us
from metering.outcome import Outcome
from metering.reconcile.detect import VendorFile
from metering.usage import Provenance, TokenUsage
from tests.fakes.vendor_bill import Extra, Use, day_at, focus, openai
from tests.fakes.vendor_house import (
    FULL,
    FULL_NANOS,
    PRICES,
    SECOND_US,
    House,
    as_json,
    nanos,
    refused,
    row,
    uses,
    weir,
)


@pytest.fixture
def house(tmp_path: Path, ledger_url: str) -> House:
    return House(tmp_path, ledger_url)


@pytest.fixture
def sqlite_house(tmp_path: Path) -> House:
    """Where the database makes no difference."""
    return House(tmp_path, f"sqlite:///{tmp_path}/weir.db")


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


def test_a_vendor_that_names_no_cache_is_compared_by_all_input(
    capsys: pytest.CaptureFixture[str], sqlite_house: House
) -> None:
    sqlite_house.hold(row(1, 0))
    paid = FULL_NANOS - FULL["output"] * PRICES["output"]
    coarse = [Use(day_at(0), "gpt-5-mini", "input", 1200, paid), uses(0)[-1]]
    found = as_json(capsys, sqlite_house, *sqlite_house.write(*focus(coarse)))
    assert nanos(found) == {"unexplained": 0}
    bare = [Use(day_at(0), "gpt-5-mini", "input", 1000, 250_000), uses(0)[-1]]
    found = as_json(capsys, sqlite_house, *sqlite_house.write(*focus(bare)))
    assert nanos(found) == {"missing": -200 * PRICES["cache_read"], "unexplained": 0}


def test_lines_without_a_model_are_compared_as_one(
    capsys: pytest.CaptureFixture[str], sqlite_house: House
) -> None:
    sqlite_house.hold(row(1, 0), row(2, 0, "big"))
    amount = {"value": 2 * FULL_NANOS / 1e9, "currency": "usd"}
    bucket = {
        "start_time": day_start_us(day_at(0)) // 10**6,
        "results": [{"amount": amount, "line_item": None}],
    }
    files = sqlite_house.write(VendorFile("c.json", json.dumps({"data": [bucket]}).encode()))
    found = as_json(capsys, sqlite_house, *files)
    assert nanos(found) == {"unexplained": 0}
    assert [each["model"] for each in found["data"]] == ["(all models)"]


def test_amounts_in_whole_cents_may_be_rounded(
    capsys: pytest.CaptureFixture[str], sqlite_house: House
) -> None:
    sqlite_house.hold(row(1, 0))
    cents = [Use(use.day, use.model, use.meter, use.tokens, 0) for use in uses(0)]
    files = sqlite_house.write(*focus([*cents[:-1], Use(day_at(0), "gpt-5-mini", "output", 100, 10_000_000)]))
    assert "rounding" not in nanos(as_json(capsys, sqlite_house, *files))
    rounded = nanos(as_json(capsys, sqlite_house, *files, "--places", "2"))
    assert rounded == {
        "rounding": 10_000_000 - FULL_NANOS,
        "unexplained": 0,
    }


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
        (["FILE", "--adjust", "--bypassed-to", "nobody"], "there is no tenant 'nobody'"),
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
