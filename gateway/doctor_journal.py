"""What `weir doctor` asks of the journal's folder. Nothing stays there."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path


def examine_journal(folder: Path, max_bytes: int) -> tuple[bool, str]:
    """Whether a gateway can keep its journal there, and why."""
    place = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
    try:
        with tempfile.TemporaryFile(dir=place) as file:
            os.posix_fallocate(file.fileno(), 0, 4096)
        free = shutil.disk_usage(place).free
    except OSError as error:
        return False, f"{folder}: nothing can be written in {place}: {error.strerror or error}"
    told = f"{folder}: {'can be written' if place == folder.absolute() else 'can be made'}"
    if free < max_bytes:
        return False, f"{told}, but {free / 1e9:.1f} GB are free, less than journal.max_bytes"
    return True, f"{told}, {free / 1e9:.1f} GB free"
