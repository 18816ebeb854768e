"""What is said of answers, written to the ledger in a thread of its own: a slow one holds nothing else up."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from gateway.errors import Unavailable
from metering.ledger import LedgerError
from metering.quality.ledger import QualityLedger
from metering.quality.rows import FeedbackRow, VerdictRow

MOST_WAITING = 200
"""Words not yet written: a client that talks without end gets 503, not all of the memory."""


class QualityDesk:
    """For the event loop's thread."""

    def __init__(self, ledger: QualityLedger) -> None:
        self._ledger = ledger
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="weir-quality")
        self._waiting = 0

    async def feedback(self, row: FeedbackRow) -> None:
        """Returns when it is stored. Raises Unavailable, without what the ledger said."""
        if self._waiting >= MOST_WAITING:
            raise Unavailable("Too much feedback at once; try again.", headers=((b"retry-after", b"2"),))
        self._waiting += 1
        try:
            await self._run(partial(self._ledger.write_feedback, row))
        except LedgerError as error:
            message = "Feedback cannot be stored at the moment; try again."
            raise Unavailable(message, code="ledger_unavailable") from error
        finally:
            self._waiting -= 1

    async def verdict(self, row: VerdictRow) -> None:
        """Raises LedgerError."""
        await self._run(partial(self._ledger.write_verdict, row))

    def close(self) -> None:
        """What is being written is left to its own time limits."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _run(self, write: Callable[[], None]) -> None:
        await asyncio.get_running_loop().run_in_executor(self._thread, write)
