"""When a ledger that is being written to should roll up."""

from __future__ import annotations

from collections.abc import Callable

ROWS = 20_000
INTERVAL_S = 10.0


class RollupDue:
    """After ROWS new rows, or with the first batch after INTERVAL_S. Reports are exact in between, too: this
    only bounds how much of the tail they must read."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._rows = 0
        self._last_s = clock()

    def after(self, new_rows: int) -> bool:
        """Whether it is time now, with these more; if so, counting starts again."""
        self._rows += new_rows
        now_s = self._clock()
        if self._rows < ROWS and (not self._rows or now_s - self._last_s < INTERVAL_S):
            return False
        self._rows, self._last_s = 0, now_s
        return True
