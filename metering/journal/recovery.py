"""What dead processes left behind: their rows are shipped, their open attempts become interrupted ones.

Recovery writes nothing but copies of damaged bytes, and a sub-folder goes only when all of it is in the
ledger. Killed at any point and run again, it comes to the same rows with the same ids.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from metering.journal.checkpoint import NOWHERE, Position, read_checkpoint
from metering.journal.errors import JournalError
from metering.journal.folder import ProcessFolder, take_dead
from metering.journal.quarantine import keep_damage
from metering.journal.record import ENDS, OPEN, ROWS, Damage, Record, decode, scan
from metering.journal.segment import HEADER_BYTES, SegmentView, segment_name, segment_numbers
from metering.ledger import Row

logger = logging.getLogger(__name__)

Interrupted = Callable[[str, str, Any], Row]
"""(the dead process, event id, what `open` was given) -> the row of an attempt whose end nobody saw. Its
id is the event's."""


class DamageReport(NamedTuple):
    """Bytes that could not be read as records."""

    file: Path
    offset: int
    length: int
    what: str
    kept_in: Path | None
    """Where a copy lies; None if it could not be written, and then the segment itself stays."""


@dataclass
class Recovered:
    """One dead process's journal, taken over: give it to `Shipper.adopt`, or `release` it."""

    home: ProcessFolder
    interrupted: list[Row] = field(default_factory=list)
    """One row for each attempt that was under way."""
    rows_waiting: int = 0
    """Rows that are not known to be in the ledger; `interrupted` not counted."""
    damages: list[DamageReport] = field(default_factory=list)
    problem: str = ""
    """Why it could not be read at all; it is left as it is."""

    @property
    def process(self) -> str:
        return self.home.process

    @property
    def removable(self) -> bool:
        """Whether nothing is lost by deleting the segments once their rows are shipped."""
        return not self.problem and all(damage.kept_in is not None for damage in self.damages)

    def release(self) -> None:
        self.home.release()


class _Reading:
    """The state of going through one process's segments."""

    def __init__(self, folder: Path, found: Recovered) -> None:
        self.folder = folder
        self.found = found
        self.opens: dict[str, tuple[SegmentPlace, Any]] = {}
        self.shipped: Position = NOWHERE

    def record(self, view: SegmentView, record: Record) -> None:
        try:
            event_id, body = decode(record)
        except ValueError as error:
            self.damaged(view, Damage(record.offset, record.end, f"not a record's payload: {error}"))
            return
        if record.kind == OPEN:
            self.opens[event_id] = (SegmentPlace(view.number, record.offset, record.end), body)
            return
        if record.kind not in ENDS:
            self.damaged(view, Damage(record.offset, record.end, f"a record of unknown kind {record.kind}"))
            return
        self.opens.pop(event_id, None)
        if record.kind in ROWS and Position(view.number, record.offset) >= self.shipped:
            self.found.rows_waiting += 1

    def damaged(self, view: SegmentView, damage: Damage) -> None:
        kept_in: Path | None = None
        try:
            kept_in = keep_damage(self.folder, self.found.process, view, damage)
        except OSError as error:
            logger.error("journal: cannot copy damaged bytes of %s: %s", view.path, error)
        length = damage.end - damage.offset
        report = DamageReport(view.path, damage.offset, length, damage.what, kept_in)
        logger.error("journal damaged: %s at %d, %d bytes: %s (copy: %s)", *report)
        self.found.damages.append(report)


class SegmentPlace(NamedTuple):
    number: int
    offset: int
    end: int


def recover(folder: Path | str, interrupted: Interrupted) -> list[Recovered]:
    """Take over what dead processes left in `folder`, oldest first. Blocks. Raises OSError if the folder
    cannot be read. `interrupted` is called once for each attempt that was open; a payload it cannot
    use is reported as damage."""
    root = Path(folder)
    return [_recover_one(root, home, interrupted) for home in take_dead(root)]


def _recover_one(folder: Path, home: ProcessFolder, interrupted: Interrupted) -> Recovered:
    found = Recovered(home)
    reading = _Reading(folder, found)
    try:
        reading.shipped = read_checkpoint(home.path)
        for view in _views(home.path, found):
            _read_segment(reading, view)
        for event_id, (place, body) in reading.opens.items():
            _interrupt(reading, event_id, place, body, interrupted)
    except (OSError, JournalError) as error:
        logger.error("journal %s cannot be recovered: %s", home.path, error)
        found.problem = str(error)
    return found


def _views(path: Path, found: Recovered) -> Iterator[SegmentView]:
    before: int | None = None
    for number in segment_numbers(path):
        if before is not None and number != before + 1:
            missing = path / segment_name(before + 1)
            logger.error("journal damaged: %s is missing", missing)
            found.damages.append(DamageReport(missing, 0, 0, "the segment is missing", missing.parent))
        before = number
        view = SegmentView(path, number)
        try:
            yield view
        finally:
            view.close()


def _read_segment(reading: _Reading, view: SegmentView) -> None:
    if view.damage is not None:
        reading.damaged(view, view.damage)
    for item in scan(view.data, HEADER_BYTES, view.size):
        if isinstance(item, Damage):
            reading.damaged(view, item)
        else:
            reading.record(view, item)


def _interrupt(
    reading: _Reading, event_id: str, place: SegmentPlace, body: Any, interrupted: Interrupted
) -> None:
    try:
        reading.found.interrupted.append(interrupted(reading.found.process, event_id, body))
    except Exception as error:  # noqa: BLE001 - one payload that the hook cannot use must not stop the others
        view = SegmentView(reading.found.home.path, place.number)
        reading.damaged(
            view, Damage(place.offset, place.end, f"open record of {event_id} is of no use: {error!r}")
        )
        view.close()
