"""The journal as the file wants it."""

from __future__ import annotations

from collections.abc import Callable

from gateway.config import GatewaySettings
from metering.journal.journal import SEGMENT_BYTES, Journal


def open_journal(settings: GatewaySettings, on_state: Callable[[bool, str], None]) -> Journal:
    """Raises JournalError or OSError if the folder cannot be used."""
    journal = settings.journal
    return Journal(
        settings.journal_folder,
        segment_bytes=min(SEGMENT_BYTES, journal.max_bytes // 4),
        max_bytes=journal.max_bytes,
        sync_interval_s=journal.sync_every,
        when_full=journal.when_full,
        on_state=on_state,
    )
