"""What keeps the ledger in order beside the road: sums brought up to date when it is quiet, old rows deleted.

Several gateways on one ledger may do the same: whoever comes second finds nothing to do.
"""

from __future__ import annotations

from collections.abc import Callable

from gateway.clock import Clock
from gateway.config import RetentionSettings
from metering.days import US_PER_DAY
from metering.ledger import Books, LedgerError

LOOK_EVERY_S = 60.0
DROP_FIRST_AFTER_S = 600.0
"""After the start, so that a gateway which is restarted again and again has something better to do."""
DROP_EVERY_S = 86_400.0
DROP_AGAIN_AFTER_S = 3600.0
"""After a failure."""

News = Callable[..., None]
"""(event, **fields): a line of the log."""


class Upkeep:
    """`look` is called every LOOK_EVERY_S from a thread that may wait: it blocks while the ledger works."""

    def __init__(
        self,
        ledger: Books,
        clock: Clock,
        *,
        backlog: Callable[[], int],
        rows: Callable[[], int],
        retention: Callable[[], RetentionSettings],
        news: News,
    ) -> None:
        """`backlog`: rows that wait for the ledger. `rows`: how many were ever recorded by this process."""
        self._ledger = ledger
        self._clock = clock
        self._backlog = backlog
        self._rows = rows
        self._retention = retention
        self._news = news
        self._summed: int | None = None
        self._drop_at_s = clock.monotonic() + DROP_FIRST_AFTER_S

    def look(self) -> None:
        self._sum_up()
        if self._clock.monotonic() >= self._drop_at_s:
            self._drop()

    def _sum_up(self) -> None:
        """Only what came in since the last time, and only while no row waits: rows come first. That a ledger
        is away is told by who brings it rows."""
        rows = self._rows()
        if rows == self._summed or self._backlog():
            return
        try:
            self._ledger.roll_up()
        except LedgerError:
            return
        self._summed = rows

    def _drop(self) -> None:
        now_us = self._clock.wall_ns() // 1000
        keep_s = self._retention().events
        self._drop_at_s = self._clock.monotonic() + DROP_EVERY_S
        if keep_s is None:
            return
        until_us = now_us - int(keep_s * 1e6)
        try:
            gone = self._ledger.drop_before(until_us - until_us % US_PER_DAY)
        except LedgerError as error:
            self._drop_at_s = self._clock.monotonic() + DROP_AGAIN_AFTER_S
            self._news("retention", ok=False, detail=str(error))
            return
        if gone:
            self._news("retention", ok=True, dropped=gone, until_us=until_us - until_us % US_PER_DAY)
