"""What keeps a month from being closed: rows still in a journal, GPU windows that are not closed yet."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import func, select

from metering.days import US_PER_DAY
from metering.gpu.plan import Clocks
from metering.journal.checkpoint import Position, read_checkpoint
from metering.journal.errors import LaterVersion
from metering.journal.folder import process_folders
from metering.journal.record import ENDS, OPEN, ROWS, Damage, Record, decode, scan
from metering.journal.segment import HEADER_BYTES, SegmentView, segment_numbers
from metering.ledger import LedgerReader
from metering.store.ids import lowest_id
from metering.store.tables import gpu_clocks, gpu_up, gpu_windows
from metering.store.up_times import ClockSetting, UpTime

US_PER_S = 1_000_000


def journal_backlog(folder: Path | str, until_us: int) -> list[str]:
    """A sentence for each gateway process whose journal holds rows or open attempts that began before then,
    by the time in their ids. Blocks: it reads every segment. Raises OSError."""
    bound, found = lowest_id(until_us), []
    for path in process_folders(Path(folder)):
        rows, open_attempts = _count(path, bound)
        if rows or open_attempts:
            what = [_many(rows, "row"), _many(open_attempts, "open attempt")]
            found.append(f"{' and '.join(filter(None, what))} wait in the journal of process {path.name}")
    return found


def _many(count: int, what: str) -> str:
    return "" if not count else f"{count} {what}" if count == 1 else f"{count} {what}s"


def _count(path: Path, bound: str) -> tuple[int, int]:
    checkpoint, opens, rows = read_checkpoint(path), set[str](), 0
    for number in segment_numbers(path):
        try:
            view = SegmentView(path, number)
        except (FileNotFoundError, LaterVersion):
            continue  # shipped meanwhile, or a newer release's own business
        for record in _records(view):
            event_id = decode(record)[0]
            if event_id >= bound:
                continue
            rows += record.kind in ROWS and Position(number, record.offset) >= checkpoint
            if record.kind == OPEN:
                opens.add(event_id)
            elif record.kind in ENDS:
                opens.discard(event_id)
        view.close()
    return rows, len(opens)


def _records(view: SegmentView) -> Iterator[Record]:
    for item in scan(view.data, HEADER_BYTES, view.size):
        if not isinstance(item, Damage):
            yield item


def gpu_backlog(reader: LedgerReader, from_us: int, until_us: int) -> list[str]:
    """A sentence for each backend that was up in `[from_us, until_us)` and whose windows are not closed up to
    then. Raises LedgerError."""
    ends = func.max(gpu_windows.c.window_end_us)
    up, clocks, closed = reader.read(
        select(gpu_up).where(gpu_up.c.up_us < until_us + US_PER_DAY, gpu_up.c.seen_us > from_us - US_PER_DAY),
        select(gpu_clocks),
        select(gpu_windows.c.backend, ends).group_by(gpu_windows.c.backend),
    )
    settings = Clocks(ClockSetting(*row) for row in clocks)  # type: ignore[arg-type]
    closed_until = {str(backend): int(end or 0) for backend, end in closed}
    last_up: dict[str, int] = {}
    for row in (UpTime(*each) for each in up):  # type: ignore[arg-type]
        ahead_us = settings.ahead_us(row.process, row.up_us)
        start_us, end_us = row.up_us - ahead_us, max(row.end_us, row.up_us) - ahead_us
        if start_us < until_us and end_us > from_us:
            last_up[row.backend] = max(last_up.get(row.backend, 0), min(end_us, until_us))
    return [
        f"GPU windows of backend {backend} are closed up to {(end_us - open_us) // US_PER_S + 1} s before "
        "the last of this month in which it was up"
        for backend, end_us in sorted(last_up.items())
        if (open_us := closed_until.get(backend, from_us)) < end_us
    ]
