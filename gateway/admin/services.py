"""What management needs from the rest of the gateway, as callables: it imports none of the road."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from gateway.clock import Clock
from gateway.config import GatewaySettings
from gateway.keydirectory import KeyDirectory
from gateway.tenants import Caller
from metering.budgets import Standing
from metering.books.closing import BookKeeper
from metering.event import Event
from metering.ledger import LedgerReader
from metering.reports import ReportQuery, UsageReport


class EventQuery(Protocol):
    def __call__(
        self,
        *,
        request_id: str | None,
        tenant: str | None,
        limit: int,
        after: str | None,
        newest_first: bool,
    ) -> Sequence[Event]:
        """See metering.event_query.query_events. Blocks. Raises LedgerError."""
        ...


@dataclass(frozen=True, slots=True)
class ConfigInForce:
    """The configuration this process runs."""

    settings: GatewaySettings
    version: int
    """Counts the snapshots since the process started."""
    text_hash: str
    path: str
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """A change made through management: who did what to which thing."""

    who: str
    action: str
    subject: str


@dataclass(frozen=True, slots=True)
class AdminServices:
    clock: Clock
    admin_key: Callable[[], str | None]
    """Of the settings in force, so that a reload changes it."""
    identify: Callable[[bytes | None, bytes | None], Caller]
    """(authorization, x-api-key) -> caller. Raises Unauthorized and Unavailable."""
    keys: KeyDirectory
    refresh_keys: Callable[[], None]
    """Puts a change of keys in force now, instead of at the next look."""
    report: Callable[[ReportQuery], UsageReport]
    """Blocks. Raises LedgerError."""
    events: EventQuery
    standings: Callable[[], Awaitable[Sequence[Standing]]]
    """Of budgets and limits."""
    backends: Callable[[], Sequence[Mapping[str, Any]]]
    """JSON-ready, without secrets."""
    config: Callable[[], ConfigInForce]
    reload: Callable[[], Awaitable[ConfigInForce]]
    """Reads the file again, and takes it whole or not at all: raises ConfigError, and the old one goes on."""
    audit: Callable[[AuditRecord], None]
    books: BookKeeper
    """Closes months and takes entries; tells its own audit. Blocks. Raises LedgerError and BooksError."""
    ledger: LedgerReader
