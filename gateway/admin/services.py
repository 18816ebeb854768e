"""What management needs from the rest of the gateway, as callables: it imports none of the road."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from cache.answers import Purge, Purged
from cache.seeds import Seed
from gateway.clock import Clock
from gateway.config import GatewaySettings
from gateway.keydirectory import KeyDirectory
from gateway.tenants import Caller
from metering.audit.entry import AuditRow, Author
from metering.audit.read import AuditQuery
from metering.audit.verify import Head, Verdict
from metering.books.audit import Audit
from metering.books.closing import BookKeeper
from metering.budgets import Standing
from metering.event import Event
from metering.ledger import LedgerReader
from metering.quality.report import QualityQuery, QualityReport
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


class CacheView(Protocol):
    """For the event loop's thread."""

    def status(self) -> Mapping[str, Any]:
        """JSON-ready."""
        ...

    async def purge(self, what: Purge) -> Purged:
        """Once acknowledged, no process serves what was purged. Raises BadRequest."""
        ...

    def seed(self, route: str, seeds: Sequence[Seed], ttl_us: int | None) -> int:
        """Keeps a curated route's own pairs. Raises BadRequest."""
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
    quality: Callable[[QualityQuery], QualityReport]
    """Blocks. Raises LedgerError and ReportError."""
    events: EventQuery
    standings: Callable[[], Awaitable[Sequence[Standing]]]
    """Of budgets and limits."""
    backends: Callable[[], Sequence[Mapping[str, Any]]]
    """JSON-ready, without secrets."""
    config: Callable[[], ConfigInForce]
    reload: Callable[[Author], Awaitable[ConfigInForce]]
    """Reads the file again, and takes it whole or not at all: raises ConfigError or AuditUnavailable, and the
    old one goes on."""
    audit: Audit
    """Puts a change into the audit log, before it is made. `before` and `after` hold no secrets. Blocks.
    Raises AuditUnavailable: then the change must not be made."""
    audit_rows: Callable[[AuditQuery], Sequence[AuditRow]]
    """Blocks. Raises LedgerError."""
    verify_audit: Callable[[Head | None], Verdict]
    """Blocks. Raises LedgerError."""
    books: BookKeeper
    """Closes months and takes entries; tells its own audit. Blocks. Raises LedgerError and BooksError."""
    cache: CacheView
    ledger: LedgerReader
