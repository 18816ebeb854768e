"""Instants as people and programs read them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def show_instant(epoch_us: int | None) -> str | None:
    """`2026-01-31T18:00:00Z`, None for None."""
    if epoch_us is None:
        return None
    return (_EPOCH + timedelta(microseconds=epoch_us)).isoformat().replace("+00:00", "Z")
