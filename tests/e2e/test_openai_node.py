"""The openai package for Node, as it is published, against the gateway and a real engine."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from tests.e2e.road import Road

FOLDER = Path(__file__).parent / "node"
WITHIN_S = 120


def node() -> str:
    """The one of the dev group stands beside this Python."""
    found = shutil.which("node", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
    assert found, "no node: `make test` installs it"
    return found


def test_the_node_package_works_unchanged(road: Road) -> None:
    assert (FOLDER / "node_modules/openai").is_dir(), "no openai package: `make test` installs it"
    ran = subprocess.run(
        [node(), "--test", "--test-reporter=tap", "client.test.mjs"],
        cwd=FOLDER,
        env={
            **os.environ,
            "WEIR_BASE_URL": road.base_url,
            "WEIR_API_KEY": road.key,
            "WEIR_MODEL": road.model,
            "WEIR_FAKE_MODEL": road.fake_model,
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=WITHIN_S,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    counts = {
        name: int(count)
        for name, count in re.findall(r"^# (tests|pass|fail|skipped) (\d+)$", ran.stdout, re.M)
    }
    written = (FOLDER / "client.test.mjs").read_text().count("\ntest(")
    assert counts == {"tests": written, "pass": written, "fail": 0, "skipped": 0}, ran.stdout
