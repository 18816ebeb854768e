from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import orjson
import pytest

from gateway.cli import main
from metering.ledger_url import open_ledger
from tests.fakes.gpu_ledger import T0, Place, attempt, up

DAY = datetime.fromtimestamp(T0 / 1e6, UTC).date().isoformat()


@pytest.fixture
def config(ledger_url: str, tmp_path: Path) -> Path:
    """Its ledger has two closed windows."""
    path = tmp_path / "weir.yaml"
    backend = {"kind": "vllm", "url": "http://gpu1:8000/v1", "models": {"qwen3-8b": "q"}}
    backend["gpus"] = {"usd_per_hour": 3.6}  # type: ignore[assignment]
    gpu = {"window": "10s", "close_after": "5s", "late": "1m"}
    path.write_bytes(orjson.dumps({"ledger": ledger_url, "backends": {"gpu1": backend}, "gpu": gpu}))
    with closing(open_ledger(ledger_url)) as books:
        place = Place(books, ledger_url)
        books.write_up_times([up(0, 20, down_s=20)])
        books.append([attempt(1, 0, 4), attempt(2, 2, 6), attempt(3, 5, 5.5), attempt(4, 9, 12)])
        place.close(30)
    return path


def run(capsys: pytest.CaptureFixture[str], config: Path, *more: str) -> tuple[str, str]:
    assert main(["gpu", "--config", str(config), "--from", DAY, "--to", DAY, *more]) == 0
    captured = capsys.readouterr()
    return captured.out, captured.err


def test_the_lines_and_the_tenants_add_up_to_the_capacity(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, _ = run(capsys, config, "--windows")
    lines = [line.split() for line in out.splitlines()]
    assert ["gpu1", "2", "20.000000000", "9.000000000"] in [line[:4] for line in lines]
    assert ["sum", "-", "-", "4", "20.000000000", "0.020000"] in lines
    assert [line[0][-9:] for line in lines if line and line[0].startswith(DAY)] == ["00:00:00Z", "00:00:10Z"]


def test_as_json_with_every_window(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = orjson.loads(run(capsys, config, "--json")[0])
    assert report["adds_up"] is True
    assert [window["capacity_ns"] for window in report["windows"]] == [10_000_000_000] * 2
    assert sum(part["nanos"] for part in report["parts"]) == 20_000_000
    assert {part["tenant"] for part in report["parts"]} == {"", "t0", "t1", "t2"}


def test_recomputing_says_whether_anything_changed(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, config, "--recompute")[1] == "gpu1: 0 windows changed, 0 costs corrected\n"
    file = orjson.loads(config.read_bytes())
    file["backends"]["gpu1"]["gpus"]["usd_per_hour"] = 7.2
    config.write_bytes(orjson.dumps(file))
    assert run(capsys, config, "--recompute")[1] == "gpu1: 2 windows changed, 4 costs corrected\n"


def test_a_backend_that_is_not_paid_by_the_hour_is_named(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["gpu", "--config", str(config), "--backend", "other", "--recompute"]) == 1
    assert "no backend other with gpus" in capsys.readouterr().err


def test_a_period_without_windows_says_so(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["gpu", "--config", str(config), "--from", "2020-01-01", "--to", "2020-01-01"]) == 0
    assert capsys.readouterr().out == "No window is closed in this period.\n"
