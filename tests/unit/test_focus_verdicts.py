"""What the official validator prints is read for failures: its exit code says nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.focus import interpreter
from tests.focus.verdicts import Verdict, official, table

TOTAL = "Total: 578 | Pass: 298 | Fail: {} | Skipped: 279\n"


def verdict(failed: int, *names: str) -> Verdict:
    said = "".join(f"❌ {name}: FAIL  (violations=35, msg=no)\n" for name in names)
    return official("f.csv", TOTAL.format(failed) + said)


@pytest.mark.parametrize("name", ["InvoiceId-C-004-C", "InvoiceId-C-005-C"])
def test_the_one_broken_rule_is_passed_over(name: str) -> None:
    assert verdict(1, name).passed
    assert verdict(0).passed


def test_any_other_failure_counts() -> None:
    assert not verdict(1, "SkuMeter-C-004-C").passed
    assert not verdict(2, "InvoiceId-C-004-C", "BilledCost-C-005-C").passed
    assert "not known as broken: BilledCost-C-005-C" in verdict(1, "BilledCost-C-005-C").said


def test_failures_without_a_name_count() -> None:
    assert not verdict(2, "InvoiceId-C-004-C").passed


@pytest.mark.parametrize(
    "output", ["", "Traceback: no such file", "Total: 0 | Pass: 0 | Fail: 0 | Skipped: 0"]
)
def test_no_result_is_no_success(output: str) -> None:
    assert not official("f.csv", output).passed


def test_the_table_names_what_failed() -> None:
    lines = table([verdict(0), verdict(1, "X-C-001-M")]).splitlines()
    assert [line.split()[3] for line in lines[1:]] == ["ok", "FAILED"]


def test_an_interpreter_of_another_version_is_passed_over(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def python(name: str, says: str) -> str:
        path = tmp_path / name
        path.write_text(f"#!/bin/sh\necho {says}\n")
        path.chmod(0o755)
        return str(path)

    old, right, gone = python("old", "3.11"), python("right", "3.12"), str(tmp_path / "gone")
    monkeypatch.setattr(interpreter, "candidates", lambda: iter([gone, "", old, right]))
    assert interpreter.main() == 0
    assert capsys.readouterr().out.strip() == right
    monkeypatch.setattr(interpreter, "candidates", lambda: iter([gone, old]))
    assert interpreter.main() == 1
    assert "need python3.12" in capsys.readouterr().err
