"""How far a process's journal has been shipped: 20 bytes, written over in place.

It is never synchronised. If it is torn, lost or old, rows are shipped again, and the ledger passes over ids
that it has.
"""

from __future__ import annotations

import os
from pathlib import Path
from struct import Struct
from typing import NamedTuple
from zlib import crc32

from metering.journal.folder import CHECKPOINT

_PLACE = Struct("<QQ")
_CHECKSUM = Struct("<I")
_BYTES = _PLACE.size + _CHECKSUM.size


class Position(NamedTuple):
    """A place between two records."""

    number: int
    offset: int


NOWHERE = Position(0, 0)
"""Before everything."""


def read_checkpoint(folder: Path) -> Position:
    """NOWHERE if there is none, or none that can be believed."""
    try:
        found = (folder / CHECKPOINT).read_bytes()
    except FileNotFoundError:
        return NOWHERE
    place, checksum = found[: _PLACE.size], found[_PLACE.size : _BYTES]
    if len(found) < _BYTES or checksum != _CHECKSUM.pack(crc32(place)):
        return NOWHERE
    return Position(*_PLACE.unpack(place))


def write_checkpoint(folder: Path, position: Position) -> None:
    """Raises OSError."""
    place = _PLACE.pack(*position)
    descriptor = os.open(folder / CHECKPOINT, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        os.pwrite(descriptor, place + _CHECKSUM.pack(crc32(place)), 0)
    finally:
        os.close(descriptor)
