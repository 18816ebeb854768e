"""The figures of docs/cache.md on arming and drift are those of the code."""

from __future__ import annotations

import re
from math import gcd
from pathlib import Path

import numpy as np
import pytest

from cache.bound.audit import MILLION
from cache.bound.confidence import needed_if_clean
from cache.bound.keeper import EVERY_S, SETTLING
from cache.bound.state import ALLOWANCE, DRIFT_HEIGHT
from cache.stores.audit_script import EXCHANGE, KEPT_S, SILENT_MS, WAS_KEPT_S
from cache.stores.shared import PREFIX

PAGE = (Path(__file__).parents[2] / "docs/cache.md").read_text()
PROMISE_PPM = 10_000


def row(begins: str) -> list[str]:
    (line,) = re.findall(rf"^\| {re.escape(begins)} \|(.*)\|$", PAGE, re.MULTILINE)
    return [cell.strip() for cell in line.split("|")]


def percent(cell: str) -> float:
    return float(cell.removesuffix("%").strip(" >")) / 100


@pytest.mark.parametrize("promise", ["1", "0.5", "0.1"])
def test_the_sizes_that_arm(promise: str) -> None:
    rate = float(promise) / 100
    found = [f"{wrong + needed_if_clean(wrong, wrong, rate):,}" for wrong in range(4)]
    assert row(f"promise {promise} %") == found


def said_within(audits: int, error: float) -> float:
    """Exactly, by the distribution over the heights of the CUSUM, in the largest steps that all moves and the
    height at which drift is said are multiples of."""
    down = round(ALLOWANCE * PROMISE_PPM)
    step = gcd(down, MILLION, DRIFT_HEIGHT)
    down, up, top = down // step, MILLION // step, DRIFT_HEIGHT // step
    at, said = np.eye(1, top)[0], 0.0
    for _ in range(audits):
        right, wrong = np.append(at * (1 - error), np.zeros(down)), at * error
        at = right[down:]
        at[0] += right[:down].sum()
        at[up - down :] += wrong[: top - up + down]
        said += float(wrong[top - up + down :].sum())
    return said


@pytest.mark.parametrize("audits", [5_000, 300])
def test_how_soon_drift_is_said(audits: int) -> None:
    errors = [percent(cell) for cell in row("true share of wrong hits")]
    cells = row(f"drift said within {audits:,} audits")
    assert any(cells)
    for error, cell in zip(errors, cells, strict=True):
        if cell.startswith(">"):
            assert said_within(audits, error) > percent(cell)
        elif cell:
            digits = len(cell.removesuffix("%").strip().partition(".")[2])
            assert percent(cell) == pytest.approx(said_within(audits, error), abs=0.51 * 10 ** -(digits + 2))


def test_how_long_audits_are_kept() -> None:
    day_s = 24 * 3600
    assert f"Kept for {KEPT_S // day_s} days after the last use" in PAGE
    assert f"not been heard of for {SILENT_MS // 3_600_000} hours" in PAGE
    assert f"within {WAS_KEPT_S // day_s} days" in PAGE
    assert f"tell and hear every {EVERY_S:g} seconds" in PAGE
    assert {3: "three"}[SETTLING] + " exchanges" in PAGE
    for key in re.findall(r"'(audits?:\w*:?)'", EXCHANGE.text):
        assert f"`{PREFIX}{key}" in PAGE
