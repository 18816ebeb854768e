"""Finds the Python that the validators need, and prints its path: focus-validator wants 3.12, and numpy as it
pins it has no wheels for a later one."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

NEEDED = (3, 12)
_NAME = f"python{NEEDED[0]}.{NEEDED[1]}"
_VERSION = "import sys; print('%d.%d' % sys.version_info[:2])"


def candidates() -> Iterator[str]:
    """Those on PATH first; then what pyenv and uv have or can get."""
    for name in (_NAME, "python3", "python"):
        found = shutil.which(name)
        if found is not None:
            yield found
    root = _said(["pyenv", "root"])
    if root:
        yield from (str(path) for path in sorted(Path(root).glob(f"versions/3.{NEEDED[1]}*/bin/{_NAME}")))
    uv = str(Path(sys.executable).parent / "uv")
    for arguments in (["python", "find", "3.12"], ["python", "install", "--quiet", "3.12"]):
        yield _said([uv, *arguments])
    yield _said([uv, "python", "find", "3.12"])


def find() -> str | None:
    wanted = f"{NEEDED[0]}.{NEEDED[1]}"
    return next((each for each in candidates() if each and _said([each, "-c", _VERSION]) == wanted), None)


def _said(command: list[str]) -> str:
    """'' where it cannot be run or fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def main() -> int:
    found = find()
    if found is None:
        sys.stderr.write(
            f"The FOCUS validators need {_NAME}: it is neither on PATH nor with pyenv, and uv cannot get it "
            "here. Install it, or name one: make focus FOCUS_PYTHON=/path/to/python3.12\n"
        )
        return 1
    sys.stdout.write(f"{found}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
