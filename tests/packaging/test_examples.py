"""What is shown to be copied is right as it stands."""

from __future__ import annotations

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
