"""What is shown to be copied is right as it stands."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CONFIGS = [ROOT / "examples/production.yaml", ROOT / "deploy/weir.yaml", ROOT / "deploy/weir-local.yaml"]
ENVIRONMENT = {
    "OPENAI_API_KEY": "sk-of-somebody",
    "WEIR_ADMIN_KEY": "0123456789abcdef" * 3,
    "WEIR_DB_PASSWORD": "of-the-database",
}


@pytest.mark.parametrize("config", CONFIGS, ids=[path.name for path in CONFIGS])
def test_weir_check_accepts_it_and_shows_no_secret(config: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "gateway.cli", "check", str(config)],
        cwd=ROOT,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    for secret in ENVIRONMENT.values():
        assert secret not in ran.stdout + ran.stderr


def test_the_example_of_a_reconciliation_explains_its_bill() -> None:
    ran = subprocess.run(
        [sys.executable, "examples/reconcile.py"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stderr
    told = [line.split() for line in ran.stdout.splitlines()]
    for expected in ("missing -0.02", "bypassed +0.04", "priced differently +0.02", "unexplained 0.00"):
        assert any(line[: len(expected.split())] == expected.split() for line in told), ran.stdout


def test_weir_check_refuses_it_without_its_variables() -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "gateway.cli", "check", "examples/production.yaml"],
        cwd=ROOT,
        env={},
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 1
    assert "WEIR_ADMIN_KEY" in ran.stdout + ran.stderr
