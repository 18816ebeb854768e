"""The books of one gateway's configuration: for its commands, and for management."""

from __future__ import annotations

from collections.abc import Callable

from gateway.clock import Clock
from gateway.config import GatewaySettings
from gateway.config_books import policy_of
from gateway.keydirectory import KeyDirectory
from metering.books.audit import Audit, unaudited
from metering.books.backlog import journal_backlog
from metering.books.closing import BookKeeper
from metering.books.errors import BooksError
from metering.books.read import list_statements
from metering.books.store import open_books
from metering.ledger import LedgerReader


class UnknownTenant(BooksError):
    """Neither the file nor the key store has this tenant, and it has no statement."""


def keeper_of(
    settings: Callable[[], GatewaySettings],
    reader: LedgerReader,
    clock: Clock,
    audit: Audit = unaudited,
    flush: Callable[[], object] = lambda: None,
) -> BookKeeper:
    """Of the settings in force at each call; `flush` brings what this process holds to the ledger. Raises
    LedgerError for an address that is none."""

    def journals(until_us: int) -> list[str]:
        flush()
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


def cost_center_of(tenant: str, keys: KeyDirectory, reader: LedgerReader) -> str:
    """Where an entry for this tenant is booked if nobody says otherwise; '' is the house. Blocks. Raises
    UnknownTenant, KeyStoreError and LedgerError."""
    if not tenant:
        return ""
    known = {view.name: view.cost_center for view in keys.tenants()}
    if tenant not in known and not list_statements(reader, tenant=tenant, limit=1):
        raise UnknownTenant(
            f"tenant: none is named {tenant[:128]!r}, in the file or in the key store; of one that is gone, "
            "give the cost center"
        )
    return known.get(tenant, "")
