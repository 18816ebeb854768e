"""`weir export`: what it writes, what it says, and how it ends."""

from __future__ import annotations

import csv
import sys
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import orjson
import pytest

from gateway.cli import main
from metering.focus import write
from metering.ledger_url import open_ledger
from metering.money import apply_markup
from metering.rate_card import Rate
from metering.usage import Provenance, TokenUsage
from tests.fakes.events import make_event

D = Decimal
RATE = Rate("gpt", None, D("2.5"), D(10), cache_read=D("1.25"))
USAGE = TokenUsage(1000, 200, 0, 300, 100, Provenance.VENDOR)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Ten attempts of two tenants in January 2026, and one whose cost is unknown."""
    url = f"sqlite:///{tmp_path / 'weir.db'}"
    listed = RATE.price.cost_nanos(USAGE)
    cost = apply_markup(listed, D("1.1"))
    money = {"list_nanos": listed, "cost_nanos": cost, "price_version": RATE.price.version}
    same = {"usage": USAGE, "backend": "vendor", "served_model": "gpt"}
    made = [make_event(number, tenant="ab"[number % 2], **same, **money) for number in range(10)]
    made.append(make_event(99, tenant="a", **{**same, "usage": None, "list_nanos": None, "cost_nanos": None}))
    with closing(open_ledger(url)) as ledger:
        ledger.append(made)
    path = tmp_path / "weir.yaml"
    vendor = {"kind": "openai", "url": "http://vendor/v1", "models": {"gpt": "g"}}
    rates = [{"model": "gpt", "input": 2.5, "output": 10, "cache_read": 1.25}]
    path.write_bytes(
        orjson.dumps(
            {"ledger": url, "backends": {"vendor": vendor}, "rates": rates, "markup": {"default": "1.1"}}
        )
    )
    return path


def run(config: Path, *more: str) -> int:
    return main(["export", "focus", "--config", str(config), *more])


@pytest.mark.parametrize("version", ["1.2", "1.4"])
@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_file_is_written_and_passes_its_own_check(
    config: Path, capsys: pytest.CaptureFixture[str], version: str, kind: str
) -> None:
    path = config.with_name(f"focus.{kind}")
    assert run(config, "--month", "2026-01", "--version", version, "-o", str(path)) == 0
    assert capsys.readouterr().err.splitlines() == [
        "6 rows, 0.06325 USD billed",
        "UNKNOWN COST: 1 attempts of a with gpt on vendor are in no row",
    ]
    assert main(["export", "check", str(path), "--version", version]) == 0
    assert capsys.readouterr().out == "6 rows, nothing wrong.\n"


def test_csv_and_parquet_say_the_same(config: Path) -> None:
    files = [config.with_name(name) for name in ("focus.csv", "focus.parquet")]
    for file in files:
        run(config, "--month", "2026-01", "-o", str(file))
    names, rows = write.read_parquet(files[1])
    with files[0].open(newline="") as file:
        reader = csv.DictReader(file)
        assert reader.fieldnames == names
        assert [{k: v or None for k, v in row.items()} for row in reader] == rows


def test_standard_output_is_csv_and_days_choose_the_period(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(config, "--from", "2026-01-01", "--to", "2026-01-01", "--issuer", "Acme AI") == 0
    rows = list(csv.DictReader(capsys.readouterr().out.splitlines()))
    assert {(row["BillingAccountId"], row["ServiceProviderName"]) for row in rows} == {("acme-ai", "Acme AI")}
    assert sum(D(row["BilledCost"]) for row in rows) == D("0.06325")
    assert run(config, "--from", "2026-02-01", "--to", "2026-02-01") == 0
    assert len(capsys.readouterr().out.splitlines()) == 1


def test_strict_ends_with_3_where_a_cost_is_unknown(config: Path) -> None:
    assert run(config, "--month", "2026-01", "--strict", "--account", "acme") == 3
    assert run(config, "--month", "2026-02", "--strict") == 0


@pytest.mark.parametrize("dataset", ["billing-period", "invoice-detail"])
def test_the_small_datasets(config: Path, dataset: str) -> None:
    path = config.with_name("small.csv")
    assert run(config, "--month", "2026-01", "--dataset", dataset, "-o", str(path)) == 0
    assert main(["export", "check", str(path), "--dataset", dataset]) == 0


@pytest.mark.parametrize(
    ("more", "code", "said"),
    [
        ([], 2, "--month or --from: say which period"),
        (["--month", "2026-01", "--to", "2026-01-31"], 2, "name a month, or days"),
        (["--from", "2026-02-01", "--to", "2026-01-01"], 2, "ends before it starts"),
        (["--month", "2026-01", "--time-zone", "Mars/Base"], 2, "time zone 'Mars/Base' is not known"),
        (["--month", "2026-01", "--format", "parquet"], 1, "name a file with -o"),
        (["--month", "2026-01", "-o", "no/such/folder/f.csv"], 1, "-o: [Errno 2]"),
        (["--month", "2026-01", "-o", "no/such/folder/f.parquet"], 1, "No such file or directory"),
        (["--month", "2026-01", "--version", "1.2", "--dataset", "billing-period"], 1, "has no dataset"),
    ],
)
def test_what_cannot_be_done_is_said(
    config: Path, capsys: pytest.CaptureFixture[str], more: list[str], code: int, said: str
) -> None:
    assert run(config, *more) == code
    assert said in capsys.readouterr().err


def test_no_month_is_told_by_the_command_line(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        run(config, "--month", "2026-1x")
    assert "is not a month, such as 2026-10" in capsys.readouterr().err


def test_parquet_without_pyarrow_says_what_to_install(
    config: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert run(config, "--month", "2026-01", "-o", str(config.with_name("f.parquet"))) == 1
    assert "pip install 'weir-gateway[focus]'" in capsys.readouterr().err


def test_violations_as_table_json_and_csv(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = config.with_name("focus.csv")
    run(config, "--month", "2026-01", "-o", str(path))
    path.write_text(path.read_text().replace(",Tokens,", ",1M Tokens,", 1))
    capsys.readouterr()
    assert main(["export", "check", str(path)]) == 1
    title, line = capsys.readouterr().out.splitlines()
    assert title.split() == ["row", "column", "rule", "what", "is", "wrong"]
    assert line.split()[:3] == ["2", "ConsumedUnit", "unit"]
    assert main(["export", "check", str(path), "--json"]) == 1
    body = orjson.loads(capsys.readouterr().out)
    assert (body["rows"], body["violations"][0]["column"]) == (6, "ConsumedUnit")
    assert main(["export", "check", str(path), "--csv"]) == 1
    (only,) = csv.DictReader(capsys.readouterr().out.splitlines())
    assert (only["row"], only["rule"]) == ("2", "unit")
    assert main(["export", "check", "nowhere.csv"]) == 1
    assert "nowhere.csv" in capsys.readouterr().err


@pytest.mark.parametrize("what", ["focus", "check"])
def test_help(capsys: pytest.CaptureFixture[str], what: str) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["export", what, "--help"])
    assert ended.value.code == 0
    assert "--version" in capsys.readouterr().out
