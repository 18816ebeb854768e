"""The gateway without its meter, to compare with: no usage read, no price, no row, no journal, no ledger.

python -m benchmarks.overhead.unmetered serve FILE --port N
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

import gateway.attempt
import gateway.delivery
from gateway.caching.place import Place
from gateway.cli import main
from gateway.exchange import Tried
from metering.outcome import Outcome


class Nothing:
    """In place of an event."""

    cost_nanos = None


class Unread:
    """In place of a report."""

    usage = None


def settle(tried: Tried, outcome: Outcome, *, error: str = "", report: Any = None) -> Nothing:
    tried.settled = True
    tried.exchange.journey.outcome, tried.exchange.journey.error = outcome, error
    return Nothing()


def unmeter() -> None:
    def not_opened(attempt: gateway.attempt.Attempt) -> None: ...

    def no_report(delivery: gateway.delivery.Delivery, payload: Any) -> Unread:
        return Unread()

    kept = gateway.delivery.give

    def keep_unmetered(
        tried: Tried, place: Place, body: bytes, answer: Mapping[str, Any], report: Any
    ) -> None:
        kept(tried, place, body, answer, None)

    replaced: Any = gateway.delivery
    replaced.give = keep_unmetered
    replaced.settle = settle
    replaced.Delivery._report = no_report
    replaced = gateway.attempt
    replaced.settle = settle
    replaced.Attempt._open = not_opened


if __name__ == "__main__":
    unmeter()
    sys.exit(main())
