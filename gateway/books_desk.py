"""The books of one gateway's configuration: for its commands, and for management."""

from __future__ import annotations

from collections.abc import Callable

from gateway.clock import Clock
from gateway.config import GatewaySettings
from gateway.config_books import policy_of
from metering.books.audit import Audit, unaudited
from metering.books.backlog import journal_backlog
from metering.books.closing import BookKeeper
from metering.books.store import open_books
from metering.ledger import LedgerReader


def keeper_of(
    settings: Callable[[], GatewaySettings], reader: LedgerReader, clock: Clock, audit: Audit = unaudited
) -> BookKeeper:
    """Of the settings in force at each call. Raises LedgerError for an address that is none."""

    def journals(until_us: int) -> list[str]:
        folder = settings().journal_folder
        return journal_backlog(folder, until_us) if folder.exists() else []

    return BookKeeper(
        open_books(settings().ledger),
        reader,
        lambda: policy_of(settings().books),
        lambda: clock.wall_ns() // 1000,
        journals=journals,
        audit=audit,
    )
