"""Whether a configured model has a price today: asked by `weir check`, by the start and by every reload."""

from __future__ import annotations

from datetime import UTC, datetime

from gateway.config import GatewaySettings
from gateway.config_file import PriceCheck
from gateway.snapshot import compile_snapshot
from metering.catalogue import Catalogue


def price_check(catalogue: Catalogue) -> PriceCheck:
    """The rate card is looked at by the caller; this asks the catalogue."""
    today = datetime.now(UTC).date()

    def priced(settings: GatewaySettings, backend: str, model: str) -> bool:
        snapshot = compile_snapshot(settings, 0, catalogue, today)
        return snapshot.price(model, backend, today) is not None

    return priced
