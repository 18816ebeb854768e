"""What is done once a client has its answer: rows, kept answers, metrics and log lines, of all the requests
that ended in one turn of the event loop together.

The same few steps, taken for ten requests in a row, cost little more than half of what they cost scattered
among everything else that a request needs: code and data are at hand.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

logger = logging.getLogger(__name__)

Step = Callable[..., None]


class Afterwards:
    """For the event loop's thread. Rows come first, then answers, then reports, which tell of
    both."""

    def __init__(self) -> None:
        self._rows: list[tuple[Any, ...]] = []
        self._answers: list[tuple[Any, ...]] = []
        self._reports: list[tuple[Any, ...]] = []
        self._called = False

    def row(self, step: Step, *values: Any) -> None:
        self._rows.append((step, *values))
        if not self._called:
            self._call()

    def answer(self, step: Step, *values: Any) -> None:
        """An answer is to be kept."""
        self._answers.append((step, *values))
        if not self._called:
            self._call()

    def report(self, step: Step, *values: Any) -> None:
        self._reports.append((step, *values))
        if not self._called:
            self._call()

    def finish(self) -> None:
        """Everything now: at this turn's end, and when the gateway stops."""
        self._called = False
        waiting = (self._rows, self._answers, self._reports)
        self._rows, self._answers, self._reports = [], [], []
        for steps in waiting:
            for step, *values in steps:
                try:
                    step(*values)
                except Exception:
                    logger.exception("a defect after an answer; the others go on")

    def _call(self) -> None:
        self._called = True
        asyncio.get_running_loop().call_soon(self.finish)
