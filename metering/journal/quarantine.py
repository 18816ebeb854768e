"""Where bytes and rows go that cannot go into the ledger, so that a person can look at them."""

from __future__ import annotations

import json
import os
from pathlib import Path

from metering.journal.folder import QUARANTINE
from metering.journal.record import Damage
from metering.journal.segment import SegmentView, sync_folder
from metering.ledger import Row


def keep_damage(folder: Path, process: str, view: SegmentView, damage: Damage) -> Path:
    """Copy the damaged bytes. The same damage gets the same name, so doing it again changes nothing.

    Returns the file. Raises OSError.
    """
    path = _place(folder) / f"{process}-{view.number:010d}-{damage.offset:08d}.bin"
    unnamed = path.with_suffix(".new")
    _write(unnamed, view.data[damage.offset : damage.end], os.O_TRUNC)
    os.rename(unnamed, path)
    sync_folder(path.parent)
    return path


def keep_row(folder: Path, process: str, row: Row, why: str) -> Path:
    """Add the row to the process's file of rejected rows, one JSON object a line. Raises OSError."""
    path = _place(folder) / f"{process}-rejected.jsonl"
    line = json.dumps({"why": why, "row": row}, default=repr)
    _write(path, f"{line}\n".encode(), os.O_APPEND)
    return path


def _place(folder: Path) -> Path:
    place = folder / QUARANTINE
    place.mkdir(mode=0o700, exist_ok=True)
    return place


def _write(path: Path, content: bytes, how: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | how, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(descriptor)
