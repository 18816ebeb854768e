"""Reports while requests are served, in threads of their own: a slow ledger holds nothing else up."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from gateway.errors import BadRequest, Unavailable
from metering.ledger import LedgerError
from metering.periods import ReportError
from metering.reports import ReportQuery, UsageReport

THREADS = 2
MOST_WAITING = 32
"""Reports asked for and not yet answered: a client that asks without end gets 503, not all of the memory."""


class UsageDesk:
    """`report` is for the event loop's thread."""

    def __init__(self, read: Callable[[ReportQuery], UsageReport]) -> None:
        """`read` blocks. It raises LedgerError and ReportError."""
        self._read = read
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="weir-usage")
        self._waiting = 0

    async def report(self, query: ReportQuery) -> UsageReport:
        """Raises Unavailable, without what the ledger said: its address is nobody's business."""
        if self._waiting >= MOST_WAITING:
            raise Unavailable(
                "Too many reports are being made; try again.", headers=((b"retry-after", b"2"),)
            )
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, self._read, query)
        except LedgerError as error:
            message = "Usage cannot be read at the moment; try again."
            raise Unavailable(message, code="ledger_unavailable") from error
        except ReportError as error:
            raise BadRequest(f"{error}.") from error
        finally:
            self._waiting -= 1

    def close(self) -> None:
        """What is being read is left to its own time limits."""
        self._threads.shutdown(wait=False, cancel_futures=True)
