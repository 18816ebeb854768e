"""`python -m tests.servers FOLDER`: every test that asks a Redis, on each server whose program is in FOLDER.

The tests themselves take the server that a machine has, which is one version; Weir promises several.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.redis_server import NAMES, PROGRAM

TESTS = Path(__file__).parent
ASKING = ("redis_server", "redis_url", "Place")
"""One of them stands in each test file that has a server."""


def programs(folder: Path) -> dict[str, Path]:
    """The servers in there by their version."""
    found = {_version(path): path for name in NAMES for path in sorted(folder.rglob(name)) if path.is_file()}
    return dict(sorted(found.items()))


def files() -> Iterator[Path]:
    for path in sorted(TESTS.rglob("test_*.py")):
        if "redis" in (text := path.read_text()) and any(name in text for name in ASKING):
            yield path


def main(folder: Path) -> int:
    found, failed = programs(folder), []
    for version, program in found.items():
        print(f"... {version}", flush=True)
        command = [sys.executable, "-m", "pytest", "-q", "--numprocesses", "2", "--dist", "loadfile"]
        environment = {**os.environ, PROGRAM: str(program)}
        run = subprocess.run([*command, *map(str, files())], env=environment, check=False)
        if run.returncode:
            failed.append(version)
    print(f"failed: {', '.join(failed)}" if failed else "all passed")
    return 1 if failed or not found else 0


def _version(program: Path) -> str:
    """Such as `Valkey server v=9.1.2`."""
    program.chmod(program.stat().st_mode | 0o100)  # wheels lose the bit
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
    return said.partition(" sha=")[0]


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).resolve()))
