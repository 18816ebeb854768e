"""What lies in a journal's folder, for a person. Changes nothing there."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from metering.journal.checkpoint import Position, read_checkpoint
from metering.journal.errors import LaterVersion
from metering.journal.folder import QUARANTINE, is_alive, process_folders
from metering.journal.record import ENDS, KIND_NAMES, OPEN, ROWS, Damage, decode, scan
from metering.journal.segment import HEADER_BYTES, SegmentView, segment_numbers


def describe(folder: Path | str) -> list[dict[str, Any]]:
    """One dictionary for each process, oldest first, and one for the quarantine if anything is in it.

    Of a living process it is a moment's picture: records that are just being made may be missing, or be seen
    half. Blocks: it reads every segment. Raises OSError.
    """
    root = Path(folder)
    found = [_process(path) for path in process_folders(root)]
    quarantined = sorted(root.glob(f"{QUARANTINE}/*"))
    if quarantined:
        found.append({"quarantine": [f"{path.name} ({path.stat().st_size} bytes)" for path in quarantined]})
    return found


def _process(path: Path) -> dict[str, Any]:
    checkpoint = read_checkpoint(path)
    segments, records, opens = [], Counter[str](), set[str]()
    waiting, used_bytes, damages = 0, 0, list[str]()
    for number in segment_numbers(path):
        try:
            view = SegmentView(path, number)
        except (FileNotFoundError, LaterVersion) as error:
            damages.append(str(error))
            continue
        segments.append(view.path.name)
        used_bytes += view.size
        waiting += _read(view, checkpoint, records, opens, damages)
        view.close()
    return {
        "process": path.name,
        "alive": is_alive(path),
        "segments": segments,
        "bytes": used_bytes,
        "records": dict(records),
        "open_attempts": len(opens),
        "rows_not_shipped": waiting,
        "checkpoint": list(checkpoint),
        "damages": damages,
    }


def _read(
    view: SegmentView, checkpoint: Position, records: Counter[str], opens: set[str], damages: list[str]
) -> int:
    """Returns how many rows of the segment lie behind the checkpoint."""
    waiting = 0
    if view.damage is not None:
        damages.append(f"{view.path.name}: {view.damage.what}")
    for item in scan(view.data, HEADER_BYTES, view.size):
        if isinstance(item, Damage):
            damages.append(f"{view.path.name} at {item.offset}, {item.end - item.offset} bytes: {item.what}")
            continue
        records[KIND_NAMES.get(item.kind, f"kind {item.kind}")] += 1
        waiting += item.kind in ROWS and Position(view.number, item.offset) >= checkpoint
        _note(item.kind, decode(item)[0], opens)
    return waiting


def _note(kind: int, event_id: str, opens: set[str]) -> None:
    if kind == OPEN:
        opens.add(event_id)
    elif kind in ENDS:
        opens.discard(event_id)
