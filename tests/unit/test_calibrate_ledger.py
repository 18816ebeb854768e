"""`weir calibrate --from-ledger`: an artefact out of what the gateway itself compared."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from gateway.cli import main
from metering.ledger_url import open_ledger
from metering.quality.ledger import QualityLedger
from metering.quality.rows import VerdictRow
from router.model import load
from router.model.reading import read_text
from tests.fakes.verdicts import verdict

CONFIG = """\
ledger: {ledger}
backends: {{b: {{kind: openai, url: 'http://127.0.0.1:1/v1', models: {{s: s, l: l}}}}}}
models: {{{routes}}}
unknown_price: flag
"""
DAY_US = 86_400_000_000
LONG = "Explain step by step why the proof fails, and repair it. "


class House:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.out = folder / "own.npz"
        self.report = folder / "report.json"
        self.url = f"sqlite:///{folder / 'weir.db'}"
        open_ledger(self.url).close()
        self.serve("auto")

    def serve(self, *routes: str) -> None:
        named = ", ".join(f"{name}: {{tiers: [s, l]}}" for name in routes)
        (self.folder / "weir.yaml").write_text(CONFIG.format(ledger=self.url, routes=named))

    def fill(self, rows: Sequence[VerdictRow]) -> None:
        ledger = QualityLedger(self.url)
        for row in rows:
            ledger.write_verdict(row)

    def calibrate(self, *more: str) -> int:
        config, out = str(self.folder / "weir.yaml"), str(self.out)
        options = ["--config", config, "--out", out, "--report", str(self.report)]
        return main(["calibrate", "--from-ledger", *options, *more])


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def compared(count: int) -> list[VerdictRow]:
    """Long ones gained by the large model, short ones did not."""
    vocabulary = load().lexicon.vocabulary
    rows = []
    for number in range(count):
        text = f"Case {number}: " + LONG * (1 + number % 2 * 12)
        good = 0.0 if number % 2 else 1.0
        reading = read_text(text, vocabulary).to_bytes()
        rows.append(verdict(number, at_us=number * DAY_US, small_good=good, reading=reading))
    return rows


def test_comparisons_become_an_artefact_that_tells_them_apart(
    house: House, capsys: pytest.CaptureFixture[str]
) -> None:
    house.fill([*compared(80), verdict(900, reading=b"of another version"), verdict(901, route="other")])
    assert house.calibrate("--name", "house") == 0
    told = capsys.readouterr()
    assert "81 comparisons of auto, 1 of them read by another version" in told.err
    assert "80 conversations" in told.out
    own = load(house.out)
    assert own.version.startswith("house-80-")
    vocabulary = own.lexicon.vocabulary
    short, long = (own.of_reading(read_text("Case 3: " + LONG * n, vocabulary)).gain for n in (1, 13))
    assert long > short
    report = json.loads(house.report.read_text())
    assert (report["file_rows"], report["unreadable"], report["duplicates"]) == (81, 1, 0)


def test_too_few_comparisons_are_told(house: House, capsys: pytest.CaptureFixture[str]) -> None:
    house.fill(compared(60))
    assert house.calibrate("--since", "1970-01-21") == 1
    assert "40 rows; it takes 50" in capsys.readouterr().err
    assert not house.out.exists()


def test_routes_are_not_mixed(house: House, capsys: pytest.CaptureFixture[str]) -> None:
    house.serve("auto", "chat")
    house.fill(compared(60))
    assert house.calibrate() == 1
    assert "--route: name one of auto, chat" in capsys.readouterr().err
    assert house.calibrate("--route", "auto") == 0


def test_a_file_or_the_ledger_and_not_both(house: House, capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["calibrate"], ["calibrate", "rows.csv", "--from-ledger"]):
        with pytest.raises(SystemExit) as left:
            main(words)
        assert left.value.code == 2
    assert "FILE" in capsys.readouterr().err
