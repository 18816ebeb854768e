"""What `weir serve` settles before anything slow is imported."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys

import pytest

from gateway.commands import serve

THREADS = "OPENBLAS_NUM_THREADS"


@pytest.mark.parametrize(("before", "after"), [(None, "1"), ("4", "4")])
def test_products_are_not_shared_among_cores(
    monkeypatch: pytest.MonkeyPatch, before: str | None, after: str
) -> None:
    if before is None:
        monkeypatch.delenv(THREADS, raising=False)
    else:
        monkeypatch.setenv(THREADS, before)
    seen = []
    monkeypatch.setattr("gateway.server.run", lambda *_, **__: seen.append(os.environ[THREADS]) or 0)
    assert serve.run(argparse.Namespace(config="weir.yaml", host=None, port=None)) == 0
    assert seen == [after]


def test_it_is_settled_before_numpy_is_there() -> None:
    """Which reads it once."""
    told = "import sys, gateway.cli, gateway.commands.serve; sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", told], check=False).returncode == 0
